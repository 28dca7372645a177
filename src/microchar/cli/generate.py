"""``microchar generate``: volumes from a model or a generator."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from microchar.cli._generation import PARAMETERS, add_common, ready_generator
from microchar.cli._progress import ProgressLine
from microchar.cli._values import axes, integers, positive
from microchar.core.progress import section


def add(commands: Any) -> argparse.ArgumentParser:
    """Add the command to those of ``microchar``; its other options are parameters of the generator."""
    generate = commands.add_parser("generate", help="make volumes", epilog=PARAMETERS, allow_abbrev=False)
    generate.add_argument(
        "model", metavar="MODEL|NAME", help="a file that `fit` wrote, a bundled model, or a generator that needs no fit"
    )
    generate.add_argument("--shape", type=integers, required=True, metavar="N,N,N", help="two numbers make a 2D image")
    generate.add_argument("-n", type=positive, default=1, metavar="N", help="how many, of seeds that count up")
    generate.add_argument("--periodic", type=axes, default=(), metavar="0,1,2", help="axes along which to repeat")
    generate.add_argument("-o", "--output", default="fakes", metavar="FOLDER", help="default: fakes")
    add_common(generate, "of the first volume (default 0)")
    generate.set_defaults(run=run)
    return generate


def run(options: argparse.Namespace) -> None:
    """Make the volumes and write them, all or none."""
    from microchar.core.files import write_together
    from microchar.generation.models import bundled_models

    generator = ready_generator(options.model, options.set, options.own)
    notes: dict[str, tuple[str, ...]] = {}
    with ProgressLine(options) as progress:

        def write(number: int, path: Path) -> None:
            part = section(progress, number / options.n, (number + 1) / options.n, f"{path.stem}: ")
            seed = options.seed + number
            # A generator that streams always does: the file is the same, and no size needs to be known as too large.
            generator.generate_to(path, options.shape, seed=seed, periodic=options.periodic, progress=part)
            notes[path.name] = generator.remarked()

        # A colon is no character for a file's name.
        stem = (options.model if options.model in bundled_models() else generator.spec.id).replace(":", "-")
        writers = {f"{stem}-{options.seed + number}.tif": partial(write, number) for number in range(options.n)}
        files = write_together(Path(options.output), writers)
    if not options.quiet:
        for name, path in files.items():
            print("; ".join([str(path), *notes[name]]))
