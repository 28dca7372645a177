"""The report: a record summarised, drawn, and written as an HTML page, JSON and CSV files."""
