"""Euler characteristic of each phase, per volume."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np

from microchar.core.result import Result
from microchar.core.volume import Volume
from microchar.measurement.blocks import Counts
from microchar.metrics._neighbourhood import NeighbourhoodMetric

#: Neighbours that are connected: within faces only, or across edges and corners too.
_NEIGHBOURS = {2: (4, 8), 3: (6, 26)}


@dataclass(frozen=True)
class EulerCharacteristic(NeighbourhoodMetric):
    r"""Euler characteristic density :math:`\chi_V` of each phase.

    The Euler characteristic :math:`\chi` is the number of connected parts, less
    the number of tunnels through them, plus the number of cavities enclosed (in
    2D: parts less holes). A well-connected network has a negative one. Here it is
    taken per volume (in 2D: per area).

    With voxels connected across faces, :math:`\chi` is that of the complex whose
    vertices are the voxels of the phase, whose edges, squares and cubes are the
    pairs, 2x2 squares and 2x2x2 cubes of voxels that all belong to the phase:

    .. math:: \chi = N_0 - N_1 + N_2 - N_3 .

    With voxels connected across edges and corners too, it is that of the union of
    the closed voxels, and the complement is connected across faces only. The
    pairs (6, 26) in 3D and (4, 8) in 2D are each other's complement.

    Parameters
    ----------
    periodic : tuple of int
        Axes along which the volume repeats.

    Notes
    -----
    *Feature*: the connectivity of the phase, 6 or 26 (4 or 8 in 2D). They agree
    where the phase is well resolved; their difference says how well.

    **half_open**, the one to quote: each 2x2x2 window contributes the cells that
    begin at its lowest corner, and the sum is divided by the volume of the
    windows. That is an unbiased estimate of the density of the material, whatever
    the size of the volume, and it adds up over blocks. It is no whole number per
    volume.

    **padded**: the Euler characteristic of the bounded sample, as if surrounded by
    voxels that do not belong to the phase, over the volume of the voxels that
    count. It equals ``skimage.measure.euler_number`` over the volume. Parts cut by
    the boundary count as whole ones and channels that leave through it as dead
    ends: a bias that falls with the size of the volume only as surface to volume.
    With all axes periodic and no mask both estimators are the same number.

    *Mask*: for half_open, windows with a voxel outside do not count; for padded,
    voxels outside belong to no phase. A phase without voxels has 0.

    References
    ----------
    .. [1] J. Ohser, W. Nagel, K. Schladitz, "The Euler number of discretized sets -
       on the choice of adjacency in homogeneous lattices", in Morphology of
       Condensed Matter, Springer, 275-298 (2002).
    .. [2] H.-J. Vogel, U. Weller, S. Schlüter, "Quantification of soil structure
       based on Minkowski functions", Computers & Geosciences 36, 1236-1245 (2010).

    Examples
    --------
    A ring: one part, one tunnel.

    >>> import numpy as np
    >>> import microchar as mc
    >>> ring = np.zeros((5, 7, 7), dtype=np.uint8)
    >>> ring[2, 2:5, 2:5] = 1
    >>> ring[2, 3, 3] = 0
    >>> found = mc.metrics.EulerCharacteristic()(mc.as_volume(ring))
    >>> found.value(phase="1", estimator="padded", feature="connectivity_6").value
    0.0
    """

    id = "euler_characteristic"
    title = "Euler characteristic density"
    symbol = r"\chi_V"
    summary = "parts less tunnels plus cavities of the phase, per volume"
    kind = "scalar"
    length_power = -3
    min_ndim = 2
    #: Because of the padded estimate, which is that of the sample and not of the material.
    size_dependent = True

    def finish(self, counts: Counts, volume: Volume) -> Result:
        """Sum the contribution of each configuration."""
        grid = volume.grid
        whole, cut = counts["configurations"]
        estimates = {
            "half_open": (whole, counts["windows"][0]),
            "padded": (whole + cut, counts["voxels"].sum()),
        }
        values = [
            self.density(
                grid,
                configurations[p] @ table / (number * grid.voxel_volume) if number else None,
                power=-grid.ndim,
                phase=phase,
                estimator=estimator,
                feature=f"connectivity_{neighbours}",
            )
            for p, phase in enumerate(volume.phases)
            for estimator, (configurations, number) in estimates.items()
            for neighbours, table in zip(_NEIGHBOURS[grid.ndim], contributions(grid.axes), strict=True)
        ]
        return self.result(
            volume,
            values,
            estimator="half_open (2x2x2 windows inside the volume); beside it padded (the bounded sample)",
            connectivity="as the feature says; 6 and 26 (in 2D 4 and 8) are each other's complement",
            denominator="half_open, windows whose voxels all count; padded, voxels that count",
        )


@cache
def contributions(axes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """What a window adds to the Euler characteristic, by which of its corners hold the phase, for both connectivities.

    The second follows from the first: the complement of the phase has the same
    Euler characteristic in an odd number of dimensions, and the opposite one in
    an even number.
    """
    looks = (np.arange(256)[:, None] >> np.arange(8) & 1).astype(bool).reshape(256, 2, 2, 2)
    table = np.zeros(256, np.int64)
    for dimension in range(len(axes) + 1):
        for spanned in combinations(axes, dimension):
            cell = tuple(slice(None) if axis in spanned else 0 for axis in range(3))
            table += (-1) ** dimension * looks[(slice(None), *cell)].reshape(256, -1).all(axis=1)
    return table, (-1) ** (len(axes) + 1) * table[::-1]
