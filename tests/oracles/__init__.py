"""Slow and obvious oracles: plain NumPy and Python, written from the definitions, sharing nothing with the kernels."""
