"""Posters for counters: what stands on one (`content`), where it stands (`layout`), and drawing it (`draw_…`)."""
