"""Structural similarity of the slices of two images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from microchar.core.result import Result, Status
from microchar.core.volume import Volume
from microchar.kernels.similarity import WINDOW, mean_ssim, mean_ssim_of_two_levels
from microchar.measurement.blocks import Block, Counts
from microchar.metrics._grey import FULL_SCALE, SlicePair, on_full_scale, pair_values, slice_axes, stacked

_K1, _K2 = 0.01, 0.03
#: The constants of the kernels, which compare sums over the window in place of means.
_C1 = (_K1 * FULL_SCALE * WINDOW**2) ** 2
_C2 = (_K2 * FULL_SCALE) ** 2 * WINDOW**2 * (WINDOW**2 - 1)


@dataclass(frozen=True)
class Ssim(SlicePair):
    r"""Mean structural similarity of two volumes, between slices of the same index.

    In a window of 7 × 7 pixels of two slices with means :math:`\mu`, variances
    :math:`\sigma^2` and covariance :math:`\sigma_{ab}`,

    .. math::

        \mathrm{SSIM} = \frac{(2 \mu_a \mu_b + c_1)(2 \sigma_{ab} + c_2)}
        {(\mu_a^2 + \mu_b^2 + c_1)(\sigma_a^2 + \sigma_b^2 + c_2)}, \quad
        c_1 = (0.01 R)^2, \; c_2 = (0.03 R)^2 ,

    where :math:`R` is the data range (255 for 8-bit grey levels). The similarity is
    averaged over all windows inside a slice, then over the slices normal to an axis
    (the `direction`), then over directions ("mean").

    Notes
    -----
    *Meaning*: the similarity is meaningful only for registered pairs, such as an
    image and its degraded copy. It is about 0.3 between two volumes of one rock, and
    about 0.5 between a uniform block and a rock.

    *Convention*: uniform window, variances with denominator N - 1, windows inside
    the slice only. These are the defaults of ``skimage.metrics.structural_similarity``.

    *Grey levels*: those of the grey images, 8 or 16 bit, or those of the phases
    spread evenly over 0..255. They are compared on a 16-bit scale, to which 8-bit
    levels are brought exactly (times 257). Levels of other types are mapped linearly
    from their range to 0..65535 and rounded to the nearest level.

    References
    ----------
    Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error
    visibility to structural similarity", IEEE Transactions on Image Processing 13
    (2004), 600-612. https://doi.org/10.1109/TIP.2003.819861

    Examples
    --------
    >>> import numpy as np
    >>> import microchar as mc
    >>> real = mc.as_volume(np.eye(16, dtype=int))
    >>> mc.compare(real, real, metrics=["ssim"]).pairs[0]["ssim"].value(direction="mean").value
    1.0
    """

    id = "ssim"
    title = "Structural similarity"
    symbol = r"\mathrm{SSIM}"
    summary = "mean structural similarity of the slices of two registered images"
    cost = 20.0

    def convention(self, volume: Volume) -> dict[str, str]:
        """Add the window, constants and averages to the record."""
        return super().convention(volume) | {
            "window": f"{WINDOW} x {WINDOW}, uniform, inside the slice",
            "constants": f"K1 = {_K1}, K2 = {_K2}, data range 255 (8 bit) or 65535 (16 bit)",
            "variance": "denominator N - 1",
            "average": "over windows, slices, then directions",
        }

    def count(self, block: Block) -> Counts:
        """Compute the similarity of each slice, at its position in an array for all slices of the volume."""
        assert block.axis is not None
        assert block.other is not None
        similar = np.zeros((3, max(block.shape)))
        first, last = block.start[block.axis], block.start[block.axis] + block.core[block.axis]
        if min(n for axis, n in enumerate(block.core) if axis != block.axis) >= WINDOW:
            _compare(block.labels, block.other, block.axis, similar[block.axis, first:last])
        return {"similarity": similar}

    def finish(self, counts: Counts, volume: Volume) -> Result:
        """Average the similarity over slices, then over directions."""
        by_axis: dict[int, float | None] = {}
        for axis in slice_axes(volume.shape):
            large = min(n for a, n in enumerate(volume.shape) if a != axis) >= WINDOW
            by_axis[axis] = counts["similarity"][axis].sum() / volume.shape[axis] if large else None
        message = f"the slices are smaller than the window of {WINDOW} voxels"
        return self.result(volume, pair_values(self, volume, by_axis, Status.NOT_APPLICABLE, message))


def _compare(a: np.ndarray, b: np.ndarray, axis: int, similar: np.ndarray) -> None:
    """Set the similarity of each slice of two slabs of grey levels."""
    if a.dtype == b.dtype == bool:
        pairs = stacked(a.view(np.uint8) | b.view(np.uint8) << 1, axis)
        mean_ssim_of_two_levels(pairs, _of_two_levels(), np.empty(pairs.shape[2], np.uint32), similar)
    else:
        a, b = (stacked(on_full_scale(levels), axis) for levels in (a, b))
        mean_ssim(a, b, _C1, _C2, np.empty((4, a.shape[2]), np.int64), similar)


@cache
def _of_two_levels() -> np.ndarray:
    """Return the similarity of two windows by their numbers of set pixels, see `mean_ssim_of_two_levels`."""
    n = WINDOW**2
    common, b, a = np.indices((n + 1, n + 1, n + 1))
    cross, both = FULL_SCALE**2 * a * b, FULL_SCALE**2 * (a * a + b * b)
    above = (2 * cross + _C1) * (2 * (n * FULL_SCALE**2 * common - cross) + _C2)
    table = np.zeros((64, 64, 64))
    table[: n + 1, : n + 1, : n + 1] = above / ((both + _C1) * (n * FULL_SCALE**2 * (a + b) - both + _C2))
    return table.reshape(-1)
