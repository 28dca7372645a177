"""``microchar generate``: makes volumes from a fitted model or a generator."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Any

from microchar.cli._generation import PARAMETERS, add_common, ready_generator, resumable_progress
from microchar.cli._input import add_overwrite, input_files
from microchar.cli._values import axes, integers, position, positive
from microchar.cli._workers import add_executor, workers
from microchar.core.errors import InputError
from microchar.core.progress import section
from microchar.core.text import printable


def add(commands: Any) -> argparse.ArgumentParser:
    """Add the command; its other options are parameters of the generator."""
    generate = commands.add_parser("generate", help="make volumes", epilog=PARAMETERS, allow_abbrev=False)
    generate.add_argument(
        "model", metavar="MODEL|NAME", help="a file that `fit` wrote, a bundled model, or a generator that needs no fit"
    )
    generate.add_argument("--shape", type=integers, required=True, metavar="N,N,N", help="two numbers make a 2D image")
    generate.add_argument("-n", type=positive, default=1, metavar="N", help="number of volumes, with consecutive seeds")
    generate.add_argument(
        "--periodic", type=axes, default=(), metavar="0,1,2", help="axes along which the volumes repeat"
    )
    generate.add_argument(
        "--slice",
        metavar="FILE",
        help="a segmented image that the volumes must contain, at --at, with the grey values of the model's material",
    )
    generate.add_argument(
        "--at", type=position, metavar="AXIS:VOXEL", help="where the slice lies, such as 0:64: normal to axis 0"
    )
    generate.add_argument(
        "-o",
        "--output",
        default="fakes",
        metavar="FOLDER|STORE.zarr",
        help="folder for TIFF files (default: fakes), or a Zarr store for one volume, which is made tile by tile",
    )
    add_overwrite(generate)
    add_executor(generate, "who makes the tiles of a STORE.zarr in parallel")
    generate.add_argument(
        "--tile", type=positive, metavar="N", help="longest edge of the tiles of a STORE.zarr in voxels (default 256)"
    )
    generate.add_argument(
        "--resume",
        action="store_true",
        help="continue an interrupted STORE.zarr, or interrupted volumes, if the generator keeps its progress",
    )
    add_common(generate, "of the first volume (default 0)")
    generate.set_defaults(run=run)
    return generate


def run(options: argparse.Namespace) -> None:
    """Make the volumes and write them, all or none."""
    if (options.slice is None) != (options.at is None):
        raise InputError("--slice and --at belong together: give the image and its position, as in --at 0:64")
    if Path(options.output).suffix == ".zarr":
        return _run_tiled(options)
    for name in ("executor", "tile"):
        if getattr(options, name) is not None:
            raise InputError(f"--{name}: tiles are made into a Zarr store only; name one, such as -o volume.zarr")
    _run_whole(options)
    return None


def _run_tiled(options: argparse.Namespace) -> None:
    """Make one volume tile by tile, in parallel, into a Zarr store."""
    from microchar.generation.tiled import TILE, generate_tiled, partial_folder

    path = Path(options.output)
    if options.slice is not None:
        raise InputError("--slice: tiles of a Zarr store are made without a slice; name a folder (-o FOLDER)")
    if options.n != 1:
        raise InputError(f"-n {options.n}: a Zarr store holds one volume; leave it out, or name a folder (-o FOLDER)")
    generator = ready_generator(options.model, options.set, options.own)
    with workers(options) as executor, resumable_progress(options, [partial_folder(path)]) as progress:
        generate_tiled(
            generator,
            path,
            options.shape,
            seed=options.seed,
            periodic=options.periodic,
            tile=options.tile or TILE,
            executor=executor,
            progress=progress,
            resume=options.resume,
            overwrite=any(Path(name).absolute() == path.absolute() for name in options.overwrite),
        )
    if not options.quiet:
        print(printable(str(path)))


def _run_whole(options: argparse.Namespace) -> None:
    """Make volumes, each in this process, into TIFF files."""
    from microchar.core.files import Replacing, write_together
    from microchar.generation.given_slice import GivenSlice
    from microchar.generation.models import bundled_models
    from microchar.io import read_volume
    from microchar.io.formats.tiff import wrote

    generator = ready_generator(options.model, options.set, options.own)
    given = None if options.slice is None else GivenSlice(read_volume(options.slice), *options.at)
    output = Path(options.output)
    # A colon is not allowed in the names of files.
    stem = (options.model if options.model in bundled_models() else generator.id).replace(":", "-")
    seeds = {f"{stem}-{seed}.tif": seed for seed in range(options.seed, options.seed + options.n)}
    keeps = "generate" in generator.spec.keeps_progress
    folders = {name: (output / name).with_suffix(".generate") for name in seeds} if keeps else {}
    _check_folders(folders.values(), options.resume)
    notes: dict[str, tuple[str, ...]] = {}
    with resumable_progress(options, folders.values()) as progress:

        def write(number: int, path: Path) -> None:
            folder = folders.get(path.name)
            generator.generate_to(
                path,
                options.shape,
                seed=seeds[path.name],
                periodic=options.periodic,
                given=given,
                progress=section(progress, number / options.n, (number + 1) / options.n, f"{path.stem}: "),
                folder=folder,
                resume=options.resume and (folder is None or folder.is_dir()),
            )
            notes[path.name] = generator.remarked()

        writers = {name: partial(write, number) for number, name in enumerate(seeds)}
        replacing = Replacing(
            wrote=wrote, overwrite=options.overwrite, inputs=input_files([options.model, options.slice])
        )
        files = write_together(output, writers, replacing=replacing)
    if not options.quiet:
        for name, path in files.items():
            print(printable("; ".join([str(path), *notes[name]])))


def _check_folders(folders: Collection[Path], resume: bool) -> None:
    """Raise InputError unless one volume is to be resumed and can be, or none, before any volume is made."""
    from microchar.generation.checkpoints import check_progress

    interrupted = [folder for folder in folders if folder.is_dir()]
    for folder in [*interrupted, *folders][:1]:
        check_progress(folder, "generate", resume)
