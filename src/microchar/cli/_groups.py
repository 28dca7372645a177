"""Groups of volumes on the command line: samples of one generator, and several scans of the real material."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING

from microchar.cli._values import positive
from microchar.core.errors import InputError

if TYPE_CHECKING:
    from microchar.core.volume import Volume

#: Number of volumes that a model makes if no other is asked for; fewer than 8 say little about spread.
_SAMPLES = 16


def add_groups(group: argparse._ArgumentGroup) -> None:
    """Add the options that name groups."""
    group.add_argument(
        "--group",
        action="append",
        type=_named,
        default=[],
        metavar="NAME=FILES",
        help="samples of one generator, as a quoted glob, or a model file, which makes its own; may be repeated",
    )
    group.add_argument(
        "--samples", type=positive, default=_SAMPLES, metavar="N", help=f"volumes that a model makes ({_SAMPLES})"
    )
    group.add_argument(
        "--real",
        action="append",
        default=[],
        metavar="FILES",
        help="more scans of the real material, as a quoted glob; the scatter between them is the standard error",
    )


def _named(text: str) -> tuple[str, str]:
    name, equals, files = text.partition("=")
    if not (name.strip() and equals and files):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected NAME=FILES, such as ours='fakes/*.tif'")
    return name.strip(), files


def files_of(pattern: str, option: str) -> list[str]:
    """Return the files that a glob names, in alphabetical order."""
    found = sorted(glob(pattern)) or ([pattern] if Path(pattern).exists() else [])
    if not found:
        raise InputError(f"{option} {pattern}: no such file")
    return found


def is_model(pattern: str) -> bool:
    """Return whether a group is made by a model, not read from files."""
    from microchar.generation.models import bundled_models

    return pattern.endswith(".safetensors") or pattern in bundled_models()


def made_by(pattern: str, name: str, like: Volume, number: int) -> Iterator[Volume]:
    """Yield volumes of a model, of the shape of the real volume, with seeds 0, 1, …"""
    from microchar.cli._generation import ready_generator

    generator = ready_generator(pattern)
    for seed in range(number):
        yield replace(generator.generate(generator.least_shape(like.shape), seed=seed), name=f"{name} {seed}")
