"""Share of each phase that connects the two end faces of the volume."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from microchar.core.result import Result, Status, Value
from microchar.core.volume import Volume
from microchar.measurement.metric import Shared
from microchar.metrics._clusters import ClusterMetric, find_clusters, share_of_phase

_NO_ENDS: dict[str, Any] = {
    "status": Status.UNDEFINED,
    "message": "the mask leaves out a whole end face along this axis",
}


@dataclass(frozen=True, kw_only=True)
class PercolatingFraction(ClusterMetric):
    r"""Share of the voxels of the phase in clusters that touch both end faces along an axis.

    .. math:: f_{i,a} = \frac{1}{N_i} \sum_{c \text{ spans } a} N_c ,

    where :math:`N_c` is the number of voxels of cluster :math:`c` and :math:`N_i` the
    number of voxels of the phase. The sum is over the clusters of the phase that have
    voxels in the first and in the last slice normal to axis :math:`a`. The value is 0
    if the phase does not percolate along the axis.

    Parameters
    ----------
    connectivity : {6, 26}
        Which voxels are neighbours: those with a common face (6, default), or those
        with a common face, edge or corner (26). In a 2D image they stand for 4 and 8.
    periodic : tuple of int
        Axes along which the volume repeats.

    Notes
    -----
    *Boundary*: along the axis itself the volume ends at its two faces, even if the
    axis is periodic. Clusters that touch across the faces of the other periodic axes
    are joined. These are the boundaries of steady diffusion between the end faces.
    If the mask leaves out a complete end face, the value is undefined.

    *Denominator*: the voxels of the phase inside the mask.

    *Bias*: the value depends on the shape of the volume. A phase that percolates in an
    infinite volume loses the paths that leave a narrow volume through its sides: the
    value increases with the cross-section. A phase that does not percolate can still
    connect the ends of a short volume: the value decreases with the length, to 0. Only
    equal shapes may be compared.

    References
    ----------
    Stauffer and Aharony, "Introduction to percolation theory", Taylor & Francis,
    1994. https://doi.org/10.1201/9781315274386

    Examples
    --------
    >>> import microchar as mc
    >>> volume = mc.as_volume([[1, 1, 1], [0, 0, 0], [0, 1, 0]])
    >>> result = mc.metrics.PercolatingFraction()(volume)
    >>> result.value(phase="1", direction="2").value
    0.75
    >>> result.value(phase="1", direction="1").value
    0.0
    """

    id = "percolating_fraction"
    title = "Percolating fraction"
    symbol = r"f_\mathrm{perc}"
    summary = "share of the phase in clusters that connect the two end faces along an axis"

    def compute(self, volume: Volume, shared: Shared) -> Result:
        """Sum the sizes of the clusters that connect the two end faces."""
        clusters = find_clusters(volume, shared, self.connectivity)
        values: list[Value] = []
        for axis in volume.grid.axes:
            _, table = clusters.joined([other for other in self.periodic if other != axis])
            spans = (table.lower[:, axis] == 0) & (table.upper[:, axis] == volume.shape[axis] - 1)
            has_ends = all(clusters.runs.plane(clusters.numbers, axis, n).any() for n in (0, volume.shape[axis] - 1))
            for phase, name in enumerate(volume.phases):
                voxels = table.voxels(phase)
                share = table.size[spans & (table.phase == phase)].sum() / voxels if voxels else None
                value = share_of_phase(self, volume, share, name, direction=str(axis))
                values.append(value if has_ends or not voxels else replace(value, value=None, **_NO_ENDS))
        return self.result(volume, values, denominator="voxels of the phase", ends="the two end faces of the sample")
