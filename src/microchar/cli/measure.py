"""``microchar measure``: measure one volume."""

from __future__ import annotations

import argparse
from typing import Any

from microchar.cli._measuring import add_options, check_output, measure_arguments, measuring, read_volumes, write


def add(commands: Any) -> None:
    """Add the command to the parser of ``microchar``."""
    command = commands.add_parser("measure", help="measure one volume")
    command.add_argument("volumes", nargs=1, metavar="VOLUME", help="a file, a folder of slices, or a quoted glob")
    add_options(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure the volume and write its report."""
    check_output(options)
    from microchar.measurement.measuring import measure

    (volume,) = read_volumes(options)
    with measuring(options) as progress:
        measurement = measure(volume, progress=progress, **measure_arguments(options))
    record = measurement.record(command=options.command_line)
    write(options, record)
    return 1 if record.failed else 0
