"""The command line: ``microchar report``, ``measure``, ``metrics``, ``rank``, and the commands about generators.

Heavy imports stay inside the commands.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from microchar import __version__, cli_generate, cli_rank
from microchar.cli_options import Progress, add_input, axes, listed, positive, read
from microchar.cli_parameters import as_assignments
from microchar.errors import InputError, MicrocharError

if TYPE_CHECKING:
    from microchar.volume import Volume

_FORMATS = ("html", "json", "csv")

_DEFF_TOLERANCE = "largest gap between the bounds of effective diffusivities, relative to them (default 1e-3)"

#: Options that only mean something where volumes are read and measured.
_MEASURING = (
    *("voxel_size", "phases", "threshold", "crop", "mask", "mask_insulating", "grey", "label", "shape", "dtype"),
    *("metrics", "skip", "r_max", "window", "periodic", "deff_tolerance", "deff_axes", "deff_phases"),
)

_EXAMPLES = """\
examples:
  microchar report real.tif fake.tif -o out/
  microchar report real.tif fakes/*.tif --phases pore=0,solid=255 --voxel-size 3um
  microchar report out/results.json -o out/        render again, without measuring
  microchar measure volume.tif -o out/
  microchar metrics
  microchar fit gaussian-field real.tif -o model.safetensors
  microchar generate model.safetensors --shape 256,256,256 --seed 1 -n 4 -o fakes/
  microchar generate overlapping-spheres --radius 6 --volume-fraction 0.3 --shape 256,256,256
  microchar generators
  microchar rank real.tif model.safetensors fakes/*.tif --crop 300:400,:,:
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 2 bad usage or input, 1 failure."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    parser, takes_parameters = _parser()
    own = takes_parameters.get(arguments[0]) if arguments else None
    options, rest = parser.parse_known_args(arguments if own is None else as_assignments(arguments, own))
    # An optional place behind an option is taken for empty by older versions of argparse.
    if len(rest) == 1 and not rest[0].startswith("-") and getattr(options, "volume", "") is None:
        options.volume = rest.pop()
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    options.own = own
    options.command_line = shlex.join(["microchar", *arguments])
    # A terminated run must clean up like an interrupted one: nothing half-written stays.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warned
            options.run(options)
    except KeyboardInterrupt as interrupt:
        return _failed(str(interrupt) or "interrupted; nothing was written", 1)
    except InputError as error:
        return _failed(str(error), 2)
    except BrokenPipeError:  # the reader of our output, `head` say, has gone
        sys.stdout = None
        return 1
    except (MicrocharError, MemoryError, OSError) as error:
        return _failed(str(error) or type(error).__name__, 1)
    return 0


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _warned(message: Warning | str, *where: Any, **more: Any) -> None:
    # Whoever reads this has no use for the place in the source.
    print(f"microchar: warning: {message}", file=sys.stderr)


def _failed(message: str, code: int) -> int:
    print(f"microchar: {message}", file=sys.stderr)
    return code


# --- the commands ------------------------------------------------------------


def _report(options: argparse.Namespace) -> None:
    from microchar.report import check_writable, read_results, write_report

    if len(options.volumes) == 1 and options.volumes[0].endswith(".json"):
        _refuse_measuring(options)
        _say(options, write_report(read_results(options.volumes[0]), options.output, formats=options.format))
        return
    if len(options.volumes) < 2:
        raise InputError(
            f"report: found one volume ({options.volumes[0]}), expected a real and at least one fake; "
            "`microchar measure` measures one volume"
        )
    check_writable(options.output)
    from microchar.comparison import compare

    reference, *candidates = _read_volumes(options)
    with _measuring(options) as progress:
        comparison = compare(
            reference, candidates, phases=options.phases, progress=progress, **_measure_arguments(options)
        )
    results = comparison.to_dict(command=options.command_line, seed=options.seed)
    _say(options, write_report(results, options.output, formats=options.format))


def _refuse_measuring(options: argparse.Namespace) -> None:
    # Rendering again measures nothing; what asks for another measurement must not be passed over.
    given = [name for name in _MEASURING if getattr(options, name) not in (None, (), [], False)]
    if given:
        raise InputError(
            f"{options.volumes[0]}: --{given[0].replace('_', '-')} cannot change results that were measured already; "
            "leave it out, or give the volumes again"
        )


def _measure(options: argparse.Namespace) -> None:
    from microchar.report import check_writable, write_report

    check_writable(options.output)
    from microchar.measurement import measure

    (volume,) = _read_volumes(options)
    with _measuring(options) as progress:
        measurement = measure(volume, progress=progress, **_measure_arguments(options))
    results = measurement.to_dict(command=options.command_line, seed=options.seed)
    _say(options, write_report(results, options.output, formats=options.format))


def _metrics(options: argparse.Namespace) -> None:
    del options
    from microchar.metric import find, names
    from microchar.units import power_unit

    width = max(len(name) for name in names())
    print(f"{'id':{width}}  {'unit':9}  what it is")
    for name in names():
        cls = find(name)
        print(f"{name:{width}}  {power_unit('length', cls.length_power) or '-':9}  {cls.summary}")


def _say(options: argparse.Namespace, written: Any) -> None:
    if not options.quiet:
        for path in written.values():
            print(path)


def _read_volumes(options: argparse.Namespace) -> list[Volume]:
    from dataclasses import replace

    from microchar.measurement import choose

    choose(options.metrics, options.skip, {})  # a misspelt name must not cost the reading of large files
    for option in ("mask", "grey", "label"):
        given = getattr(options, option) or []
        if len(given) > len(options.volumes):
            raise InputError(
                f"--{option}: given {len(given)} times for {len(options.volumes)} volumes ({given[-1]} is left over)"
            )
    volumes = []
    for place, path in enumerate(options.volumes):
        # A fake may be coded otherwise; compare() matches it with the reference.
        phases = options.phases if place == 0 else None
        volume = read(path, options, phases=phases, mask=_of(options.mask, place), grey=_of(options.grey, place))
        label = _of(options.label, place)
        volumes.append(replace(volume, name=label) if label else volume)
    return volumes


def _of(given: list[str] | None, place: int) -> str | None:
    if given is None or place >= len(given) or given[place] == "-":
        return None
    return given[place]


def _measure_arguments(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "metrics": options.metrics,
        "skip": options.skip,
        "r_max": options.r_max,
        "window": options.window,
        "periodic": options.periodic,
        "threads": options.threads,
        "mask_insulating": options.mask_insulating or None,
        "tolerance": options.deff_tolerance,
        "axes": options.deff_axes,
        "conducting": options.deff_phases,
    }


@contextmanager
def _measuring(options: argparse.Namespace) -> Iterator[Callable[[float, str, str], None]]:
    from microchar.kernels import are_compiled

    if not options.quiet and not are_compiled():
        print("first run: compiling the kernels, once, about 20 seconds", file=sys.stderr)
    with Progress(options) as progress:

        def show(fraction: float, volume: str, metric: str) -> None:
            if metric:
                progress(fraction, f"{volume}: {metric.replace('_', ' ')}")

        yield show


# --- the options -------------------------------------------------------------


def _parser() -> tuple[argparse.ArgumentParser, Mapping[str, Collection[str]]]:
    """Return the parser, and the options of those commands whose other options are parameters of generators."""
    parser = argparse.ArgumentParser(
        prog="microchar",
        description="Is this volume statistically the same material as that one, and how sure are we?",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"microchar {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    report = commands.add_parser("report", help="compare a real volume with fake ones")
    report.add_argument(
        "volumes", nargs="+", metavar="VOLUME", help="the real volume, then the fakes; or a results.json"
    )
    report.set_defaults(run=_report)
    measure = commands.add_parser("measure", help="measure one volume")
    measure.add_argument("volumes", nargs=1, metavar="VOLUME", help="a file, a folder of slices, or a quoted glob")
    measure.set_defaults(run=_measure)
    metrics = commands.add_parser("metrics", help="list what can be measured")
    metrics.set_defaults(run=_metrics)
    takes_parameters = cli_generate.add_commands(commands)
    cli_rank.add_command(commands)
    for command in (report, measure):
        _add_volumes(command.add_argument_group("input"))
        _add_measuring(command.add_argument_group("what is measured"))
        _add_output(command.add_argument_group("output"))
    return parser, takes_parameters


def _add_volumes(group: argparse._ArgumentGroup) -> None:
    add_input(group)
    group.add_argument("--mask", action="append", metavar="FILE", help=_each("voxels where it is 0 count for nothing"))
    group.add_argument("--mask-insulating", action="store_true", help="let diffusion see masked voxels as insulators")
    group.add_argument("--grey", action="append", metavar="FILE", help=_each("unsegmented image for GLCM, SSIM, PSNR"))
    group.add_argument("--label", action="append", metavar="NAME", help=_each("name instead of the file's stem"))


def _each(what: str) -> str:
    return f"{what}; once per volume, in their order, '-' for none"


def _add_measuring(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--metrics", type=listed, metavar="A,B", help="measure only these (see `microchar metrics`)")
    group.add_argument("--skip", type=listed, default=[], metavar="C,D", help="leave these out")
    group.add_argument("--r-max", type=_length, metavar="LENGTH", help="largest lag: voxels, or a length such as 50um")
    group.add_argument("--window", type=_length, metavar="LENGTH", help="edge of the windows of local porosity")
    group.add_argument("--periodic", type=axes, default=(), metavar="0,1,2", help="axes along which the volumes repeat")
    group.add_argument("--deff-tolerance", type=_tolerance, metavar="GAP", help=_DEFF_TOLERANCE)
    group.add_argument("--deff-axes", type=axes, metavar="0,1,2", help="axes along which diffusion is solved (all)")
    group.add_argument(
        "--deff-phases", type=_phase_names, metavar="A,B", help="phases through which it is solved (all)"
    )
    group.add_argument("--threads", type=positive, metavar="N", help="number of threads (default: all cores)")
    group.add_argument("--seed", type=int, default=0, help="seed of whatever is random (default 0)")


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument("-o", "--output", default="microchar-out", metavar="FOLDER", help="default: microchar-out")
    group.add_argument("--format", type=_formats, default=_FORMATS, metavar="html,json,csv", help="default: all three")
    group.add_argument("--quiet", action="store_true", help="say nothing but errors")


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


def _length(text: str) -> int | str | list[int | str]:
    lengths: list[int | str] = [int(part) if part.lstrip("-").isdigit() else part for part in listed(text)]
    return lengths[0] if len(lengths) == 1 else lengths


def _formats(text: str) -> tuple[str, ...]:
    unknown = [part for part in listed(text) if part not in _FORMATS]
    if unknown or not text.strip():
        raise argparse.ArgumentTypeError(f"found {text!r}, expected one or more of {', '.join(_FORMATS)}")
    return tuple(listed(text))


if __name__ == "__main__":
    sys.exit(main())
