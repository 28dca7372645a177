"""The report: results in, one self-contained HTML page, JSON and CSV out."""
