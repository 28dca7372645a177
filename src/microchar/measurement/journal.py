"""`Journal`: the counts of a measurement, kept in a folder as they are made, so that a run that was killed goes on."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

import microchar
from microchar.core.errors import InputError
from microchar.core.files import whole_file
from microchar.core.json_text import parse_json
from microchar.core.volume import Volume
from microchar.io.image import DAMAGE
from microchar.measurement.blocks import Counts

if TYPE_CHECKING:
    from microchar.measurement.metric import Metric

_REQUEST = "request.json"


class Journal:
    """What was counted in the batches of a volume; a batch is in it as a whole, or not at all.

    Parameters
    ----------
    folder : Path
        Exists, and holds counts of the same request only; see `keeping`.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def name(self, metric: Metric, volume: Volume, in_cells: bool) -> str:
        """Return the name of the counts of a metric, with all of its parameters."""
        about = repr((metric, volume.shape, volume.values.dtype, in_cells))
        return f"{metric.id}-{hashlib.sha256(about.encode()).hexdigest()[:16]}"

    def kept(self, name: str, number: int) -> list[Counts] | None:
        """Return what was counted in a batch; None if it was not."""
        path = self._path(name, number)
        if not path.is_file():
            return None
        try:
            with np.load(path, allow_pickle=False) as arrays:
                found: list[Counts] = [{} for _ in range(int(arrays["parts"]))]
                for key in arrays.files:
                    part, colon, count = key.partition(":")
                    if colon:
                        found[int(part)][count] = arrays[key]
        except (*DAMAGE, BadZipFile) as error:
            raise InputError(f"{path}: is damaged ({error}); delete this file to have it counted again") from error
        return found

    def keep(self, name: str, number: int, counted: Sequence[Counts]) -> None:
        """Write what was counted in a batch."""
        arrays = {f"{part}:{key}": array for part, counts in enumerate(counted) for key, array in counts.items()}
        with whole_file(self._path(name, number)) as path, path.open("wb") as file:
            np.savez(file, allow_pickle=False, parts=np.array(len(counted)), **arrays)

    def is_empty(self) -> bool:
        """Return whether no batch is in it."""
        return not any(self.folder.glob("*.npz"))

    def _path(self, name: str, number: int) -> Path:
        return self.folder / f"{name}-{number}.npz"


@contextmanager
def keeping(folder: Path | None, volume: Volume, settings: Mapping[str, Any], resume: bool) -> Iterator[Journal | None]:
    """Provide the journal of a measurement; its folder is removed at the end, unless an error leaves counts to resume.

    Parameters
    ----------
    folder : Path or None
        Made if it does not exist; None if nothing shall be kept.
    volume : Volume
    settings : mapping
        What else decides on the counts.
    resume : bool
        Whether the folder holds counts of the same request, or must hold none.

    Raises
    ------
    InputError
        If there is nothing to resume, or it belongs to another request.
    """
    if folder is None:
        if resume:
            raise InputError("resume=True: folder= is missing, expected the folder with the counts of the earlier run")
        yield None
        return
    request = {"microchar": microchar.__version__, "volume": _identity(volume), "settings": _plain(settings)}
    if folder.is_dir() and any(folder.iterdir()):
        _check(folder, request, resume)
    elif resume:
        raise InputError(f"{folder}: holds no measurement to resume; omit resume (--resume) to start a new one")
    else:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder}: cannot be made ({error.strerror}); choose another output") from error
        with whole_file(folder / _REQUEST) as path:
            path.write_text(json.dumps(request, indent=1), encoding="utf-8")
    journal = Journal(folder)
    try:
        yield journal
    except BaseException:
        if journal.is_empty():  # nothing to resume
            shutil.rmtree(folder)
        raise
    shutil.rmtree(folder)


def _check(folder: Path, request: Mapping[str, Any], resume: bool) -> None:
    """Raise InputError unless a folder holds counts of this request that are to be resumed."""
    path = folder / _REQUEST
    if not path.exists():
        raise InputError(f"{folder}: exists and holds no measurement to resume; choose another output, or remove it")
    if not resume:
        raise InputError(
            f"{folder}: holds the counts of a measurement that was interrupted; go on with resume=True (--resume), "
            "or delete the folder to start again"
        )
    try:
        earlier = parse_json(path.read_text(encoding="utf-8"))
        different = [key for key in request if earlier[key] != request[key]]
        parts = [
            f"{key} {part}: {earlier[key].get(part)!r}, now {request[key].get(part)!r}"
            if isinstance(request[key], dict)
            else f"{key}: {earlier[key]!r}, now {request[key]!r}"
            for key in different
            for part in (request[key] if isinstance(request[key], dict) else [""])
            if not part or earlier[key].get(part) != request[key][part]
        ]
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); delete the folder to start again") from error
    if different:
        raise InputError(
            f"{folder}: holds the counts of another request ({'; '.join(parts)[:400]}); resume it with its own file "
            "and options, or delete the folder to start again"
        )


def _identity(volume: Volume) -> Any:
    """Return what tells the voxels of a volume from others."""
    about = asdict(volume.grid) | {"phases": volume.phases, "grey values": volume.grey_values, "notes": volume.notes}
    source = dict(volume.source)
    if "sha256" not in source or (volume.mask is not None and "mask_sha256" not in source):
        digest = hashlib.sha256()
        for plane in range(volume.shape[0]):
            digest.update(volume.read((plane, 0, 0), (plane + 1, *volume.shape[1:])).tobytes())
        source["labels"] = digest.hexdigest()
    return _plain(about | source)


def _plain(about: Mapping[str, Any]) -> Any:
    """Return what is left of a mapping when it has been written as JSON and read again."""
    return json.loads(json.dumps(dict(about), default=repr))
