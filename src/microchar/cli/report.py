"""``microchar report``: compare a real volume with any number of fakes."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microchar.cli._groups import add_groups, files_of, is_model, made_by
from microchar.cli._measuring import (
    MEASURING,
    add_options,
    check_output,
    measure_arguments,
    measuring,
    read_volumes,
    write,
)
from microchar.cli._values import share
from microchar.cli._workers import workers
from microchar.core.errors import InputError
from microchar.core.text import printable

if TYPE_CHECKING:
    from microchar.core.volume import Volume
    from microchar.measurement.record import Record

#: Words that `--fail-on` knows, in the order in which they decide.
FAIL_ON = ("different", "detectable", "too-small")
#: Options that also choose among results that were measured before.
_SELECTING = ("metrics", "skip")


def add(commands: Any) -> None:
    """Add the command to the parser of ``microchar``."""
    command = commands.add_parser("report", help="compare a real volume with fake ones")
    command.add_argument(
        "volumes", nargs="+", metavar="VOLUME", help="the real volume, then the fakes; or results.json of each"
    )
    add_options(command)
    command.add_argument(
        "--fake-phases",
        metavar="NAME=GREY,…",
        help="phases of the fakes, if their grey values mean something else than in the real volume",
    )
    group = command.add_argument_group("verdict")
    add_groups(group)
    group.add_argument(
        "--transport",
        action="store_true",
        help="let the effective diffusivity of sub-volumes decide too",
    )
    group.add_argument(
        "--margin",
        action="append",
        type=_margin,
        default=[],
        metavar="METRIC=SIZE",
        help="tolerance, such as volume_fraction=5%% or percolating_fraction=0.01; may be repeated",
    )
    group.add_argument(
        "--fail-on", choices=FAIL_ON, help="exit with code 3 if the verdict on any fake is as bad as this word or worse"
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compare the volumes and write the report, or write the report of what was measured before."""
    if any(path.endswith(".json") for path in options.volumes):
        return _conclude(options, _measured_before(options))  # what failed, failed in an earlier run
    if len(options.volumes) < 2 and not options.group:
        raise InputError(
            f"report: found one volume ({options.volumes[0]}), expected a real and at least one fake; "
            "`microchar measure` measures one volume"
        )
    from microchar.comparison.comparing import compare

    reals, fakes, groups = _volumes(options)
    with workers(options) as executor, measuring(options) as progress:
        comparison = compare(
            reals,
            [*fakes, *(volume for samples in groups.values() for volume in samples)],
            phases=options.phases,
            groups={name: [volume.name for volume in samples] for name, samples in groups.items()},
            transport=options.transport,
            margins=dict(options.margin),
            progress=progress,
            executor=executor,
            **measure_arguments(options),
        )
    record = comparison.record(command=options.command_line)
    volumes = [measurement.volume for measurement in (comparison.reference, *comparison.candidates)]
    code = _conclude(options, record, volumes)
    return 1 if record.failed else code


def _measured_before(options: argparse.Namespace) -> Record:
    """Return the record of one results.json, or of several joined, with the metrics that are asked for."""
    from microchar.measurement.joining import joined, selected
    from microchar.measurement.record import Record

    _refuse_measuring(options)
    others = [path for path in options.volumes if not path.endswith(".json")]
    if others:
        raise InputError(
            f"report: found volumes ({others[0]}) beside results of volumes; give volumes only, or results.json only"
        )
    read = {path: Record.read(path) for path in options.volumes}
    records = {path: selected(record, options.metrics, options.skip, path) for path, record in read.items()}
    first = next(iter(records.values()))
    apart = len(records) > 1 or (len(first.volumes) > 1 and first.volumes[0].role == "measured")
    if records == read and not apart:
        return first
    check_output(options)  # the file that was read holds more than what is written
    return joined(records, command=options.command_line) if apart else first


def _volumes(options: argparse.Namespace) -> tuple[list[Volume], list[Volume], dict[str, list[Volume]]]:
    """Read the real volumes and the fakes, and read or make the samples of each group."""
    files = {name: files_of(pattern, "--group") for name, pattern in options.group if not is_model(pattern)}
    scans = [path for pattern in options.real for path in files_of(pattern, "--real")]
    scans = [path for path in scans if not Path(path).samefile(options.volumes[0])]
    alone = len(options.volumes)
    options.volumes += [*(path for of_group in files.values() for path in of_group), *scans]
    check_output(options)
    volumes = read_volumes(options)
    waiting = iter(volumes[alone:])
    groups = {name: [_member(next(waiting), name, path) for path in paths] for name, paths in files.items()}
    reals = [volumes[0], *waiting]
    for name, pattern in options.group:
        if is_model(pattern):
            groups[name] = list(made_by(pattern, name, reals[0], options.samples))
    return reals, volumes[1:alone], groups


def _member(volume: Volume, group: str, path: str) -> Volume:
    return replace(volume, name=f"{group}: {Path(path).stem}")


def _conclude(options: argparse.Namespace, record: Record, volumes: list[Volume] | None = None) -> int:
    """Print the verdicts, write the report, and return the exit code."""
    if options.fail_on and not record.verdicts:
        raise InputError(
            "--fail-on: there is no verdict: no standard errors were computed (--no-errors), or the volumes were "
            "measured apart; run report on the volumes, with errors"
        )
    if not options.quiet:
        for verdict in record.verdicts:
            print(printable(verdict.sentence))
        for note in record.notes:
            print(printable(f"note: {note}"))
    write(options, record, volumes)
    failing = FAIL_ON[: FAIL_ON.index(options.fail_on) + 1] if options.fail_on else ()
    return 3 if any(verdict.word.replace(" ", "-") in failing for verdict in record.verdicts) else 0


def _margin(text: str) -> tuple[str, float]:
    metric, equals, size = text.partition("=")
    margin = share(size)
    if not equals or margin is None:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected METRIC=SIZE, such as volume_fraction=5%")
    return metric, margin


def _refuse_measuring(options: argparse.Namespace) -> None:
    # Nothing is measured when a report is written again: do not ignore an option that requires a measurement.
    names = [
        name
        for name in (*MEASURING, "transport", "margin", "group", "real", "fake_phases")
        if name not in _SELECTING and getattr(options, name) not in (None, (), [], False)
    ]
    if names:
        raise InputError(
            f"{options.volumes[0]}: --{names[0].replace('_', '-')} cannot change existing results; "
            "leave it out, or give the volumes again"
        )
