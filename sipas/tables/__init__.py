"""Tables and lists that administrators write in spreadsheets and YAML: read as they stand or refused."""
