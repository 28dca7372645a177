"""What the commands about generators share: options, and generators that are ready to generate."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from microchar.cli._parameters import values_of
from microchar.cli._values import assignment
from microchar.core.errors import InputError
from microchar.core.text import did_you_mean

if TYPE_CHECKING:
    from microchar.generation.generator import Generator

PARAMETERS = (
    "Any other option is a parameter of the generator: --key value or --key=value; `microchar generators NAME` lists "
    "them. Of a fitted model only parameters that change how volumes are made, and not which, can be set."
)


def add_common(command: argparse.ArgumentParser, of: str) -> None:
    """Add the options that `fit` and `generate` have alike."""
    command.add_argument(
        "--set",
        action="append",
        type=assignment,
        default=[],
        metavar="KEY=VALUE",
        help="a parameter, as --KEY VALUE does; for those named like an option of this command",
    )
    command.add_argument("--seed", type=int, default=0, help=of)
    command.add_argument("--quiet", action="store_true", help="print errors only")


def ready_generator(text: str, assignments: Sequence[tuple[str, str]] = (), options: Collection[str] = ()) -> Generator:
    """Return the generator in a file, the bundled model or the generator of that name, ready to generate."""
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
            f"generator {text!r} must be fitted first: `microchar fit {text} real.tif -o model.safetensors`, "
            "then `microchar generate model.safetensors …`"
        )
    return generator


def _adjusted(
    generator: Generator, text: str, assignments: Sequence[tuple[str, str]], options: Collection[str]
) -> Generator:
    """Give a fitted model those parameters anew that say how volumes are made."""
    name, able = generator.spec.id, generator.spec.adjustable
    for key, value in values_of(name, assignments, options).items():
        if key not in able:
            raise InputError(
                f"{text}: a fitted model has the parameters of its fit; give {key} to `microchar fit`. "
                f"Of this one {', '.join(able) or 'none'} can be changed"
            )
        setattr(generator, key, value)
    return generator
