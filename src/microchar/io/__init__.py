"""Reading and writing volumes: one reader per format, chosen by suffix."""
