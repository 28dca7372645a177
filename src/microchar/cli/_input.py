"""The options that say how files become volumes, and reading as they say."""

from __future__ import annotations

import argparse
import glob
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microchar.cli._values import integer, integers, sizes
from microchar.core.errors import InputError

if TYPE_CHECKING:
    from microchar.core.volume import Volume

#: Options that say how files become volumes.
INPUT = ("voxel_size", "phases", "threshold", "crop", "shape", "dtype", "offset", "outside")


def add_input(
    group: argparse._ArgumentGroup, *, raw_shape: str = "--shape", crop: str = "use this box of every volume"
) -> None:
    """Add the options that say how files become volumes."""
    group.add_argument(
        "--voxel-size", type=sizes, metavar="SIZE", help="edge of a voxel, '0.398um', or three: '1,1,2um' (images: two)"
    )
    group.add_argument("--phases", metavar="NAME=GREY,…", help="name the phases: pore=0,solid=255")
    group.add_argument("--threshold", metavar="otsu|GREY", help="segment grey images: above the threshold is phase 1")
    group.add_argument("--crop", metavar="A:B,A:B,A:B", help=crop)
    group.add_argument(raw_shape, dest="shape", type=integers, metavar="N,N,N", help="shape of raw voxels")
    group.add_argument("--dtype", metavar="TYPE", help="data type of raw voxels, such as uint8 or '>u2'")
    group.add_argument("--offset", type=integer, metavar="BYTES", help="bytes before the first raw voxel")
    group.add_argument(
        "--resample", type=sizes, metavar="SIZE", help="measure on voxels of this size, each of its majority phase"
    )
    group.add_argument("--outside", type=integer, metavar="GREY", help="voxels of this grey value belong to no phase")


def read(path: str, options: argparse.Namespace, **given: Any) -> Volume:
    """Read a volume as the input options say, or as `given` says instead."""
    from microchar.io import read_volume

    said = {key: getattr(options, key) for key in INPUT if getattr(options, key) is not None}
    said["on_disk"] = stays_on_disk(options)
    volume = read_volume(path, **said | given)
    if options.resample is None:
        return volume
    from microchar.core.resampling import resample

    return resample(volume, options.resample)


def stays_on_disk(options: argparse.Namespace) -> bool:
    """Return whether voxels stay in their files: for the workers of an executor, and for a run that may be resumed."""
    return any(getattr(options, name, None) for name in ("executor", "on_disk", "resume"))


def add_overwrite(group: argparse._ActionsContainer) -> None:
    """Add the option that names files which may be replaced although microchar did not write them."""
    group.add_argument(
        "--overwrite",
        action="append",
        default=[],
        metavar="FILE",
        help="replace this file, or files in this folder, though microchar did not write it; may be repeated",
    )


def input_files(names: Iterable[str | None]) -> list[Path]:
    """Return the files that arguments name, those of a folder or glob of slices one by one; of other names nothing."""
    from microchar.io.dispatch import locate, reader_of

    files: list[Path] = []
    for name in filter(None, names):
        try:
            path, _ = locate(name)
        except InputError:  # the name of a generator, "-", or a missing file, which its reader refuses
            continue
        if not path.exists():
            files += map(Path, glob.glob(str(path)))
        elif path.is_dir() and getattr(reader_of(f"{path.name}/"), "FORMAT", "") == "slices":
            files += path.iterdir()
        else:
            files.append(path)
    return files
