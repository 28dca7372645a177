"""`write_view`: volumes to look at, as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from microchar.core.errors import InputError
from microchar.core.files import PathLike, Replacing, check_writable, file_path, write_together
from microchar.core.text import printable
from microchar.core.volume import Volume


def write_view(volumes: Any, path: PathLike, *, light: bool = False, overwrite: Collection[PathLike] = ()) -> Path:
    """Write a page to look at one or several volumes: slices, three dimensions, differences in place.

    Parameters
    ----------
    volumes : Volume, array_like, or list of them
        The first is the reference, which the others are compared with. Their phases
        and voxel sizes are matched as by `compare`; a phase may be absent. Of more
        than four, four are shown.
    path : str or path
        The file, ``.html``. A page that microchar wrote is replaced.
    light : bool
        Whether to stay below 3 MB, by majority over larger blocks of voxels if need
        be; otherwise pages are at most 15 MB large.
    overwrite : sequence of path
        Files that may be replaced although microchar did not write them.

    Returns
    -------
    Path
        The path of the page.

    Raises
    ------
    InputError
        If the volumes cannot be compared, one is a line or a single voxel, or the file
        cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import microchar as mc
    >>> real, fake = np.random.default_rng(0).random((2, 16, 16, 16)) < 0.3
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     mc.write_view([real, fake], f"{folder}/view.html").name
    'view.html'
    """
    from microchar.report.html import render_view
    from microchar.report.viewer.content import viewer_of

    path = check_view(path, overwrite=overwrite)
    shown = _matched(volumes if isinstance(volumes, list | tuple) else [volumes])
    viewer = viewer_of(shown, light=light)
    if viewer is None:
        raise InputError(f"{shown[0].name}: shape {shown[0].shape}, expected a 3D volume or a 2D image to look at")
    page = render_view(viewer, [_source(volume) for volume in shown])
    writers = {path.name: lambda new: new.write_text(page, encoding="utf-8")}
    return write_together(path.parent, writers, replacing=_replacing(overwrite))[path.name]


def check_view(path: PathLike, *, overwrite: Collection[PathLike] = (), inputs: Collection[Path] = ()) -> Path:
    """Return the path of the page; raise InputError if it may not be written there, or is one of the inputs."""
    path = file_path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{path}: expected the name of a page, with the suffix .html")
    check_writable(path.parent)
    _replacing(overwrite, inputs).check([path])
    return path


def _replacing(overwrite: Collection[PathLike], inputs: Collection[Path] = ()) -> Replacing:
    from microchar.report.writing import wrote

    return Replacing(wrote=wrote, overwrite=overwrite, inputs=inputs)


def _matched(volumes: Sequence[Any]) -> list[Volume]:
    """Return volumes of the phases and the voxel size of the first one, with names of their own."""
    from microchar.comparison.matching import match_whole, named_volume, unique_names

    if not volumes:
        raise InputError("volumes=[]: expected at least one volume")
    first, *others = (named_volume(volume, "volume") for volume in volumes)
    return unique_names([first, *(match_whole(other, first, named_phases=True) for other in others)])


def _source(volume: Volume) -> dict[str, str]:
    return {"name": volume.name} | {key: printable(volume.source.get(key, "")) for key in ("path", "sha256")}
