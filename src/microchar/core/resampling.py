"""`resample`: a volume on voxels of another size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import triple
from microchar.core.text import by
from microchar.core.units import convert, parse_voxel_size
from microchar.core.volume import Volume

#: Shares of phases closer than this are equal; the phase of the lower grey value is then taken.
_TIE = 1e-6


def resample(volume: Volume, voxel_size: float | str | Sequence[float | str]) -> Volume:
    r"""Give a volume voxels of another size: each gets the phase that fills most of it.

    A new voxel overlaps old ones by known volumes. Its phase is
    :math:`\arg\max_i \sum_v w_v [\text{phase of } v = i]`, with the volume :math:`w_v` of
    the overlap with voxel :math:`v`.

    Parameters
    ----------
    volume : Volume
        With a known voxel size, unless the new one has no unit either.
    voxel_size : float, str or sequence of three
        The new edge lengths, as in `microchar.as_volume`.

    Returns
    -------
    Volume
        As many new voxels as fit completely into the old volume. A voxel is inside the
        mask if at least half of it is. A grey image is averaged over the overlap.

    Raises
    ------
    InputError
        If a length is not known, or no new voxel fits along an axis.

    Notes
    -----
    *Bias*: features thinner than half a new voxel vanish, and the volume fraction of a
    minority phase falls. Measure at the original voxel size where you can.

    Examples
    --------
    >>> import microchar as mc
    >>> fine = mc.as_volume([[0, 0, 1, 1], [0, 1, 1, 1]], voxel_size="1um")
    >>> coarse = mc.resample(fine, "2um")
    >>> coarse.values.tolist(), coarse.voxel_size
    ([[[0, 1]]], (2.0, 2.0, 2.0))
    """
    sizes, unit = parse_voxel_size(voxel_size, volume.shape)
    new = triple(size if unit == volume.unit else convert(size, unit, volume.unit) for size in sizes)
    weights = [_overlaps(n, old, size, axis, volume) for axis, (n, old, size) in enumerate(_axes(volume, new))]
    labels = volume.read()
    best = np.full(tuple(w.shape[0] for w in weights), -1.0, np.float32)
    values = np.full(best.shape, volume.grey_values[0], volume.values.dtype)
    for label, grey in enumerate(volume.grey_values):
        share = _averaged(labels == label, weights)
        more = share > best + _TIE
        best[more], values[more] = share[more], grey
    note = f"resampled from {by(volume.voxel_size)} {volume.unit} to {by(new)} {volume.unit}, by majority"
    return replace(
        volume,
        values=values,
        voxel_size=new,
        mask=None if volume.mask is None else _averaged(volume.mask, weights) >= 0.5 - _TIE,
        grey=None if volume.grey is None else _averaged(volume.grey, weights),
        notes=(*volume.notes, note),
    )


def _axes(volume: Volume, new: tuple[float, float, float]) -> list[tuple[int, float, float]]:
    # An axis of one voxel has no extent that could be cut.
    return [(n, old, size if n > 1 else old) for n, old, size in zip(volume.shape, volume.voxel_size, new, strict=True)]


def _overlaps(n: int, old: float, new: float, axis: int, volume: Volume) -> Any:
    """Return the sparse matrix of the shares of each new voxel that lie in each old one, along one axis."""
    from scipy.sparse import csr_array

    count = int(np.floor(n * old / new * (1 + 1e-9)))
    if count < 1:
        raise InputError(
            f"{volume.name}: no voxel of {new:g} {volume.unit} fits along axis {axis}, which is {n * old:g} "
            f"{volume.unit} long; choose a smaller voxel size"
        )
    edges = np.arange(count + 1) * (new / old)
    first = np.minimum(np.floor(edges[:-1] + 1e-9).astype(int), n - 1)
    last = np.minimum(np.ceil(edges[1:] - 1e-9).astype(int), n)
    rows = np.repeat(np.arange(count), last - first)
    columns = np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)])
    inside = np.minimum(columns + 1, edges[1:][rows]) - np.maximum(columns, edges[:-1][rows])
    return csr_array((inside * old / new, (rows, columns)), shape=(count, n), dtype=np.float32)


def _averaged(array: np.ndarray, weights: Sequence[Any]) -> np.ndarray:
    """Return the mean of an array over each new voxel."""
    mean = np.asarray(array, np.float32)
    for axis, matrix in enumerate(weights):
        lines = np.moveaxis(mean, axis, 0)
        mean = np.moveaxis((matrix @ lines.reshape(len(lines), -1)).reshape(-1, *lines.shape[1:]), 0, axis)
    return np.ascontiguousarray(mean)
