"""Normal noise on an endless grid, as a function of seed, channel and position."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import product

import numpy as np

from microchar.core.errors import InputError

#: Edge of the cubes of positions that share a random stream: at 16³ starting a stream costs little.
_CELL = 16
#: One cell along one axis: slice of the result, and slice of the cell's values that goes there.
_Run = tuple[slice, slice]


def noise(
    seed: int,
    start: Sequence[int],
    stop: Sequence[int],
    channels: int,
    periods: Sequence[int | None] = (None, None, None),
) -> np.ndarray:
    r"""Return independent standard normal values at the positions of a box of an endless grid.

    The value of a channel at a position depends on the seed, the channel and the
    position alone. Overlapping boxes therefore agree where they overlap, whatever
    their sizes and order. Each cube of 16³ positions has its own random stream,
    Philox 4×64 with ten rounds [1]_, whose key is derived from the seed and whose
    counter starts at the cube's coordinates.

    Parameters
    ----------
    seed : int
        Not negative.
    start, stop : sequence of three int
        The box, `stop` excluded; coordinates may be negative.
    channels : int
        Values at each position. More channels do not change the first ones.
    periods : sequence of three (int or None)
        Coordinates along an axis with a period are taken modulo that period, which may be any length.

    Returns
    -------
    ndarray of float32
        Shape (channels, \*(stop − start)).

    Raises
    ------
    InputError
        If the seed is negative, there are no channels, the box is empty or a period is not at least one.

    Notes
    -----
    About 25 ns per value. NumPy's ziggurat method turns the stream into normal values;
    NumPy does not guarantee the same values in every future version.

    References
    ----------
    .. [1] Salmon, J. K. et al. (2011), Parallel random numbers: as easy as 1, 2,
       3, Proc. SC11, 16.

    Examples
    --------
    >>> import numpy as np
    >>> from microchar_gan.tiling.lattice_noise import noise
    >>> large = noise(7, (-20, 0, 0), (20, 30, 40), channels=2)
    >>> small = noise(7, (-3, 5, 6), (4, 7, 8), channels=2)
    >>> bool(np.array_equal(small, large[:, 17:24, 5:7, 6:8]))
    True
    """
    shape = tuple(b - a for a, b in zip(start, stop, strict=True))
    if seed < 0:
        raise InputError(f"seed={seed!r}: expected a whole number, 0 or greater")
    if channels < 1 or min(shape) < 1:
        raise InputError(f"channels={channels}, shape={shape}: expected at least one channel and one position")
    if any(period is not None and period < 1 for period in periods):
        raise InputError(f"periods={tuple(periods)!r}: expected None or at least 1 for each axis")
    key = np.random.SeedSequence(seed).generate_state(2, np.uint64)
    values = np.empty((channels, *shape), np.float32)
    runs = [_runs(a, b, period) for a, b, period in zip(start, stop, periods, strict=True)]
    for cell in product(*runs):
        # Two's complement keeps negative coordinates apart; the lowest word counts within the stream.
        counter = np.array([0, *cell], np.int64).view(np.uint64)
        stream = np.random.Generator(np.random.Philox(key=key, counter=counter))
        block = stream.standard_normal((channels, _CELL, _CELL, _CELL), np.float32)
        for along in product(*(axis[c] for axis, c in zip(runs, cell, strict=True))):
            target, source = zip(*along, strict=True)
            values[(slice(None), *target)] = block[(slice(None), *source)]
    return values


def _runs(start: int, stop: int, period: int | None) -> dict[int, list[_Run]]:
    """Return the cells along one axis that a range meets, each with the pieces of the range inside it."""
    runs = defaultdict(list)
    at = start
    while at < stop:
        position = at if period is None else at % period
        cell, offset = divmod(position, _CELL)
        length = min(_CELL - offset, stop - at, _CELL if period is None else period - position)
        runs[cell].append((slice(at - start, at - start + length), slice(offset, offset + length)))
        at += length
    return runs
