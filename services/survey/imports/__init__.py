"""Answers that were collected elsewhere (Google Forms, Excel, paper), row by row, as sheets."""
