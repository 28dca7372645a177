"""Surfaces of phases: closed meshes of triangles, smoothed, decimated, and written for printers and viewers."""
