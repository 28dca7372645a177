"""Read volumes from files and write volumes to files."""

from __future__ import annotations

from microchar.io.reading import read_volume
from microchar.io.writing import write_blocks, write_volume

__all__ = ["read_volume", "write_blocks", "write_volume"]
