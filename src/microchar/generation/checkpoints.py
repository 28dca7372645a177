"""The folder in which a fit or a generation saves its progress, and the rules for using it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from microchar.core.errors import InputError
from microchar.generation.spec import GeneratorSpec, Work

#: What the work produces, as messages name it.
_PRODUCT: dict[Work, str] = {"fit": "fit", "generate": "volume"}


@contextmanager
def progress_folder(spec: GeneratorSpec, work: Work, folder: str | Path | None, resume: bool) -> Iterator[Path | None]:
    """Create the folder for checkpoints and yield its path; None if no folder was requested.

    When the block ends, an empty folder is removed, together with the empty
    parents that were created for it.

    Parameters
    ----------
    spec : GeneratorSpec
        Of the generator that does the work.
    work : {"fit", "generate"}
    folder : str or path, optional
    resume : bool
        Whether the folder must contain the progress of earlier work, or must not.

    Raises
    ------
    InputError
        If the generator saves no progress during this work, `resume` does not fit
        the content of the folder, or the folder cannot be created.
    """
    if folder is None and not resume:
        yield None
        return
    if work not in spec.keeps_progress:
        raise InputError(
            f"generator {spec.id!r} cannot resume an interrupted {_PRODUCT[work]}: omit folder= and resume= (--resume)"
        )
    if folder is None:
        raise InputError(f"resume=True: folder= is missing, expected the folder of the {_PRODUCT[work]} to resume")
    path = Path(folder)
    check_progress(path, work, resume)
    created = [parent for parent in (path, *path.parents) if not parent.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be created ({error.strerror}); expected a folder for checkpoints") from error
    try:
        yield path
    finally:
        _remove_empty([path, *created])


def check_progress(folder: Path, work: Work, resume: bool) -> None:
    """Raise InputError unless the folder contains progress exactly if it is to be resumed."""
    occupied = folder.is_dir() and any(folder.iterdir())
    product = _PRODUCT[work]
    if resume and not occupied:
        raise InputError(f"{folder}: holds no {product} to resume; omit resume (--resume) to start a new one")
    if occupied and not resume:
        raise InputError(
            f"{folder}: holds the progress of an earlier {product}; continue it with resume=True (--resume), "
            "or delete the folder to start again"
        )


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
