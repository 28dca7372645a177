"""The report: a summary of the results in words and figures, drawn, set in a template, written to files."""
