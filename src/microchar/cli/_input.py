"""Options for the conversion of files to volumes, and the function that reads a volume with them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from microchar.cli._values import integers

if TYPE_CHECKING:
    from microchar.core.volume import Volume

#: Names of the options for the conversion of files to volumes.
INPUT = ("voxel_size", "phases", "threshold", "crop", "shape", "dtype")


def add_input(
    group: argparse._ArgumentGroup, *, raw_shape: str = "--shape", crop: str = "use this box of every volume"
) -> None:
    """Add the options for the conversion of files to volumes."""
    group.add_argument("--voxel-size", metavar="SIZE", help="edge of a voxel, '0.398um', or three: '1,1,2um'")
    group.add_argument("--phases", metavar="NAME=GREY,…", help="name the phases: pore=0,solid=255")
    group.add_argument("--threshold", metavar="otsu|GREY", help="segment grey images: above the threshold is phase 1")
    group.add_argument("--crop", metavar="A:B,A:B,A:B", help=crop)
    group.add_argument(raw_shape, dest="shape", type=integers, metavar="N,N,N", help="shape of .raw and .bin files")
    group.add_argument("--dtype", metavar="TYPE", help="data type of .raw and .bin files, such as uint8 or '>u2'")


def read(path: str, options: argparse.Namespace, **replacements: Any) -> Volume:
    """Read a volume with the input options, of which `replacements` replaces some."""
    from microchar.io import read_volume

    arguments = {key: getattr(options, key) for key in INPUT}
    return read_volume(path, **arguments | replacements)
