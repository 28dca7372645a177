"""Check, count and segment the grey values of an image, slab by slab.

A memory-mapped image is never copied as a whole. If there is a mask, only the
voxels inside it are checked and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from microchar.core.errors import InputError
from microchar.core.scratch import scratch_array
from microchar.core.stored_voxels import StoredVoxels

#: Approximate number of voxels that are processed at a time.
_SLAB_VOXELS = 2**22
#: Grey values in a range narrower than this are counted in a table; in a wider range they are sorted.
_TABLE = 2**16
#: Up to this number of grey values, found in every `_SAMPLE`-th voxel, are compared with all voxels.
_FEW = 8
_SAMPLE = 256
#: Largest magnitude of a grey value that is accepted in a float image; segmented images have no reason to exceed it.
_LARGEST = 2**31
#: Largest magnitude of a grey value that is compared with a threshold, which is a float.
_EXACT = 2**53
#: Two groups of grey values are narrow if the gap between them is more than so many times their widths.
_NARROW = 16


def slabs(shape: tuple[int, ...], voxels: int = _SLAB_VOXELS) -> Iterator[tuple[slice, ...]]:
    """Yield slabs that cut a shape along its longest axis, of at most `voxels` voxels or else one voxel thick."""
    axis = int(np.argmax(shape))
    area = max(int(np.prod(shape, dtype=np.int64)) // shape[axis], 1)
    thickness = max(voxels // area, 1)
    for start in range(0, shape[axis], thickness):
        yield (slice(None),) * axis + (slice(start, start + thickness),)


def _pieces(values: np.ndarray, mask: np.ndarray | None) -> Iterator[np.ndarray]:
    for slab in slabs(values.shape):
        piece = values[slab].ravel() if mask is None else values[slab][mask[slab]]
        if piece.size:
            yield piece


def value_range(values: np.ndarray, mask: np.ndarray | None, name: str) -> tuple[float, float]:
    """Return the lowest and the highest grey value; raise InputError for NaN and infinite values.

    Parameters
    ----------
    values : ndarray, 3D, integer or float
        The image.
    mask : ndarray of bool, optional
        True for the voxels to include, at least one.
    name : str
        Name of the image in messages.

    Returns
    -------
    tuple of two numbers
        Lowest and highest grey value: int for an integer image, float for a float image.
    """
    extremes = [(piece.min(), piece.max()) for piece in _pieces(values, mask)]
    lowest = np.min([low for low, _ in extremes]).item()
    highest = np.max([high for _, high in extremes]).item()
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        raise InputError(
            f"{name}: the image holds NaN or infinite values; "
            "replace them, or exclude those voxels with a mask, and segment the image"
        )
    return lowest, highest


def distinct(values: np.ndarray, mask: np.ndarray | None, name: str) -> dict[int, int]:
    """Return how many voxels have each distinct grey value of an integer image, by ascending grey value.

    The search stops after more than 65536.
    """
    low, high = _integer_range(values, mask, name)
    if high - low < _TABLE:
        counts = _counts(values, mask, low, high)
        found = np.flatnonzero(counts)
        return dict(zip((low + value for value in found.tolist()), counts[found].tolist(), strict=True))
    greys: Counter[int] = Counter()
    for piece in _pieces(values, mask):
        found, numbers = np.unique(piece, return_counts=True)
        greys.update(dict(zip(found.tolist(), numbers.tolist(), strict=True)))
        if len(greys) > _TABLE:
            break
    return dict(sorted(greys.items()))


def near_binary(greys: Sequence[int]) -> int | None:
    """Return the grey value halfway between two narrow groups, if that is what more than two grey values are.

    Examples
    --------
    >>> near_binary([0, 1, 254, 255])
    127
    >>> near_binary([0, 128, 255]) is None
    True
    """
    if len(greys) < 3:
        return None
    gap, below, above = max((b - a, a, b) for a, b in pairwise(greys))
    width = greys[-1] - greys[0] - gap
    return (below + above) // 2 if gap > _NARROW * width else None


def spread_levels(n: int) -> np.ndarray:
    """Return `n` grey levels in ascending order, spread evenly over 0..255 and rounded down.

    Examples
    --------
    >>> spread_levels(3)
    array([  0, 127, 255])
    """
    return np.arange(n) * 255 // max(n - 1, 1)


def _integer_range(values: np.ndarray, mask: np.ndarray | None, name: str) -> tuple[int, int]:
    limits = np.iinfo(values.dtype)
    if values.dtype.itemsize <= 2:
        return int(limits.min), int(limits.max)
    low, high = value_range(values, mask, name)
    return int(low), int(high)


def _counts(values: np.ndarray, mask: np.ndarray | None, low: int, high: int) -> np.ndarray:
    counts = np.zeros(high - low + 1, np.int64)
    for piece in _pieces(values, mask):
        if piece.dtype.itemsize <= 2:
            shifted = piece if low == 0 else piece.astype(np.int64) - low
        else:  # grey values of 64 bits without a sign do not fit into int64, their differences do
            shifted = (piece - piece.dtype.type(low)).astype(np.int64)
        counts += _tally(shifted, len(counts))
    return counts


def _tally(piece: np.ndarray, n: int) -> np.ndarray:
    """Count the voxels of each value from 0 to `n` - 1; to compare with few values is ten times faster than a table."""
    found = np.unique(piece[::_SAMPLE])
    if len(found) <= _FEW:
        numbers = [np.count_nonzero(piece == value) for value in found]
        if sum(numbers) == piece.size:  # the sample has all values
            counts = np.zeros(n, np.int64)
            counts[found] = numbers
            return counts
    return np.bincount(piece, minlength=n)


def whole_numbers(values: np.ndarray, mask: np.ndarray | None, name: str) -> np.ndarray:
    """Return an image as integers: the image itself, or an integer copy of a float image of whole numbers.

    Raises
    ------
    InputError
        If the image holds NaN or fractions, or its data type is not numeric.
    """
    if values.dtype == bool:
        return values.view(np.uint8)
    if values.dtype.kind in "iu":
        return values
    if values.dtype.kind != "f":
        raise InputError(f"{name}: expected integer grey values, found the data type {values.dtype}")
    low, high = value_range(values, mask, name)
    if -low > _LARGEST or high > _LARGEST or any((piece != np.rint(piece)).any() for piece in _pieces(values, mask)):
        raise InputError(
            f"{name}: found fractional grey values ({values.dtype}, {low:g} to {high:g}); microchar measures "
            "segmented volumes: segment the image first, or let threshold='otsu' or threshold=GREY do it "
            "(--threshold on the command line)"
        )
    dtype = np.result_type(np.min_scalar_type(int(low)), np.min_scalar_type(int(high)))
    if isinstance(values, StoredVoxels) and mask is None:
        return values.astype(dtype)  # type: ignore[unreachable]
    integers = scratch_array(values.shape, dtype)
    for slab in slabs(values.shape):
        inside = values[slab] if mask is None else np.where(mask[slab], values[slab], low)
        integers[slab] = inside
    return integers


def segment(values: np.ndarray, threshold: float | str, mask: np.ndarray | None, name: str) -> tuple[np.ndarray, float]:
    """Segment an image into two phases at a threshold.

    Parameters
    ----------
    values : ndarray, 3D, integer or float
        The image.
    threshold : float or "otsu"
        A grey value, also as text; or "otsu" for Otsu's method, as in
        `skimage.filters.threshold_otsu`.
    mask : ndarray of bool, optional
        True for the voxels from which Otsu's threshold is computed.
    name : str
        Name of the image in messages.

    Returns
    -------
    labels : ndarray of uint8
        0 up to and including the threshold, 1 above it.
    threshold : float
        Grey value of the threshold.

    References
    ----------
    Otsu, "A threshold selection method from gray-level histograms", IEEE
    Transactions on Systems, Man, and Cybernetics 9 (1979), 62-66.
    """
    if values.dtype == bool:
        values = values.view(np.uint8)
    if values.dtype.kind not in "iuf":
        raise InputError(f"{name}: expected grey values to segment, found the data type {values.dtype}")
    low, high = value_range(values, mask, name)
    if values.dtype.kind in "iu" and max(-low, high) > _EXACT:
        raise InputError(
            f"{name}: found grey values from {low} to {high}, expected whole numbers below 2^53 for a threshold, "
            "which larger ones are not exact enough for"
        )
    if isinstance(threshold, str) and threshold.strip().lower() == "otsu":
        cut = _otsu(values, mask, low, high)
    else:
        try:
            cut = float(threshold)
        except (TypeError, ValueError):
            cut = np.nan
        if not np.isfinite(cut):
            raise InputError(f"threshold={threshold!r}: expected 'otsu' or a grey value")
    shown = int(cut) if float(cut).is_integer() else float(cut)
    if isinstance(values, StoredVoxels):
        return values.segmented(cut), shown  # type: ignore[unreachable]
    labels = scratch_array(values.shape, np.uint8)
    for slab in slabs(values.shape):
        labels[slab] = values[slab] > cut
    return labels, shown


def _otsu(values: np.ndarray, mask: np.ndarray | None, low: float, high: float) -> float:
    if low == high:
        return low
    from skimage.filters import threshold_otsu

    # The histogram that scikit-image computes from a complete image: one bin per grey value of an integer image,
    # otherwise 256 bins.
    if values.dtype.kind in "iu" and high - low < 2**24:
        low, high = int(low), int(high)
        histogram = _counts(values, mask, low, high), np.arange(low, high + 1)
    else:
        # The limits have the data type of the image, so that the bin edges round as in scikit-image.
        limits = tuple(np.array([low, high], values.dtype))
        counts = sum(np.histogram(piece, bins=256, range=limits)[0] for piece in _pieces(values, mask))
        edges = np.histogram_bin_edges(np.empty(0, values.dtype), bins=256, range=limits)
        histogram = np.asarray(counts), (edges[:-1] + edges[1:]) / 2
    return threshold_otsu(hist=histogram).item()  # type: ignore[no-untyped-call]
