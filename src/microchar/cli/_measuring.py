"""Functions that ``report`` and ``measure`` share: options, reading volumes, arguments of a measurement."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from microchar.cli._input import add_input, add_overwrite, input_files, read
from microchar.cli._opening import add_opening, open_page
from microchar.cli._parameters import typed
from microchar.cli._progress import ProgressLine
from microchar.cli._study import add_config
from microchar.cli._values import assignment, axes, lengths, listed, memory
from microchar.cli._workers import add_workers
from microchar.core.errors import InputError
from microchar.core.text import printable

if TYPE_CHECKING:
    from microchar.core.volume import Volume
    from microchar.measurement.record import Record

_FORMATS = ("html", "json", "csv")
#: Metrics that the short options for diffusion apply to; all are computed from the same solutions.
_DIFFUSION = ("effective_diffusivity", "tortuosity_factor", "formation_factor")
_DEFF_TOLERANCE = "largest gap between the bounds of effective diffusivities, relative to them (default 1e-3)"
_SKIP = (
    "leave these out and, without --metrics, what is computed from them alone, such as the tortuosity factor from the "
    "effective diffusivity"
)

#: Options that are valid only if volumes are read and measured.
MEASURING = (
    *("voxel_size", "phases", "threshold", "crop", "mask", "mask_insulating", "grey", "label", "shape", "dtype"),
    *("offset", "outside", "resample"),
    *("metrics", "skip", "r_max", "window", "periodic", "set", "deff_tolerance", "deff_axes", "deff_phases", "flow"),
    *("no_errors", "fail_fast", "executor", "on_disk", "max_memory"),
)


def add_options(command: argparse.ArgumentParser, *, formats: str = "default: all three") -> None:
    """Add the options of a command that measures volumes and writes a report."""
    add_config(command)
    _add_volumes(command.add_argument_group("input"))
    _add_measuring(command.add_argument_group("what is measured"))
    _add_output(command.add_argument_group("output"), formats)


def _add_volumes(group: argparse._ArgumentGroup) -> None:
    add_input(group)
    group.add_argument("--mask", action="append", metavar="FILE", help=_each("voxels where it is 0 are ignored"))
    group.add_argument(
        "--mask-insulating",
        action="store_true",
        help="let diffusion and flow see masked voxels as insulators and walls",
    )
    group.add_argument("--grey", action="append", metavar="FILE", help=_each("unsegmented image for GLCM, SSIM, PSNR"))
    group.add_argument("--label", action="append", metavar="NAME", help=_each("name instead of the file's stem"))


def _each(what: str) -> str:
    return f"{what}; once per volume, in their order, '-' for none"


def _add_measuring(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--metrics", type=listed, metavar="A,B", help="measure only these (see `microchar metrics`)")
    group.add_argument("--skip", type=listed, default=[], metavar="C,D", help=_SKIP)
    group.add_argument("--r-max", type=lengths, metavar="LENGTH", help="largest lag: voxels, or a length such as 50um")
    group.add_argument("--window", type=lengths, metavar="LENGTH", help="edge of the windows of local porosity")
    group.add_argument("--periodic", type=axes, default=(), metavar="0,1,2", help="axes along which the volumes repeat")
    group.add_argument(
        "--set",
        action="append",
        type=assignment,
        default=[],
        metavar="METRIC.KEY=VALUE",
        help="a parameter of one metric, such as effective_diffusivity.tolerance=1e-2; may be repeated",
    )
    group.add_argument("--deff-tolerance", type=_tolerance, metavar="GAP", help=_DEFF_TOLERANCE)
    group.add_argument("--deff-axes", type=axes, metavar="0,1,2", help="axes along which diffusion is solved (all)")
    group.add_argument(
        "--deff-phases", type=_phase_names, metavar="A,B", help="phases through which it is solved (all)"
    )
    group.add_argument(
        "--flow",
        type=_phase_names,
        metavar="A,B+C",
        help="measure the permeability, too (slow), of these phases and unions of phases",
    )
    group.add_argument("--no-errors", action="store_true", help="compute no standard errors and no verdict; faster")
    group.add_argument("--fail-fast", action="store_true", help="stop at the first metric that fails")
    add_workers(group)
    group.add_argument("--on-disk", action="store_true", help="read voxels block by block where they are needed")
    group.add_argument(
        "--max-memory",
        type=memory,
        metavar="SIZE",
        help="memory that measuring may take, such as 2GB; metrics that need more are refused",
    )


def _add_output(group: argparse._ArgumentGroup, formats: str) -> None:
    group.add_argument("-o", "--output", default="microchar-out", metavar="FOLDER", help="default: microchar-out")
    group.add_argument("--format", type=_formats, metavar="html,json,csv", help=formats)
    size = group.add_mutually_exclusive_group()
    size.add_argument("--full", action="store_true", help="show everything on the page, for all phases and directions")
    size.add_argument(
        "--light",
        action="store_true",
        help="make the page small: headline values only, larger voxels to look at, no data to save",
    )
    add_opening(group)
    add_overwrite(group)
    group.add_argument("--quiet", action="store_true", help="print errors only")


def _tolerance(text: str) -> float:
    try:
        tolerance = float(text)
    except ValueError:
        tolerance = 0.0
    if not 0 < tolerance < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number between 0 and 1, such as 1e-3")
    return tolerance


def _phase_names(text: str) -> tuple[str, ...]:
    return tuple(listed(text))


def _formats(text: str) -> tuple[str, ...]:
    unknown = [part for part in listed(text) if part not in _FORMATS]
    if unknown or not text.strip():
        raise argparse.ArgumentTypeError(f"found {text!r}, expected one or more of {', '.join(_FORMATS)}")
    return tuple(listed(text))


# --- from options to volumes and arguments ------------------------------------


def check_output(options: argparse.Namespace) -> None:
    """Raise InputError if the report cannot be written, or would replace a file that it may not."""
    from microchar.report.writing import check_report

    inputs = input_files([*options.volumes, *(options.mask or ()), *(options.grey or ())])
    formats = options.format or _FORMATS
    study = _study(options)
    check_report(options.output, formats, overwrite=options.overwrite, inputs=inputs, study=study)


def write(options: argparse.Namespace, record: Record, volumes: Sequence[Volume] | None = None) -> None:
    """Write the report, with volumes to look at, and print the paths of its files."""
    from microchar.report.writing import write_report

    written = write_report(
        record,
        options.output,
        formats=options.format or _FORMATS,
        volumes=volumes,
        overwrite=options.overwrite,
        full=options.full,
        light=options.light,
        study=_study(options),
    )
    if not options.quiet:
        for path in written.values():
            print(printable(str(path)))
        if options.max_memory is not None:
            _say_limit(record)
    if options.open and "report.html" in written:
        open_page(written["report.html"])


def _say_limit(record: Record) -> None:
    """Print what a limit of memory did."""
    from microchar.measurement.limit import NOTE

    for note in record.notes:
        if note.startswith(NOTE):
            print(printable(note), file=sys.stderr)


def _study(options: argparse.Namespace) -> bytes:
    """Return what the study file beside the results holds; tables alone have none."""
    return options.study if "json" in (options.format or _FORMATS) else b""


def read_volumes(options: argparse.Namespace) -> list[Volume]:
    """Read the volumes with their masks, grey images and names."""
    check_reading(options)
    return [read_numbered(options, number) for number in range(len(options.volumes))]


def check_reading(options: argparse.Namespace) -> None:
    """Raise InputError if options that concern all volumes cannot be right, before large files are read."""
    from microchar.measurement.selection import choose

    choose(options.metrics, options.skip, {"periodic": options.periodic or None})
    for option in ("mask", "grey", "label"):
        values = getattr(options, option) or []
        if len(values) > len(options.volumes):
            raise InputError(
                f"--{option}: given {len(values)} times for {len(options.volumes)} volumes ({values[-1]} has no volume)"
            )


def read_numbered(options: argparse.Namespace, number: int) -> Volume:
    """Read one of the volumes with its mask, grey image and name."""
    # A fake may have other grey values; compare() matches them with those of the reference.
    phases = getattr(options, "fake_phases", options.phases) if number else options.phases
    files = {"mask": _of(options.mask, number), "grey": _of(options.grey, number)}
    volume = read(options.volumes[number], options, phases=phases, **files)
    label = _of(options.label, number)
    return replace(volume, name=label) if label else volume


def _of(values: list[str] | None, number: int) -> str | None:
    if values is None or number >= len(values) or values[number] == "-":
        return None
    return values[number]


def measure_arguments(options: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of `measure` and `compare` that correspond to the options."""
    metrics = options.metrics
    if metrics is not None and options.flow is not None:
        metrics = list(dict.fromkeys([*metrics, "permeability"]))
    return {
        "metrics": metrics,
        "skip": options.skip,
        "r_max": options.r_max,
        "window": options.window,
        "periodic": options.periodic,
        "parameters": _parameters(options),
        "errors": not options.no_errors,
        "threads": options.threads,
        "fail_fast": options.fail_fast,
        "max_memory": options.max_memory,
    }


