"""The viewer in a page: volumes packed as text, maps of local differences, still pictures."""
