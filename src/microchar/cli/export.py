"""``microchar export``: writes a volume in another format, or the surfaces of its phases."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microchar.cli._input import add_input, add_overwrite, input_files, read
from microchar.cli._progress import ProgressLine
from microchar.cli._values import integer, sizes
from microchar.core.errors import InputError
from microchar.core.progress import section
from microchar.core.text import printable

if TYPE_CHECKING:
    from microchar.core.files import Replacing
    from microchar.core.volume import Volume

#: Options that apply to surfaces only.
_OF_SURFACES = ("phase", "smooth", "faces", "print_size")


def add(commands: Any) -> None:
    """Add the command to the parser of ``microchar``."""
    command = commands.add_parser(
        "export",
        help="write a volume in another format, or the surfaces of its phases",
        description="Write a volume in another format (.tif, .npy, .nrrd, .h5, .zarr, .vti), or the closed surfaces of "
        "its phases (.3mf, .stl, .ply, .obj).",
    )
    command.add_argument("volume", metavar="VOLUME", help="a file, a folder of slices, or a quoted glob")
    command.add_argument("output", metavar="FILE", help="what to write; its suffix chooses the format")
    source = command.add_argument_group("input")
    add_input(source)
    source.add_argument("--mask", metavar="FILE", help="voxels where it is 0 belong to no phase")
    surfaces = command.add_argument_group("surfaces")
    surfaces.add_argument(
        "--phase",
        action="append",
        metavar="NAME",
        help="export this phase (default: each; .stl and .ply then get a file per phase); may be repeated",
    )
    surfaces.add_argument("--smooth", type=integer, metavar="N", help="passes of smoothing (default 10; 0: none)")
    surfaces.add_argument("--faces", type=integer, metavar="N", help="largest number of triangles of each phase")
    surfaces.add_argument(
        "--print-size", type=sizes, metavar="LENGTH", help="length of the longest edge of the volume, such as 100mm"
    )
    output = command.add_argument_group("output")
    add_overwrite(output)
    output.add_argument("--quiet", action="store_true", help="print errors only")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Write the volume, or its surfaces."""
    from microchar.io.writing import writable_format, writable_suffixes
    from microchar.surfaces.writing import mesh_format, mesh_formats

    if mesh_format(options.output) is not None:
        _write_surfaces(options)
    elif writable_format(options.output) is not None:
        _write_volume(options)
    else:
        raise InputError(
            f"{options.output}: expected a volume ({', '.join(writable_suffixes())}) or surfaces "
            f"({', '.join(sorted(mesh_formats()))}); choose one of these suffixes"
        )


def _write_volume(options: argparse.Namespace) -> None:
    from microchar.io.writing import writable_format, write_volume

    for option in _OF_SURFACES:
        if getattr(options, option) is not None:
            raise InputError(f"--{option.replace('_', '-')}: applies to surfaces only, {options.output} is a volume")
    if options.mask is not None:
        raise InputError(
            f"--mask: {options.output} is a volume, which has no place for a mask; export the mask to a file of its own"
        )
    replacing = _replacing(options, getattr(writable_format(options.output), "wrote", None))
    replacing.check([Path(options.output)])
    write_volume(read(options.volume, options), options.output)
    if not options.quiet:
        print(printable(options.output))


def _write_surfaces(options: argparse.Namespace) -> None:
    from microchar.core.files import check_writable
    from microchar.surfaces.making import PASSES, phase_surface
    from microchar.surfaces.writing import known_format, scale_to, surface_files, write_surfaces

    if options.print_size is not None:
        scale_to(options.print_size, (1.0,))  # refuses a length without end before the work begins
    replacing = _replacing(options, known_format(options.output).wrote)
    volume = read(options.volume, options, mask=options.mask)
    phases = list(dict.fromkeys(options.phase or _phases_with_voxels(volume)))
    files = surface_files(options.output, phases)
    check_writable(files[0].parent)
    replacing.check(files)
    smooth = PASSES if options.smooth is None else options.smooth
    surfaces = []
    with ProgressLine(options) as progress:
        for number, phase in enumerate(phases):
            part = section(progress, number / len(phases), (number + 1) / len(phases), f"{phase}: ")
            surfaces.append(phase_surface(volume, phase, smooth=smooth, faces=options.faces, progress=part))
        write_surfaces(surfaces, options.output, print_size=options.print_size, replacing=replacing)
    if not options.quiet:
        for surface in surfaces:
            pieces = "piece" if surface.pieces == 1 else "pieces"
            counts = f"{len(surface.triangles)} triangles in {surface.pieces} closed {pieces}"
            print(printable(f"{surface.phase}: {counts}"))
        print(*(printable(str(file)) for file in files), sep="\n")


def _phases_with_voxels(volume: Volume) -> list[str]:
    import numpy as np

    labels = np.unique(volume.read())
    return [phase for label, phase in enumerate(volume.phases) if label in labels]


def _replacing(options: argparse.Namespace, wrote: Any) -> Replacing:
    from microchar.core.files import Replacing

    inputs = input_files([options.volume, options.mask])
    return Replacing(wrote=wrote or (lambda path: False), overwrite=options.overwrite, inputs=inputs)
