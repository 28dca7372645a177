"""The file formats: one module each, see `microchar.io.image.Reader`; found by scanning this folder."""
