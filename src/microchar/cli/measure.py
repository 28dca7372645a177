"""``microchar measure``: measure volumes, each by itself."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microchar.cli._input import stays_on_disk
from microchar.cli._measuring import (
    add_options,
    check_output,
    check_reading,
    measure_arguments,
    measuring,
    read_numbered,
    write,
)
from microchar.cli._values import share
from microchar.cli._workers import workers
from microchar.core.errors import InputError
from microchar.core.progress import Progress, section
from microchar.core.text import printable

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from microchar.measurement.measuring import Measurement

#: What is written of several volumes: the page shows one volume or a comparison.
_TABLES = ("json", "csv")


def add(commands: Any) -> None:
    """Add the command to the parser of ``microchar``."""
    command = commands.add_parser("measure", help="measure volumes, each by itself")
    command.add_argument(
        "volumes", nargs="+", metavar="VOLUME", help="a file, a folder of slices, or a quoted glob of slices"
    )
    add_options(command, formats="default: all three, of several volumes json,csv")
    command.add_argument(
        "--rve",
        type=_accuracy,
        metavar="ACCURACY",
        help="say which edge gives the volume fractions this relative standard error, such as 5%%",
    )
    command.add_argument(
        "--resume",
        action="store_true",
        help="go on from the counts that an interrupted run with --on-disk or --executor left in OUTPUT.partial",
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure the volumes and write their report."""
    several = len(options.volumes) > 1
    if several and options.format is None:
        options.format = _TABLES
    if several and options.open:
        raise InputError("--open: there is no page of several volumes; leave it out, or measure one volume")
    if several and "html" in options.format:
        raise InputError("--format html: the page shows one volume or a comparison; leave html out for several volumes")
    check_output(options)
    if options.rve is not None and options.no_errors:
        raise InputError("--rve: needs standard errors; leave out --no-errors")
    check_reading(options)
    _check_resume(options)
    from microchar.measurement.record import Record

    with workers(options) as executor, measuring(options) as progress:
        measurements = _measured(options, progress, executor)
        if several:
            records = (m.record(command=options.command_line).without_influence() for m in measurements)
            shown, record = None, Record.joined(records)
        else:
            (measurement,) = measurements
            shown, record = [measurement.volume], measurement.record(command=options.command_line)
    write(options, record, shown)
    return 1 if record.failed or len(record.volumes) < len(options.volumes) else 0


def _measured(options: argparse.Namespace, progress: Progress, executor: Executor | None) -> Iterator[Measurement]:
    """Measure one volume after the other; of several, one that cannot be measured is left out."""
    from microchar.measurement.measuring import measure

    n = len(options.volumes)
    measured = 0
    for number, path in enumerate(options.volumes):
        part = section(progress, number / n, (number + 1) / n)
        try:
            volume = read_numbered(options, number)
            how = {"progress": part, "executor": executor, **_kept(options, number)}
            measurement = measure(volume, **how, **measure_arguments(options))
        except InputError as error:
            if options.fail_fast or (number == n - 1 and not measured):
                raise
            warnings.warn(f"{path} is left out: {error}", stacklevel=1)
            continue
        except KeyboardInterrupt:
            folder = _partial(options, number)
            if not (stays_on_disk(options) and folder.is_dir()):
                raise
            raise KeyboardInterrupt(
                f"interrupted; {folder} holds the counts, continue with the same command and --resume"
            ) from None
        measured += 1
        if options.rve is not None and not options.quiet:
            name = f"{printable(measurement.volume.name)}: " if n > 1 else ""
            print(*(f"{name}{line}" for line in _representative(measurement, options.rve)), sep="\n")
        yield measurement


def _kept(options: argparse.Namespace, number: int) -> dict[str, Any]:
    """Return where the counts of a volume are kept, and whether to go on from those there are."""
    if not stays_on_disk(options):
        return {}
    folder = _partial(options, number)
    return {"folder": folder, "resume": options.resume and folder.is_dir()}


def _partial(options: argparse.Namespace, number: int) -> Path:
    output = Path(options.output)
    which = f"-{number + 1}" if len(options.volumes) > 1 else ""
    return output.parent / f"{output.name}{which}.partial"  # "." has no name


def _check_resume(options: argparse.Namespace) -> None:
    folders = [_partial(options, number) for number in range(len(options.volumes))]
    if options.resume and not any(folder.is_dir() for folder in folders):
        raise InputError(f"--resume: found no counts in {folders[0]}; leave it out to begin, or name the same --output")


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
