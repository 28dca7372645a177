"""``microchar report``: compare a real volume with any number of fakes."""

from __future__ import annotations

import argparse
from typing import Any

from microchar.cli._measuring import (
    MEASURING,
    add_options,
    check_output,
    measure_arguments,
    measuring,
    read_volumes,
    write,
)
from microchar.core.errors import InputError


def add(commands: Any) -> None:
    """Add the command to the parser of ``microchar``."""
    command = commands.add_parser("report", help="compare a real volume with fake ones")
    command.add_argument(
        "volumes", nargs="+", metavar="VOLUME", help="the real volume, then the fakes; or a results.json"
    )
    add_options(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compare the volumes and write the report, or write the report of a results.json again."""
    from microchar.measurement.record import Record

    if len(options.volumes) == 1 and options.volumes[0].endswith(".json"):
        _refuse_measuring(options)
        write(options, Record.read(options.volumes[0]))
        return 0
    if len(options.volumes) < 2:
        raise InputError(
            f"report: found one volume ({options.volumes[0]}), expected a real and at least one fake; "
            "`microchar measure` measures one volume"
        )
    check_output(options)
    from microchar.comparison.comparing import compare

    reference, *candidates = read_volumes(options)
    with measuring(options) as progress:
        comparison = compare(
            reference, candidates, phases=options.phases, progress=progress, **measure_arguments(options)
        )
    record = comparison.record(command=options.command_line)
    write(options, record)
    return 1 if record.failed else 0


def _refuse_measuring(options: argparse.Namespace) -> None:
    # Nothing is measured when a report is written again: do not ignore an option that requires a measurement.
    names = [name for name in MEASURING if getattr(options, name) not in (None, (), [], False)]
    if names:
        raise InputError(
            f"{options.volumes[0]}: --{names[0].replace('_', '-')} cannot change existing results; "
            "leave it out, or give the volumes again"
        )
