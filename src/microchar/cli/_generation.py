"""What the commands about generators share: options, progress that can be resumed, and generators by name or file."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from microchar.cli._parameters import values_of
from microchar.cli._progress import ProgressLine
from microchar.cli._values import assignment, integer
from microchar.core.errors import InputError
from microchar.core.progress import Progress
from microchar.core.text import did_you_mean

if TYPE_CHECKING:
    from microchar.generation.generator import Generator

PARAMETERS = (
    "Any other option is a parameter of the generator: --key value or --key=value; `microchar generators NAME` lists "
    "them. For a fitted model only parameters can be set that do not change the volumes, such as a device."
)


def add_common(command: argparse.ArgumentParser, of: str) -> None:
    """Add the options that `fit` and `generate` share."""
    command.add_argument(
        "--set",
        action="append",
        type=assignment,
        default=[],
        metavar="KEY=VALUE",
        help="a parameter, like --KEY VALUE; for parameters with the name of an option of this command",
    )
    command.add_argument("--seed", type=integer, default=0, help=of)
    command.add_argument("--quiet", action="store_true", help="print errors only")


@contextmanager
def resumable_progress(options: argparse.Namespace, folders: Collection[Path]) -> Iterator[Progress]:
    """Yield the progress of work that saves checkpoints in these folders; of other work, if there are none.

    An interruption ends such work at the next step, where it can leave a
    checkpoint, and the message names the folder.
    """
    with ProgressLine(options) as progress:
        options.stop.gently = bool(folders)
        try:
            yield progress
        except KeyboardInterrupt:
            folder = next((folder for folder in folders if folder.is_dir()), None)
            if folder is None:
                raise
            raise KeyboardInterrupt(
                f"interrupted; {folder} holds the progress, continue with the same command and --resume"
            ) from None
        finally:
            options.stop.gently = False


def ready_generator(text: str, assignments: Sequence[tuple[str, str]] = (), options: Collection[str] = ()) -> Generator:
    """Return the generator in a file, or the bundled model or generator of a name, ready to generate."""
    from microchar.generation.catalogue import create_generator, generator_specs
    from microchar.generation.loading import load_generator
    from microchar.generation.models import bundled_models, load_model

    if Path(text).is_file() or Path(text).suffix == ".safetensors":
        return _adjusted(load_generator(Path(text)), text, assignments, options)
    if text not in generator_specs():
        if Path(text).name != text:
            raise InputError(f"{text}: no such file")
        if did_you_mean(text, bundled_models()):
            return _adjusted(load_model(text), text, assignments, options)
    generator = create_generator(text, **values_of(text, assignments, options))
    if generator.spec.needs_fit:
        raise InputError(
            f"generator {text!r} must be fitted first: run `microchar fit {text} real.tif -o model.safetensors`, "
            "then `microchar generate model.safetensors …`"
        )
    return generator


def _adjusted(
    generator: Generator, text: str, assignments: Sequence[tuple[str, str]], options: Collection[str]
) -> Generator:
    """Set parameters of a fitted model that do not change its volumes; others are an InputError."""
    adjustable = generator.spec.adjustable
    for key, value in values_of(generator.id, assignments, options).items():
        if key not in adjustable:
            raise InputError(
                f"{text}: {key} cannot be changed after the fit; give it to `microchar fit`. "
                f"Parameters of this model that can be changed: {', '.join(adjustable) or 'none'}"
            )
        setattr(generator, key, value)
    return generator
