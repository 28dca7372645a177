"""Measurement of a volume: the interface of a metric, blocks, and the record of the results."""
