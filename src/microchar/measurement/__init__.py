"""From a volume to its results: what a metric is, blocks, and the record that is kept of a measurement."""
