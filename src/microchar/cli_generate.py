"""The commands about generators: ``microchar generators``, ``fit`` and ``generate``."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Collection, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microchar.cli_options import INPUT, Progress, add_input, axes, integers, positive, read, stopping_gently
from microchar.cli_parameters import parameters_of, values_of, written
from microchar.errors import InputError

if TYPE_CHECKING:
    from microchar.generator import Generator, GeneratorSpec
    from microchar.model_library import BundledModel
    from microchar.training import TrainingData


_PARAMETERS = (
    "Any other option is a parameter of the generator: --key value or --key=value; `microchar generators NAME` lists "
    "them. Of a fitted model only those can be set that say how volumes are made, not which."
)
#: Longer reports of a fit are for the model file only.
_LONGEST = 300


def add_commands(commands: Any) -> dict[str, list[str]]:
    """Add the commands to those of ``microchar``; return the own options of those that take parameters beside them."""
    listing = commands.add_parser(
        "generators", help="list what can make volumes, and fitted models, and whether they can be used here"
    )
    listing.add_argument("name", nargs="?", metavar="NAME", help="say all about this one, its parameters too")
    listing.set_defaults(run=_generators)

    fit = commands.add_parser(
        "fit", help="fit a generator to a real volume or to slices", epilog=_PARAMETERS, allow_abbrev=False
    )
    fit.add_argument("name", metavar="NAME", help="of a generator (see `microchar generators`)")
    fit.add_argument(
        "volume", nargs="?", metavar="VOLUME", help="the real volume, a 2D image, or the results.json of `measure`"
    )
    fit.add_argument(
        "--slices",
        nargs="+",
        metavar="IMAGE",
        help="instead of a volume, images normal to axis 0, 1 and 2 (xy, xz and yz planes); one if it is isotropic",
    )
    fit.add_argument("-o", "--output", default="model.safetensors", metavar="FILE", help="default: model.safetensors")
    fit.add_argument(
        "--resume", action="store_true", help="continue a fit that was stopped, if the generator keeps its progress"
    )
    group = fit.add_argument_group("input")
    add_input(group)
    group.add_argument("--mask", metavar="FILE", help="voxels where it is 0 are kept from the fit, for testing")
    _add_common(fit, "of the fit (default 0)")
    fit.set_defaults(run=_fit)

    generate = commands.add_parser("generate", help="make volumes", epilog=_PARAMETERS, allow_abbrev=False)
    generate.add_argument(
        "model", metavar="MODEL|NAME", help="a file that `fit` wrote, a bundled model, or a generator that needs no fit"
    )
    generate.add_argument("--shape", type=integers, required=True, metavar="N,N,N", help="two numbers make a 2D image")
    generate.add_argument("-n", type=positive, default=1, metavar="N", help="how many, of seeds that count up")
    generate.add_argument("--periodic", type=axes, default=(), metavar="0,1,2", help="axes along which to repeat")
    generate.add_argument("-o", "--output", default="fakes", metavar="FOLDER", help="default: fakes")
    _add_common(generate, "of the first volume (default 0)")
    generate.set_defaults(run=_generate)
    return {
        name: [option for action in command._actions for option in action.option_strings]
        for name, command in (("fit", fit), ("generate", generate))
    }


def _add_common(command: argparse.ArgumentParser, of: str) -> None:
    command.add_argument(
        "--set",
        action="append",
        type=_assignment,
        default=[],
        metavar="KEY=VALUE",
        help="a parameter, as --KEY VALUE does; for those named like an option of this command",
    )
    command.add_argument("--seed", type=int, default=0, help=of)
    command.add_argument("--quiet", action="store_true", help="say nothing but errors")


def _assignment(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign or not key.strip():
        raise argparse.ArgumentTypeError(f"found {text!r}, expected KEY=VALUE as in radius=6")
    return key.strip().replace("-", "_"), value.strip()


# --- the commands ------------------------------------------------------------


def _generators(options: argparse.Namespace) -> None:
    from microchar.generator import spec_of, specs
    from microchar.model_library import models

    if options.name in models() and options.name not in specs():
        print("\n".join(_model_details(options.name, models()[options.name])))
        return
    if options.name is not None:
        print("\n".join(_details(options.name, spec_of(options.name))))
        return
    rows = [("id", "made from", "phases", "periodic", "what it is")]
    rows += [
        (name, ", ".join(spec.inputs), _phases(spec), _axes_of(spec) or "no", spec.summary)
        for name, spec in specs().items()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    obstacles = ["", *(spec.obstacle() for spec in specs().values())]
    for row, obstacle in zip(rows, obstacles, strict=True):
        print("  ".join(f"{text:{width}}" for text, width in zip(row, [*widths, 0], strict=True)))
        if obstacle:
            print(f"    not usable here: {obstacle}")
    if models():
        print("\nfitted models, for `microchar generate NAME`:")
        width = max(map(len, models()))
        for name, model in models().items():
            print(f"{name:{width}}  {model.generator}: {model.summary}")
            if name in specs() or model.obstacle():
                print(f"    not usable here: {model.obstacle() or 'a generator has this name'}")


def _details(name: str, spec: GeneratorSpec) -> list[str]:
    facts = {
        "made from": ", ".join(spec.inputs),
        "phases": _phases(spec),
        "makes": " and ".join(f"{n}D" for n in spec.ndim)
        + (f", in multiples of {spec.multiple_of}" if spec.multiple_of > 1 else ""),
        "periodic": (_axes_of(spec) or "no") + (", always" if spec.always_periodic else ""),
        "cost": spec.cost or "not stated",
        "fit": "keeps its progress, and can be resumed" if spec.keeps_progress else "",
        "writes": "block by block, in bounded memory" if spec.streams else "",
        "usable here": f"no: it {spec.obstacle()}" if spec.obstacle() else "yes",
    }
    lines = [f"{name}: {spec.summary}", *(f"  {key + ':':12} {fact}" for key, fact in facts.items() if fact)]
    if not spec.obstacle():
        cls = spec.load(name)
        own = [f"    {key} = {default}  ({written(hint)})" for key, hint, default in parameters_of(cls)]
        lines += ["  parameters (--KEY VALUE, or --set KEY=VALUE):", *(own or ["    none"])]
    return lines


def _model_details(name: str, model: BundledModel) -> list[str]:
    facts = {
        "what it is": model.title,
        "a fit of": model.generator,
        "file": f"{model.file} of {model.package}",
        "usable here": f"no: it {model.obstacle()}" if model.obstacle() else "yes",
    }
    return [f"{name}: {model.summary}", *(f"  {key + ':':12} {fact}" for key, fact in facts.items())]


def _phases(spec: GeneratorSpec) -> str:
    least, most = spec.phases
    return str(least) if least == most else f"{least}-{most}"


def _axes_of(spec: GeneratorSpec) -> str:
    return ",".join(map(str, spec.periodic_axes))


def _fit(options: argparse.Namespace) -> None:
    from microchar.generator import create
    from microchar.report.files import check_writable

    generator = create(options.name, **values_of(options.name, options.set, options.own))
    path = Path(options.output)
    check_writable(path.parent)
    if path.is_dir():
        raise InputError(f"{path}: is a folder, expected the name of a file for the model")
    keeps = generator.spec.keeps_progress
    if keeps and path.suffix == ".fit":
        raise InputError(f"{path}: the folder of the fit's progress has this name; choose another suffix")
    data = _training_data(options)
    with Progress(options) as progress, stopping_gently(progress) if keeps else nullcontext(progress) as callback:
        folder = path.with_suffix(".fit") if keeps else None
        try:
            generator.fit(data, seed=options.seed, callback=callback, folder=folder, resume=options.resume)
        except KeyboardInterrupt:
            if folder is None or not folder.is_dir():
                raise
            raise KeyboardInterrupt(
                f"interrupted; {folder} holds the progress, continue with the same command and --resume"
            ) from None
    path.parent.mkdir(parents=True, exist_ok=True)
    generator.save(path)
    if not options.quiet:
        for key in [key for key in generator.history if key not in ("seed", "data")]:
            text = _brief(generator.history[key])
            if len(text) <= _LONGEST:
                print(f"{key.replace('_', ' ')}: {text}")
        print(path)


def _brief(value: Any) -> str:
    """Write what a fit reports of itself."""
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_brief(one)}" for key, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(f"({_brief(one)})" if isinstance(one, list | tuple) else _brief(one) for one in value)
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _training_data(options: argparse.Namespace) -> TrainingData:
    from microchar.training import TrainingData

    if (options.volume is None) == (options.slices is None):
        raise InputError("fit: expected a volume, or --slices of one to three images, and not both")
    if options.volume is not None and Path(options.volume).suffix == ".json":
        said = [key for key in (*INPUT, "mask") if getattr(options, key) is not None]
        if said:
            raise InputError(f"fit: {options.volume} holds no voxels; --{said[0].replace('_', '-')} is for `measure`")
        return TrainingData.from_results(options.volume)
    if options.volume is not None:
        return TrainingData.of(read(options.volume, options, mask=options.mask))
    if len(options.slices) > 3 or options.mask is not None:
        raise InputError("fit: --slices takes at most three images, normal to axis 0, 1 and 2, and no --mask")
    return TrainingData.from_slices({axis: [read(path, options)] for axis, path in enumerate(options.slices)})


def _generate(options: argparse.Namespace) -> None:
    from microchar.model_library import models
    from microchar.report.files import write_together

    generator = ready_generator(options.model, options.set, options.own)
    notes: dict[str, tuple[str, ...]] = {}
    with Progress(options) as progress:

        def write(number: int, path: Path) -> None:
            def callback(fraction: float, what: str) -> None:
                progress((number + fraction) / options.n, f"{path.stem}: {what}")

            seed = options.seed + number
            # Those that stream always do: what is written does not depend on how, and nobody need know the limit.
            generator.generate_to(path, options.shape, seed=seed, periodic=options.periodic, callback=callback)
            notes[path.name] = generator.remarked()

        # A colon is no character for a file's name.
        stem = (options.model if options.model in models() else type(generator).name()).replace(":", "-")
        writers = {f"{stem}-{options.seed + number}.tif": partial(write, number) for number in range(options.n)}
        files = write_together(Path(options.output), writers)
    if not options.quiet:
        for name, path in files.items():
            print("; ".join([str(path), *notes[name]]))


def ready_generator(text: str, assignments: Sequence[tuple[str, str]] = (), options: Collection[str] = ()) -> Generator:
    """Return the generator in a file, the bundled model or the generator of that name, ready to generate."""
    from microchar.generator import create, specs
    from microchar.model_file import load_generator
    from microchar.model_library import load_model, models

    if Path(text).is_file() or Path(text).suffix == ".safetensors":
        return _adjusted(load_generator(Path(text)), text, assignments, options)
    if text not in specs():
        if Path(text).name != text:
            raise InputError(f"{text}: no such file")
        if difflib.get_close_matches(text, models()):
            return _adjusted(load_model(text), text, assignments, options)
    generator = create(text, **values_of(text, assignments, options))
    if generator.spec.needs_fit:
        raise InputError(
            f"generator {text!r} must be fitted first: `microchar fit {text} real.tif -o model.safetensors`, "
            "then `microchar generate model.safetensors …`"
        )
    return generator


def _adjusted(
    generator: Generator, text: str, assignments: Sequence[tuple[str, str]], options: Collection[str]
) -> Generator:
    """Give a fitted model those parameters anew that say how volumes are made."""
    name, able = type(generator).name(), generator.spec.adjustable
    for key, value in values_of(name, assignments, options).items():
        if key not in able:
            raise InputError(
                f"{text}: a fitted model has the parameters of its fit; give {key} to `microchar fit`. "
                f"Of this one {', '.join(able) or 'none'} can be changed"
            )
        setattr(generator, key, value)
    return generator
