"""``microchar measure``: measure one volume."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from microchar.cli._measuring import add_options, check_output, measure_arguments, measuring, read_volumes, write
from microchar.cli._values import share
from microchar.core.errors import InputError
from microchar.core.text import printable

if TYPE_CHECKING:
    from microchar.measurement.measuring import Measurement


def add(commands: Any) -> None:
    """Add the command to the parser of ``microchar``."""
    command = commands.add_parser("measure", help="measure one volume")
    command.add_argument("volumes", nargs=1, metavar="VOLUME", help="a file, a folder of slices, or a quoted glob")
    add_options(command)
    command.add_argument(
        "--rve",
        type=_accuracy,
        metavar="ACCURACY",
        help="say which edge gives the volume fractions this relative standard error, such as 5%%",
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure the volume and write its report."""
    check_output(options)
    if options.rve is not None and options.no_errors:
        raise InputError("--rve: needs standard errors; leave out --no-errors")
    from microchar.measurement.measuring import measure

    (volume,) = read_volumes(options)
    with measuring(options) as progress:
        measurement = measure(volume, progress=progress, **measure_arguments(options))
    if options.rve is not None and not options.quiet:
        print(*_representative(measurement, options.rve), sep="\n")
    record = measurement.record(command=options.command_line)
    write(options, record, [volume])
    return 1 if record.failed else 0


def _accuracy(text: str) -> float:
    accuracy = share(text)
    if accuracy is None or accuracy >= 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a share such as 5% or 0.05")
    return accuracy


def _representative(measurement: Measurement, accuracy: float) -> list[str]:
    """Return a line for each phase: the accuracy of this volume, and the edge for the wanted one."""
    from microchar.measurement.representative import representative_volumes

    if "volume_fraction" not in measurement:
        raise InputError("--rve: needs the metric volume_fraction")
    volume = measurement.volume
    smallest = min(volume.voxel_size[axis] for axis in volume.grid.axes)
    lines = []
    for found in representative_volumes(volume, measurement["volume_fraction"], accuracy):
        length = "" if volume.unit == "voxel" else f" ({found.edge:.3g} {volume.unit})"
        lines.append(
            f"volume fraction of {printable(found.phase)}: standard error {100 * found.accuracy:.2g} % in this volume; "
            f"{100 * accuracy:g} % needs an edge of {found.edge / smallest:.0f} voxels{length}"
        )
    return lines or ["--rve: the volume has one phase only, whose volume fraction has no error"]
