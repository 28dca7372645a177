"""`phase_surface`: the closed surface of a phase of a volume."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import triple
from microchar.core.memory import refuse_beyond_memory
from microchar.core.progress import Progress, section, silent
from microchar.core.text import did_you_mean
from microchar.core.volume import Volume, as_volume
from microchar.surfaces.mesh import Mesh
from microchar.surfaces.surface import Surface

#: Passes of smoothing after which the steps of the voxels are gone, and little else.
PASSES = 10
#: Fewest triangles that enclose a volume.
_FEWEST = 4
#: Relative error of the enclosed volume that is accepted.
_TOLERANCE = 0.01
#: Memory that is needed for each face between two voxels, and the rest of it that decimation needs.
_BYTES, _BYTES_OF_DECIMATION = 750, 950
#: How far, relative to their distance, a vertex in the same place as another one moves to the middle of its triangles:
#: the cube around a voxel that touches others in all its edges loses less than 1 % of its volume.
_APART = 1 / 256


def phase_surface(
    volume: Any,
    phase: str | None = None,
    *,
    smooth: int = PASSES,
    faces: int | None = None,
    progress: Progress = silent,
) -> Surface:
    """Return the closed surface of a phase, smoothed.

    The surface has the topology of the voxels: those of the phase are connected across
    faces, all others across faces and edges. Exactly two triangles meet at every edge. It is closed where the
    phase ends at a side of the volume, and flat there. Every closed part is moved, after
    smoothing and decimation, to where it encloses the volume of its voxels; of the phase
    as a whole, less than 1 % may be missing or too much.

    Parameters
    ----------
    volume : Volume or array_like
        The volume, or what `microchar.as_volume` makes one of.
    phase : str, optional
        Name of the phase; may be left out if the volume has one phase.
    smooth : int, optional
        Passes of Taubin's smoothing; 0 keeps the faces of the voxels.
    faces : int, optional
        Largest number of triangles; by default as many as there are.
    progress : callable, optional
        See `microchar.core.progress.Progress`.

    Returns
    -------
    Surface
        In the unit of the voxel size.

    Raises
    ------
    InputError
        If the phase has no voxels, or the surface cannot have so few triangles and
        enclose the volume of the phase.
    NotEnoughMemoryError
        If the surface needs more memory than is available.

    Notes
    -----
    Triangles share vertices and edges as a closed surface does. Smoothing and decimation
    do not check whether distant triangles cross each other where the phase, or a gap in
    it, is one voxel thin.

    Examples
    --------
    >>> import numpy as np
    >>> import microchar as mc
    >>> grain = np.zeros((6, 6, 6), np.uint8)
    >>> grain[1:5, 1:5, 1:5] = 1
    >>> volume = mc.as_volume(grain, phases=["pore", "grain"], voxel_size="2um")
    >>> surface = mc.phase_surface(volume, "grain")
    >>> round(surface.enclosed_volume, 3), surface.unit
    (512.0, 'um')
    """
    volume = as_volume(volume)
    label = _label(volume, phase)
    if smooth < 0:
        raise InputError(f"smooth={smooth}: expected a number of passes, 0 or more")
    if faces is not None and faces < _FEWEST:
        raise InputError(f"faces={faces}: expected a number of triangles, {_FEWEST} or more")
    inside = volume.read() == label
    if not inside.any():
        raise InputError(f"{volume.name}: phase {volume.phases[label]!r} has no voxels; it has no surface")
    _check_memory(inside, volume, decimating=faces is not None)
    mesh = _mesh(inside, smooth, faces, progress)
    kept = mesh.volumes().sum() / np.count_nonzero(inside)
    if abs(kept - 1) > _TOLERANCE:
        raise InputError(
            f"{volume.name}: phase {volume.phases[label]!r}: the surface would enclose {kept:.0%} of the volume of the "
            f"phase with smooth={smooth} and faces={faces}; smooth it less, or allow more triangles"
        )
    return Surface(
        points=(mesh.points * volume.voxel_size[::-1]).astype(np.float32),
        triangles=mesh.triangles,
        phase=volume.phases[label],
        label=label,
        extent=triple(n * size for n, size in zip(volume.shape[::-1], volume.voxel_size[::-1], strict=True)),
        unit=volume.unit,
        pieces=int(mesh.piece.max()) + 1,
    )


def _label(volume: Volume, phase: str | None) -> int:
    if phase is None and volume.n_phases == 1:
        return 0
    if phase in volume.phases:
        return volume.phases.index(phase)
    found = "none is given" if phase is None else f"found {phase!r}"
    hint = did_you_mean(phase or "", volume.phases)
    raise InputError(f"{volume.name}: phase: {found}, {hint}expected one of {', '.join(map(repr, volume.phases))}")


def _check_memory(inside: np.ndarray, volume: Volume, *, decimating: bool) -> None:
    padded = np.pad(inside, 1)
    n_faces = sum(int(np.count_nonzero(np.diff(padded, axis=axis))) for axis in range(3))
    refuse_beyond_memory(
        n_faces * (_BYTES + decimating * _BYTES_OF_DECIMATION),
        f"{volume.name}: a surface of {n_faces:.3g} faces of voxels",
        "crop the volume (--crop), or use larger voxels (--resample)",
    )


def _mesh(inside: np.ndarray, smooth: int, faces: int | None, progress: Progress) -> Mesh:
    from microchar.surfaces.decimation import decimated
    from microchar.surfaces.smoothing import restored, smoothed
    from microchar.surfaces.voxel_faces import voxel_surface

    progress(0.0, "faces of the voxels")
    mesh = voxel_surface(inside)
    end = 1.0 if faces is None else 0.5
    if smooth:
        mesh = smoothed(mesh, smooth, section(progress, 0.1, end))
    if faces is not None and len(mesh.triangles) > faces:
        volumes = mesh.volumes()
        mesh = restored(decimated(mesh, faces, section(progress, end, 1.0)), volumes)
    return _apart(mesh)


def _apart(mesh: Mesh) -> Mesh:
    """Move vertices that are in the same place apart, as programs take such vertices for one."""
    # Files hold numbers of 32 bits.
    rounded = mesh.points.astype(np.float32)
    order = np.lexsort(rounded.T)
    same = (rounded[order[1:]] == rounded[order[:-1]]).all(axis=1)
    shared = order[np.append(same, False) | np.append(False, same)]
    if not shared.size:
        return mesh
    a, b, c = mesh.corners
    sums = mesh.around_vertices((a + b + c) / 3)[shared]
    around = np.bincount(mesh.triangles.ravel(), minlength=len(mesh.points))[shared, None]
    points = mesh.points.copy()
    points[shared] += _APART * (sums / around - points[shared]) * mesh.free[shared]
    return replace(mesh, points=points)
