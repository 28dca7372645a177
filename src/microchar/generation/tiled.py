"""`generate_tiled`: a volume of any size in a Zarr store, its tiles made in parallel, and resumed where they were."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import microchar
from microchar.core.errors import InputError
from microchar.core.files import file_path, refuse_irregular, whole_file
from microchar.core.grid import Triple
from microchar.core.json_text import parse_json
from microchar.core.progress import Progress, silent
from microchar.generation.generator import Generator
from microchar.generation.loading import load_generator
from microchar.generation.requests import checked_volume, random_generator
from microchar.generation.streaming import Box, TiledGenerator, tiles_of
from microchar.io.formats import zarr as zarr_format
from microchar.measurement.blocks import available_cores
from microchar.measurement.executors import ProcessPool, workers

#: Longest edge of a tile by default, in voxels.
TILE = 256
#: Seconds between two calls of the progress while tiles are made elsewhere.
_OFTEN = 0.5
_REQUEST, _MODEL, _DONE = "request.json", "model.safetensors", "done"


def generate_tiled(
    generator: Generator,
    path: str | Path,
    shape: Sequence[int],
    *,
    seed: int = 0,
    periodic: Sequence[int] = (),
    tile: int = TILE,
    executor: Executor | None = None,
    progress: Progress | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> None:
    """Make a volume of any size tile by tile, in parallel, and write it into a Zarr store.

    The volume does not depend on who makes the tiles. Each tile is one chunk of the store, so that
    no two workers write the same file. Until the volume is complete, store, model and finished tiles
    are in the folder ``PATH.partial``; an interruption of any kind leaves it.

    Parameters
    ----------
    generator : Generator
        Makes tiles independently of each other: a `microchar.generation.streaming.TiledGenerator`.
    path : str or path
        The store; its name ends in ``.zarr``.
    shape, seed, periodic
        See `Generator.generate`.
    tile : int
        Longest edge of a tile in voxels; the generator chooses the edges.
    executor : concurrent.futures.Executor, optional
        Makes the tiles in other processes, which must see the files at the same paths. By default
        they are made one after the other in this process.
    progress : Progress, optional
        An exception that it raises stops the work.
    resume : bool
        Whether to continue the volume in ``PATH.partial``, with the same generator and arguments.
    overwrite : bool
        Whether a store of that name is replaced.

    Raises
    ------
    InputError
        If the generator cannot make tiles independently or cannot make such a volume, the store
        exists, or `resume` does not fit the content of ``PATH.partial``.

    Examples
    --------
    >>> import tempfile
    >>> import microchar as mc
    >>> from microchar.generation.tiled import generate_tiled
    >>> from microchar.generators.overlapping_spheres import OverlappingSpheres
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     generate_tiled(OverlappingSpheres(radius=4.0), f"{folder}/spheres.zarr", (40, 40, 40), tile=20)
    ...     mc.read_volume(f"{folder}/spheres.zarr").shape
    (40, 40, 40)
    """
    path = file_path(path)
    if path.suffix != ".zarr":
        raise InputError(
            f"{path}: volumes are made in parallel tiles into Zarr stores; expected a name ending in .zarr"
        )
    tiled = _checked_generator(generator)
    lengths, axes = checked_volume(tiled.spec, shape, periodic)
    random_generator(seed)
    if isinstance(tile, bool) or not isinstance(tile, int) or tile < 1:
        raise InputError(f"tile={tile!r} (--tile): expected a whole number of voxels, 1 or greater")
    refuse_irregular(path, folder=True)
    if path.exists() and not overwrite:
        raise InputError(f"{path}: exists; choose another name, or replace it with overwrite=True (--overwrite {path})")
    edges = tiled.tile(lengths, axes, tile)
    identity = _identity(tiled)
    request = {
        "microchar": microchar.__version__,
        "model": identity,
        "shape": list(lengths),
        "seed": int(seed),
        "periodic": list(axes),
        "tile": list(edges),
    }
    folder = partial_folder(path)
    _begin(folder, request, resume)
    work = _Work(str(folder.resolve()), path.name, lengths, int(seed), axes, identity, _adjusted(tiled))
    if not (folder / _DONE).is_dir():
        _prepare(folder, path.name, tiled, lengths, edges)
    tiles = list(enumerate(tiles_of(lengths, edges)))
    todo = [(number, box) for number, box in tiles if not (folder / _DONE / str(number)).exists()]
    try:
        _make_all(work, tiled, todo, len(tiles), executor, progress or silent)
    except BaseException:
        if not any((folder / _DONE).iterdir()):  # nothing to resume
            shutil.rmtree(folder)
        raise
    with whole_file(path) as new:
        (folder / path.name).rename(new)
    shutil.rmtree(folder)


def partial_folder(path: str | Path) -> Path:
    """Return the folder that holds an unfinished store."""
    return Path(path).with_name(f"{Path(path).name}.partial")


def _checked_generator(generator: Generator) -> TiledGenerator:
    obstacle = generator.whole_only()
    if not isinstance(generator, TiledGenerator) or obstacle:
        raise InputError(
            f"generator {generator.id!r} cannot make the tiles of a volume independently: {obstacle}; write TIFF "
            "files instead (-o FOLDER)"
        )
    if generator.spec.needs_fit and not generator.state:
        raise InputError(f"generator {generator.id!r} must be fitted before it generates: call fit(volume) first")
    return generator


# --- the folder ---


def _begin(folder: Path, request: dict[str, Any], resume: bool) -> None:
    """Make the folder, or check that it holds the same request."""
    if resume:
        return _check_same(folder, request)
    if folder.exists():
        raise InputError(
            f"{folder}: holds a volume that was interrupted; continue it with resume=True (--resume), or delete the "
            "folder to start again"
        )
    try:
        folder.mkdir()
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror}); choose another output") from error
    with whole_file(folder / _REQUEST) as file:
        file.write_text(json.dumps(request, indent=1), encoding="utf-8")
    return None


def _check_same(folder: Path, request: dict[str, Any]) -> None:
    if not (folder / _REQUEST).is_file():
        raise InputError(f"{folder}: holds no volume to resume; omit resume (--resume) to start a new one")
    try:
        earlier = parse_json((folder / _REQUEST).read_text(encoding="utf-8"))
        different = [f"{key} {earlier[key]!r}, now {request[key]!r}" for key in request if earlier[key] != request[key]]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(f"{folder / _REQUEST}: cannot be read ({error}); delete the folder to start again") from error
    if different:
        raise InputError(
            f"{folder}: holds another volume ({'; '.join(different)}); resume it with its own model and options, or "
            "delete the folder to start again"
        )


def _identity(generator: Generator) -> str:
    """Return a digest of all that decides on the volumes of a generator."""
    fixed = {key: value for key, value in generator.parameters().items() if key not in generator.spec.adjustable}
    material = None if generator.material is None else asdict(generator.material)
    digest = hashlib.sha256(repr((generator.id, generator.spec.revision, sorted(fixed.items()), material)).encode())
    for key in sorted(generator.state):
        array = generator.state[key]
        digest.update(repr((key, array.dtype.str, array.shape)).encode() + array.tobytes())
    return f"{generator.id} {digest.hexdigest()[:16]}"


def _adjusted(generator: Generator) -> tuple[tuple[str, Any], ...]:
    return tuple((key, getattr(generator, key)) for key in generator.spec.adjustable)


def _prepare(folder: Path, name: str, generator: Generator, shape: Triple, edges: Triple) -> None:
    """Write the model for the workers, and the store without voxels; the folder of finished tiles comes last."""
    generator.save(folder / _MODEL)
    material = generator.material or generator.default_material()
    table = material.table()
    zarr_format.create_tiled(
        folder / name,
        shape,
        table.dtype,
        edges,
        voxel_size=material.voxel_size,
        unit=material.unit,
        phases=dict(zip(material.phases, material.grey_values, strict=True)),
    )
    (folder / _DONE).mkdir()


# --- the tiles ---


@dataclass(frozen=True)
class _Work:
    """What every tile needs: small, since it is sent with each."""

    folder: str
    name: str
    shape: Triple
    seed: int
    periodic: tuple[int, ...]
    model: str
    adjusted: tuple[tuple[str, Any], ...]
    threads: int | None = None

    def make(self, generator: TiledGenerator, number: int, box: Box, progress: Progress = silent) -> None:
        """Make a tile, write its chunk, and note that it is finished."""
        labels = generator.make_box(box, self.shape, random_generator(self.seed), self.periodic, progress)
        table = (generator.material or generator.default_material()).table()
        zarr_format.write_tile(Path(self.folder, self.name), box, table[labels])
        Path(self.folder, _DONE, str(number)).touch()


def _make_elsewhere(work: _Work, number: int, box: Box) -> None:
    work.make(_loaded(work), number, box)


@lru_cache(maxsize=1)
def _loaded(work: _Work) -> TiledGenerator:
    """Return the generator of the tiles, which is read once in every process."""
    generator = load_generator(Path(work.folder, _MODEL))
    assert isinstance(generator, TiledGenerator)
    for key, value in work.adjusted:
        setattr(generator, key, value)
    if work.threads is not None:
        generator.use_threads(work.threads)
    return generator


def _make_all(
    work: _Work,
    generator: TiledGenerator,
    todo: Sequence[tuple[int, Box]],
    total: int,
    executor: Executor | None,
    progress: Progress,
) -> None:
    done = total - len(todo)

    def tell() -> None:
        progress(done / total, f"tile {min(done + 1, total)} of {total}")

    if executor is None:
        for number, box in todo:
            tell()
            work.make(generator, number, box, lambda fraction, text: tell())
            done += 1
        return progress(1.0, "tiles")
    if isinstance(executor, ProcessPool):
        work = replace(work, threads=max(available_cores() // workers(executor), 1))
    waiting: set[Future[None]] = set()
    more = iter(todo)
    try:
        while True:
            tell()
            for number, box in islice(more, 2 * workers(executor) - len(waiting)):
                waiting.add(executor.submit(_make_elsewhere, work, number, box))
            if not waiting:
                return progress(1.0, "tiles")
            finished, waiting = wait(waiting, timeout=_OFTEN, return_when=FIRST_COMPLETED)
            done += len(finished)
            for future in finished:
                future.result()
    finally:
        for future in waiting:
            future.cancel()
        wait(waiting)