def _parameters(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    from microchar.measurement.catalogue import check_parameters, find_metric

    short = {
        "mask_insulating": options.mask_insulating or None,
        "tolerance": options.deff_tolerance,
        "axes": options.deff_axes,
        "conducting": options.deff_phases,
    }
    of_diffusion = {key: value for key, value in short.items() if value is not None}
    parameters: dict[str, dict[str, Any]] = {name: dict(of_diffusion) for name in _DIFFUSION if of_diffusion}
    for key, text in options.set:
        name, dot, parameter = key.partition(".")
        if not dot:
            raise InputError(
                f"--set {key}={text}: expected METRIC.KEY=VALUE, as in effective_diffusivity.tolerance=1e-2"
            )
        check_parameters(name, [parameter])
        value = typed(find_metric(name), parameter, text, f"metric {name!r}")
        parameters.setdefault(name, {})[parameter] = value
    if options.flow is not None:
        parameters.setdefault("permeability", {})["flowing"] = options.flow
    # Parameters of the permeability are a request for it, which this option alone is not.
    if options.mask_insulating and ("permeability" in parameters or "permeability" in (options.metrics or ())):
        parameters.setdefault("permeability", {})["mask_solid"] = True
    return parameters


@contextmanager
def measuring(options: argparse.Namespace) -> Iterator[ProgressLine]:
    """Show the progress of a measurement; announce the compilation before a first run."""
    from microchar.kernels import are_compiled

    if not options.quiet and not are_compiled():
        print("first run: compiling the kernels takes about 20 seconds, once", file=sys.stderr)
    with ProgressLine(options) as progress:
        yield progress
