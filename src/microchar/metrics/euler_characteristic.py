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

#: The two connectivities by dimension: through faces only, and through faces, edges and corners.
_NEIGHBOURS = {2: (4, 8), 3: (6, 26)}


@dataclass(frozen=True)
class EulerCharacteristic(NeighbourhoodMetric):
    r"""Euler characteristic density :math:`\chi_V` of each phase.

    The Euler characteristic :math:`\chi` is the number of connected components,
    minus the number of tunnels through them, plus the number of cavities enclosed
    in them (in 2D, the number of components minus the number of holes). It is
    negative for a well-connected network. The metric is its density, per volume
    (in 2D, per area).

    If voxels are connected through faces only, :math:`\chi` is that of a complex. Its
    vertices are the voxels of the phase; its edges, squares and cubes are the pairs,
    2x2 squares and 2x2x2 cubes of voxels that all belong to the phase:

    .. math:: \chi = N_0 - N_1 + N_2 - N_3 .

    If voxels are also connected through edges and corners, :math:`\chi` is that of the
    union of the closed voxels, and the complement is connected through faces only.
    The connectivities 6 and 26 in 3D, and 4 and 8 in 2D, are complementary: if the
    phase has one, its complement has the other.

    Parameters
    ----------
    periodic : tuple of int
        Axes along which the volume repeats.

    Notes
    -----
    *Feature*: the connectivity of the phase, 6 or 26 (4 or 8 in 2D). The two values
    agree if the phase is well resolved; their difference measures the resolution.

    **half_open** (recommended): each 2x2x2 window contributes the cells that begin
    at its lowest corner, and the sum is divided by the volume of the windows. This
    is an unbiased estimate of the density of the material for any size of the
    volume, and it is additive over blocks. Multiplied by the volume it is not an
    integer.

    **padded**: the Euler characteristic of the volume as a bounded body, surrounded
    by voxels that do not belong to the phase, divided by the volume of the voxels
    inside the mask. It equals ``skimage.measure.euler_number`` divided by the volume.
    Components cut by the boundary count as complete components, and channels that
    leave through the boundary count as dead ends. The bias decreases with the size
    of the volume only as the ratio of surface to volume. If all axes are periodic
    and there is no mask, both estimators give the same number.

    *Mask*: half_open ignores windows with a voxel outside the mask. In padded,
    voxels outside the mask belong to no phase. The value of a phase without voxels
    is 0.

    References
    ----------
    .. [1] J. Ohser, W. Nagel, K. Schladitz, "The Euler number of discretized sets -
       on the choice of adjacency in homogeneous lattices", in Morphology of
       Condensed Matter, Springer, 275-298 (2002).
    .. [2] H.-J. Vogel, U. Weller, S. Schlüter, "Quantification of soil structure
       based on Minkowski functions", Computers & Geosciences 36, 1236-1245 (2010).
       https://doi.org/10.1016/j.cageo.2010.03.007

    Examples
    --------
    A ring has one component and one tunnel:

    >>> import numpy as np
    >>> import microchar as mc
    >>> ring = np.zeros((5, 7, 7), dtype=np.uint8)
    >>> ring[2, 2:5, 2:5] = 1
    >>> ring[2, 3, 3] = 0
    >>> result = mc.metrics.EulerCharacteristic()(mc.as_volume(ring))
    >>> result.value(phase="1", estimator="padded", feature="connectivity_6").value
    0.0
    """

    id = "euler_characteristic"
    title = "Euler characteristic density"
    symbol = r"\chi_V"
    summary = "number of components minus number of tunnels plus number of cavities, per volume"
    kind = "scalar"
    length_power = -3
    min_ndim = 2
    #: The padded estimate depends on the size of the volume.
    size_dependent = True

    def finish(self, counts: Counts, volume: Volume) -> Result:
        """Sum the contributions of the window configurations."""
        grid = volume.grid
        complete, cut = counts["configurations"]
        estimates = {
            "half_open": (complete, counts["windows"][0]),
            "padded": (complete + cut, counts["voxels"].sum()),
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
            denominator="half_open, windows inside the mask; padded, voxels inside the mask",
        )


@cache
def contributions(axes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the contribution of each of the 256 window configurations to the Euler characteristic, per connectivity.

    Bit c of a configuration is set if corner c belongs to the phase. The second
    table follows from the first: the complement of the phase has the same Euler
    characteristic in an odd number of dimensions, and the negative of it in an
    even number.
    """
    corners = (np.arange(256)[:, None] >> np.arange(8) & 1).astype(bool).reshape(256, 2, 2, 2)
    table = np.zeros(256, np.int64)
    for dimension in range(len(axes) + 1):
        for spanned in combinations(axes, dimension):
            cell = tuple(slice(None) if axis in spanned else 0 for axis in range(3))
            table += (-1) ** dimension * corners[(slice(None), *cell)].reshape(256, -1).all(axis=1)
    return table, (-1) ** (len(axes) + 1) * table[::-1]
