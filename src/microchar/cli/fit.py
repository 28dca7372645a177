"""``microchar fit``: a generator fitted to a real volume, to slices or to results."""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microchar.cli._generation import PARAMETERS, add_common
from microchar.cli._input import INPUT, add_input, read
from microchar.cli._parameters import values_of
from microchar.cli._progress import ProgressLine, stopping_gently
from microchar.core.errors import InputError

if TYPE_CHECKING:
    from microchar.generation.training import TrainingData

#: Longer reports of a fit are for the model file only.
_LONGEST = 300


def add(commands: Any) -> argparse.ArgumentParser:
    """Add the command to those of ``microchar``; its other options are parameters of the generator."""
    fit = commands.add_parser(
        "fit", help="fit a generator to a real volume or to slices", epilog=PARAMETERS, allow_abbrev=False
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
    add_common(fit, "of the fit (default 0)")
    fit.set_defaults(run=run)
    return fit


def run(options: argparse.Namespace) -> None:
    """Fit the generator and write its model file."""
    from microchar.core.files import check_writable
    from microchar.generation.catalogue import create_generator

    generator = create_generator(options.name, **values_of(options.name, options.set, options.own))
    path = Path(options.output)
    check_writable(path.parent)
    if path.is_dir():
        raise InputError(f"{path}: is a folder, expected the name of a file for the model")
    keeps = generator.spec.keeps_progress
    if keeps and path.suffix == ".fit":
        raise InputError(f"{path}: the folder of the fit's progress has this name; choose another suffix")
    data = _training_data(options)
    with ProgressLine(options) as line, stopping_gently(line) if keeps else nullcontext(line) as progress:
        folder = path.with_suffix(".fit") if keeps else None
        try:
            generator.fit(data, seed=options.seed, progress=progress, folder=folder, resume=options.resume)
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
    from microchar.generation.training import TrainingData

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
