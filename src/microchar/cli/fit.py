"""``microchar fit``: fits a generator to a real volume, to slices or to results."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microchar.cli._generation import PARAMETERS, add_common, resumable_progress
from microchar.cli._input import INPUT, add_input, add_overwrite, input_files, read
from microchar.cli._parameters import values_of
from microchar.core.errors import InputError
from microchar.core.text import printable

if TYPE_CHECKING:
    from microchar.generation.training import TrainingData

#: Longer texts in the history of a fit are not printed.
_LONGEST = 300


def add(commands: Any) -> argparse.ArgumentParser:
    """Add the command; its other options are parameters of the generator."""
    fit = commands.add_parser(
        "fit", help="fit a generator to a real volume or to slices", epilog=PARAMETERS, allow_abbrev=False
    )
    fit.add_argument("name", metavar="NAME", help="name of a generator (see `microchar generators`)")
    fit.add_argument(
        "volume", nargs="?", metavar="VOLUME", help="the real volume, a 2D image, or the results.json of `measure`"
    )
    fit.add_argument(
        "--slices",
        nargs="+",
        metavar="IMAGE",
        help="instead of a volume, images normal to axes 0, 1 and 2 (xy, xz and yz planes); one if isotropic",
    )
    fit.add_argument("-o", "--output", default="model.safetensors", metavar="FILE", help="default: model.safetensors")
    add_overwrite(fit)
    fit.add_argument(
        "--resume", action="store_true", help="continue an interrupted fit, if the generator keeps its progress"
    )
    group = fit.add_argument_group("input")
    add_input(group)
    group.add_argument("--mask", metavar="FILE", help="voxels where it is 0 are excluded from the fit, for testing")
    add_common(fit, "of the fit (default 0)")
    fit.set_defaults(run=run)
    return fit


def run(options: argparse.Namespace) -> None:
    """Fit the generator and write the model file."""
    from microchar.core.files import Replacing, check_writable, file_path
    from microchar.generation.catalogue import create_generator
    from microchar.generation.model_file import wrote

    generator = create_generator(options.name, **values_of(options.name, options.set, options.own))
    path = file_path(options.output)
    check_writable(path.parent)
    inputs = input_files([options.volume, options.mask, *(options.slices or ())])
    Replacing(wrote=wrote, overwrite=options.overwrite, inputs=inputs).check([path])
    folder = path.with_suffix(".fit") if "fit" in generator.spec.keeps_progress else None
    if path == folder:
        raise InputError(f"{path}: the folder for checkpoints has this name; choose another suffix")
    data = _training_data(options)
    with resumable_progress(options, [folder] if folder else []) as progress:
        generator.fit(data, seed=options.seed, progress=progress, folder=folder, resume=options.resume)
    path.parent.mkdir(parents=True, exist_ok=True)
    generator.save(path)
    if not options.quiet:
        for key in [key for key in generator.history if key not in ("seed", "data")]:
            text = _brief(generator.history[key])
            if len(text) <= _LONGEST:
                print(printable(f"{key.replace('_', ' ')}: {text}"))
        print(printable(str(path)))


def _brief(value: Any) -> str:
    """Format a value in the history of a fit."""
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_brief(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(f"({_brief(item)})" if isinstance(item, list | tuple) else _brief(item) for item in value)
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _training_data(options: argparse.Namespace) -> TrainingData:
    from microchar.generation.training import TrainingData

    if (options.volume is None) == (options.slices is None):
        raise InputError("fit: expected either a volume or --slices with one to three images, and not both")
    if options.volume is not None and Path(options.volume).suffix == ".json":
        refused = [key for key in (*INPUT, "mask") if getattr(options, key) is not None]
        if refused:
            option = f"--{refused[0].replace('_', '-')}"
            raise InputError(f"fit: {options.volume} contains no voxels; give {option} to `microchar measure` instead")
        return TrainingData.from_results(options.volume)
    if options.volume is not None:
        return TrainingData.of(read(options.volume, options, mask=options.mask))
    if len(options.slices) > 3 or options.mask is not None:
        raise InputError("fit: --slices takes at most three images, normal to axis 0, 1 and 2, and no --mask")
    return TrainingData.from_slices({axis: [read(path, options)] for axis, path in enumerate(options.slices)})
