"""File formats of surfaces: one format, one file. `microchar.surfaces.writing.MeshFormat` describes the contract."""
