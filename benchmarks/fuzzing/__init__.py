"""The parts of ``benchmarks/fuzz.py``: valid inputs, edits of them, one case in a worker, independent readers."""
