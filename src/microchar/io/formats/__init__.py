"""File formats, one module each; see `microchar.io.image.Reader`. A scan of this folder finds the modules."""
