"""Halos of tiles: how far noise acts in a network, and the effect of a shorter halo."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Triple
from microchar_gan.tiling.lattice_noise import noise
from microchar_gan.tiling.tiles import Field, blocks, read_lengths

#: Longest halo that is tried by default, in cells of noise.
MAX_HALO = 64


class Reach(NamedTuple):
    """A halo in cells of noise, and whether noise beyond it has no effect."""

    halo: int
    exact: bool


class Seams(NamedTuple):
    """Result of `seam_mismatch`.

    Attributes
    ----------
    mismatch : float
        Share of voxels that differ between the tiled volume and the one made at once.
    at_seams, elsewhere : float
        Share of unlike neighbours in the tiled volume: across the faces of tiles, and
        in all other pairs along the same axes.
    whole_at_seams : float
        As `at_seams`, in the volume made at once.
    pairs : int
        Pairs of neighbours across faces of tiles.
    """

    mismatch: float
    at_seams: float
    elsewhere: float
    whole_at_seams: float
    pairs: int


def impulse_halo(
    forward: Callable[[Any], Any],
    channels: int,
    *,
    align: int = 1,
    shortest: int = 1,
    maximum: int = MAX_HALO,
) -> Reach:
    """Find how far noise acts in a network that treats its input as one period, by an impulse.

    The impulse is not-a-number. It survives every convolution, rectifier, maximum
    and attention whatever the weights are, so that the outputs it turns into
    not-a-number are exactly those that depend on its position. (A gradient would miss
    paths that a rectifier blocks for the noise at hand.) The impulse fills `align`
    planes of a volume that is long along one axis only. The short axes are periodic,
    so that effects around them are seen too.

    Parameters
    ----------
    forward : callable
        From a tensor (1, channels, a, b, c) of float32 on the CPU to logits (1, phases, a, b, c),
        in evaluation mode, with pooled statistics frozen.
    channels : int
        Channels of the noise.
    align : int
        Shifts by multiples of it commute with the network; the halo is rounded up to it.
    shortest : int
        Smallest number of cells along an axis that the network accepts.
    maximum : int
        Longest halo to report, also rounded up to `align`.

    Returns
    -------
    Reach
        The longest halo of the three axes and both directions; the `maximum` and
        ``exact=False`` if noise acts further.

    Raises
    ------
    InputError
        If the logits of ordinary noise are not finite.

    Examples
    --------
    >>> import torch
    >>> from microchar_gan.tiling.halo import impulse_halo
    >>> net = torch.nn.Conv3d(1, 2, kernel_size=5, padding=2, padding_mode="circular")
    >>> impulse_halo(net, channels=1, shortest=2)
    Reach(halo=2, exact=True)
    """
    import torch

    short, top, long, centre = _probe(align, shortest, maximum)
    with torch.inference_mode():
        if not torch.isfinite(forward(_noise_tensor((short, short, short), channels))).all():
            raise InputError("the logits of the network are not finite: its weights are damaged; train it again")
        reach = 0
        for axis in range(3):
            tensor = _noise_tensor(_along(axis, long, short), channels)
            tensor.narrow(2 + axis, centre, align).fill_(torch.nan)
            affected = forward(tensor).isnan().transpose(2, 2 + axis).any(dim=(0, 1, 3, 4))
            planes = np.flatnonzero(affected.numpy())
            if len(planes):
                reach = max(reach, centre - int(planes[0]), int(planes[-1]) - (centre + align - 1))
    halo = -(-reach // align) * align
    return Reach(min(halo, top), halo <= top)


def felt_halo(
    forward: Callable[[Any], Any],
    channels: int,
    *,
    align: int = 1,
    shortest: int = 1,
    maximum: int = MAX_HALO,
    tolerance: float = 1e-5,
) -> Reach:
    """Find the halo beyond which other noise changes the logits no more than rounding does.

    Distant noise has a faint effect in a deep network. This halo is often half of the
    result of `impulse_halo` or less, and tiles made with it take a fraction of the
    work. It depends on the weights and on a tolerance: the largest change of a logit
    beside a tile's face, in standard deviations of the logits. The share of voxels
    whose label changes stays below it; `seam_mismatch` counts them.

    Parameters
    ----------
    forward, channels, align, shortest, maximum
        As for `impulse_halo`.
    tolerance : float
        Single precision allows no less than about 1e-6.

    Returns
    -------
    Reach
        The longest halo of the three axes; the `maximum` and ``exact=False`` if noise beyond it
        changes more.

    Examples
    --------
    >>> import torch
    >>> from microchar_gan.tiling.halo import felt_halo
    >>> net = torch.nn.Conv3d(1, 2, kernel_size=5, padding=2, padding_mode="circular")
    >>> felt_halo(net, channels=1, shortest=2)
    Reach(halo=2, exact=True)
    """
    import torch

    short, top, long, _ = _probe(align, shortest, maximum)
    halos = range(0, top + 1, align)
    first = 0
    with torch.inference_mode():
        for axis in range(3):
            shape = _along(axis, long, short)
            kept, other = _noise_tensor(shape, channels), _noise_tensor(shape, channels, seed=1)
            first = max(first, _first_unfelt(forward, kept, other, axis, halos, tolerance))
    return Reach(halos[min(first, len(halos) - 1)], first < len(halos))


def _first_unfelt(
    forward: Callable[[Any], Any], kept: Any, other: Any, axis: int, halos: range, tolerance: float
) -> int:
    """Return the index of the first halo beyond which other noise does not change the logits."""
    align, centre = halos.step, 2 * halos[-1]
    logits = forward(kept)
    allowed = tolerance * float(logits.std())

    def unfelt(halo: int) -> bool:
        mixed, near = other.clone(), (2 + axis, centre - halo, align + 2 * halo)
        mixed.narrow(*near).copy_(kept.narrow(*near))
        change = (forward(mixed) - logits).narrow(2 + axis, centre, align)
        return float(change.abs().max()) <= allowed

    return bisect_left(halos, True, key=unfelt)


def _probe(align: int, shortest: int, maximum: int) -> tuple[int, int, int, int]:
    """Return the short and the long edge of the test volume, the longest halo, and the centre."""
    short, top = (-(-n // align) * align for n in (max(shortest, 1), maximum))
    # Twice the length of the longest halo: an effect that reaches further is seen before it wraps around.
    return short, top, max(4 * top + align, short), 2 * top


def _along(axis: int, long: int, short: int) -> Triple:
    a, b, c = (long if i == axis else short for i in range(3))
    return (a, b, c)


def _noise_tensor(shape: Triple, channels: int, seed: int = 0) -> Any:
    import torch

    return torch.from_numpy(noise(seed, (0, 0, 0), shape, channels))[None]


def seam_mismatch(field: Field, shape: Sequence[int], tile: int | Sequence[int], *, seed: int = 0) -> Seams:
    """Compare a volume made in tiles with the same volume made at once, to see the effect of a short halo.

    The volume is periodic along all axes, so that it needs no halo when made at once.

    Parameters
    ----------
    field : Field
        The network.
    shape : sequence of three int
        Voxels, multiples of ``field.unit``. One axis must hold several tiles with their halos; a few
        units suffice for the others.
    tile : int or sequence of three int
        Edges of a tile in voxels.
    seed : int
        Seed of the noise.

    Returns
    -------
    Seams

    Raises
    ------
    InputError
        If no axis is longer than a tile with its halos.
    """
    lengths = read_lengths(shape, "shape")
    at_once = np.empty(lengths, np.uint8)
    for where, labels in blocks(field, lengths, seed=seed, periodic=(0, 1, 2), tile=lengths):
        at_once[where] = labels
    tiled, starts = np.empty_like(at_once), [set[int](), set[int](), set[int]()]
    for where, labels in blocks(field, lengths, seed=seed, periodic=(0, 1, 2), tile=tile):
        tiled[where] = labels
        for known, along in zip(starts, where, strict=True):
            known.add(along.start)
    unlike = np.zeros((3, 2), np.int64)  # rows: tiled at seams, tiled elsewhere, at once at seams
    for axis in (a for a in range(3) if len(starts[a]) > 1):
        seams = sorted(starts[axis])
        for row, volume, inside in ((0, tiled, False), (1, tiled, True), (2, at_once, False)):
            pairs = np.moveaxis(volume != np.roll(volume, 1, axis), axis, 0)
            chosen = np.delete(pairs, seams, axis=0) if inside else pairs[seams]
            unlike[row] += np.count_nonzero(chosen), chosen.size
    if not unlike[0, 1]:
        raise InputError(
            f"shape={lengths}, tile={tile!r}: there is no seam; expected an axis longer than a tile with its two halos "
            f"of {field.halo * field.scale} voxels"
        )
    at_seams, elsewhere, whole_at_seams = (unlike[:, 0] / np.maximum(unlike[:, 1], 1)).tolist()
    return Seams(float(np.mean(tiled != at_once)), at_seams, elsewhere, whole_at_seams, int(unlike[0, 1]))
