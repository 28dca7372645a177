"""`Checkpoint`: the file from which an interrupted annealing run can be continued."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from microchar.core.errors import InputError
from microchar.core.files import whole_file
from microchar.generators.annealing.run import Run

#: Name of the file in the folder for checkpoints.
NAME = "annealing.npz"
#: Seconds between two checkpoints.
_INTERVAL = 60.0
_ADVICE = "delete the folder and omit resume (--resume) to start again"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The state of a run on disk, together with the request to which it belongs.

    Parameters
    ----------
    folder : Path
        An existing folder.
    request : mapping of str to object
        What determines the result: parameters, shape, seed and so on; convertible to JSON.
    """

    folder: Path
    request: Mapping[str, Any]

    @property
    def path(self) -> Path:
        """Path of the file."""
        return self.folder / NAME

    def save(self, run: Run) -> None:
        """Write the state of a run, replacing an earlier one."""
        with whole_file(self.path) as temporary:
            np.savez_compressed(
                temporary,
                labels=run.labels,
                random=run.random,
                made=run.progress_made(),
                request=np.array(json.dumps(self.request, default=str)),
            )

    def restore(self, run: Run) -> None:
        """Continue a run, which must be at its start, from the file.

        Raises
        ------
        InputError
            If the file is missing or damaged, or belongs to another request.
        """
        try:
            with self.path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
                labels, random, made = file["labels"], file["random"], file["made"]
                request = json.loads(str(file["request"]))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(f"{self.path}: not a readable checkpoint of annealing ({error}); {_ADVICE}") from error
        expected = json.loads(json.dumps(self.request, default=str))
        if request != expected:
            different = [key for key in expected if not isinstance(request, dict) or request.get(key) != expected[key]]
            raise InputError(
                f"{self.path}: checkpoint of another volume, with other {', '.join(different) or 'settings'}; "
                f"repeat the interrupted request without changes, or {_ADVICE}"
            )
        layout = [(array.dtype, array.shape) for array in (labels, random, made)]
        if layout != [(np.uint8, run.labels.shape), (np.uint64, (1,)), (np.int64, (4,))] or not np.array_equal(
            np.bincount(labels.ravel()), np.bincount(run.labels.ravel())
        ):
            raise InputError(f"{self.path}: a damaged checkpoint, whose arrays do not fit the volume; {_ADVICE}")
        run.restore(labels, random, made)

    def delete(self) -> None:
        """Delete the file if it exists."""
        self.path.unlink(missing_ok=True)


@contextmanager
def saving(run: Run, checkpoint: Checkpoint | None) -> Iterator[Callable[[], None]]:
    """Keep the checkpoint of a run while it is advanced.

    The function that is provided is called between steps, and saves about once a minute.
    An exception saves too; the end deletes the file. Without a checkpoint nothing happens.
    """
    last = monotonic()

    def step() -> None:
        nonlocal last
        if checkpoint is not None and monotonic() > last + _INTERVAL:
            checkpoint.save(run)
            last = monotonic()

    try:
        yield step
    except BaseException:
        if checkpoint is not None:
            checkpoint.save(run)
        raise
    if checkpoint is not None:
        checkpoint.delete()
