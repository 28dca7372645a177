"""Sections of the page: what each of them shows, as plain dicts of texts, table cells and figures to draw."""
