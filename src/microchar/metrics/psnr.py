"""Peak signal-to-noise ratio of two images."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from microchar.core.result import Result, Status
from microchar.core.volume import Volume
from microchar.kernels.similarity import squared_difference
from microchar.measurement.blocks import Block, Counts
from microchar.metrics._grey import FULL_SCALE, SlicePair, on_full_scale, pair_values, slice_axes


@dataclass(frozen=True)
class Psnr(SlicePair):
    r"""Peak signal-to-noise ratio of two volumes in decibels.

    The ratio is computed from the mean squared difference MSE of the grey levels and
    the data range :math:`R` (255 for 8-bit grey levels),

    .. math:: \mathrm{PSNR} = 10 \log_{10} \frac{R^2}{\mathrm{MSE}} .

    Notes
    -----
    There are two estimators.

    **pooled** (recommended). The squared differences of all slices are averaged before
    the logarithm. The slices normal to any axis hold the same voxels, so that the value
    does not depend on the direction. It increases whenever a voxel of one image comes
    closer to that of the other. If the images are equal, no ratio is finite and the
    value has the status "identical".

    **slice_mean**. The mean of the ratios of the slices normal to an axis (the
    `direction`), then over directions ("mean"). Identical slices have no finite ratio.
    They are left out of the mean, and their number is in the convention record. The
    mean may therefore *decrease* if a slice is repaired. If all slices of a direction
    are identical, the value has the status "identical".

    *Meaning*: the ratio is meaningful only for registered pairs. Between two
    independent volumes of one material it depends only on the volume fractions.

    *Grey levels*: those of the grey images, 8 or 16 bit, or those of the phases
    spread evenly over 0..255. They are compared on a 16-bit scale, to which 8-bit
    levels are brought exactly (times 257). Levels of other types are mapped linearly
    from their range to 0..65535 and rounded to the nearest level.

    References
    ----------
    Huynh-Thu and Ghanbari, "Scope of validity of PSNR in image/video quality
    assessment", Electronics Letters 44 (2008), 800-801.
    https://doi.org/10.1049/el:20080522

    Examples
    --------
    Two images of 100 pixels that differ in one pixel:

    >>> import numpy as np
    >>> import microchar as mc
    >>> real = np.arange(100).reshape(10, 10) % 2
    >>> fake = real.copy()
    >>> fake[0, 0] = 1
    >>> round(mc.compare(real, fake, metrics=["psnr"]).pairs[0]["psnr"].value(estimator="pooled").value, 9)
    20.0
    """

    id = "psnr"
    title = "Peak signal-to-noise ratio"
    symbol = r"\mathrm{PSNR}"
    summary = "squared grey-level range over the mean squared difference of registered images, in decibels"
    additive = "exact"
    layout = "boxes"  # one pass serves the slices normal to all axes
    cost = 5.0

    def convention(self, volume: Volume) -> dict[str, str]:
        """Add the data range, unit and average to the record."""
        return super().convention(volume) | {
            "data range": "255 (8 bit) or 65535 (16 bit)",
            "unit of value": "decibel",
            "average": "pooled: squared differences over all slices; slice_mean: ratios over slices that are not "
            "identical, then over directions",
        }

    def count(self, block: Block) -> Counts:
        """Add up the squared differences of each slice, at its position in an array for all slices of the volume."""
        assert block.other is not None
        squares = np.zeros((3, max(block.shape)), np.int64)
        of_axis = [
            squares[axis, first : first + n]
            for axis, (first, n) in enumerate(zip(block.start, block.core, strict=True))
        ]
        squared_difference(on_full_scale(block.labels), on_full_scale(block.other), *of_axis)
        return {"squares": squares}

    def finish(self, counts: Counts, volume: Volume) -> Result:
        """Pool the squared differences of all slices, and average the ratios of the slices that differ."""
        by_axis: dict[int, float | None] = {}
        identical = []
        pooled = None
        for axis in slice_axes(volume.shape):
            # As floats: the squares of a volume of 2^31 voxels exceed 64 bits.
            squares = counts["squares"][axis, : volume.shape[axis]].astype(float)
            differing = squares[squares > 0]
            pixels = float(np.prod(volume.shape)) / volume.shape[axis]
            by_axis[axis] = float(_ratios(differing / pixels).mean()) if len(differing) else None
            pooled = float(_ratios(squares.sum() / pixels / len(squares))) if len(differing) else None
            identical.append(f"{len(squares) - len(differing)} of {len(squares)} along axis {axis}")
        why = "the images are identical, so no ratio is finite"
        status = Status.OK if pooled is not None else Status.IDENTICAL
        headline = self.scalar(
            volume.grid, pooled, estimator="pooled", status=status, message="" if pooled is not None else why
        )
        means = pair_values(self, volume, by_axis, Status.IDENTICAL, why)
        return self.result(
            volume,
            [replace(value, unit="dB") for value in (headline, *(replace(v, estimator="slice_mean") for v in means))],
            identical=", ".join(identical),
        )


def _ratios(mean_squares: np.ndarray) -> np.ndarray:
    return 10 * np.log10(float(FULL_SCALE) ** 2 / mean_squares)
