"""``microchar report``: compare a real volume with any number of fakes."""

from __future__ import annotations

import argparse
from typing import Any

from microchar.cli._measuring import MEASURING, add_options, measure_arguments, measuring, read_volumes, say
from microchar.core.errors import InputError


def add(commands: Any) -> None:
    """Add the command to the parser of ``microchar``."""
    command = commands.add_parser("report", help="compare a real volume with fake ones")
    command.add_argument(
        "volumes", nargs="+", metavar="VOLUME", help="the real volume, then the fakes; or a results.json"
    )
    add_options(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Compare the volumes and write the report, or write the report of a results.json again."""
    from microchar.core.files import check_writable
    from microchar.measurement.record import Record
    from microchar.report.writing import write_report

    if len(options.volumes) == 1 and options.volumes[0].endswith(".json"):
        _refuse_measuring(options)
        say(options, write_report(Record.read(options.volumes[0]), options.output, formats=options.format))
        return
    if len(options.volumes) < 2:
        raise InputError(
            f"report: found one volume ({options.volumes[0]}), expected a real and at least one fake; "
            "`microchar measure` measures one volume"
        )
    check_writable(options.output)
    from microchar.comparison.comparing import compare

    reference, *candidates = read_volumes(options)
    with measuring(options) as progress:
        comparison = compare(
            reference, candidates, phases=options.phases, progress=progress, **measure_arguments(options)
        )
    record = comparison.record(command=options.command_line)
    say(options, write_report(record, options.output, formats=options.format))


def _refuse_measuring(options: argparse.Namespace) -> None:
    # Nothing is measured when a report is written again: do not ignore an option that requires a measurement.
    names = [name for name in MEASURING if getattr(options, name) not in (None, (), [], False)]
    if names:
        raise InputError(
            f"{options.volumes[0]}: --{names[0].replace('_', '-')} cannot change existing results; "
            "leave it out, or give the volumes again"
        )
