"""Share of each phase that connects the two end faces of the sample."""

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
    r"""Share of the phase's voxels in clusters that touch both end faces along an axis.

    .. math:: f_{i,a} = \frac{1}{N_i} \sum_{c \text{ spans } a} N_c ,

    with the voxels :math:`N_c` of the clusters of the phase that have voxels in
    the first and in the last slice normal to axis :math:`a`, and those of the
    phase, :math:`N_i`. It is 0 where the phase does not percolate along the axis.

    Parameters
    ----------
    connectivity : {6, 26}
        Whether voxels of a cluster have common faces (default), or common faces,
        edges or corners (4 and 8 in a 2D image).
    periodic : tuple of int
        Axes along which the volume repeats.

    Notes
    -----
    *Boundary*: along the axis itself the sample ends at its two faces, also where
    that axis is periodic; clusters that touch across the faces of the other
    periodic axes are one. This is what steady diffusion between the end faces
    sees. Where the mask leaves out a whole end face, the value is undefined.
    *Denominator*: the voxels of the phase (inside the mask). *Bias*: short
    samples percolate more easily, so the value falls with the length of the
    sample towards that of the infinite one.

    References
    ----------
    Stauffer and Aharony, "Introduction to percolation theory", Taylor & Francis,
    1994.

    Examples
    --------
    >>> import microchar as mc
    >>> volume = mc.as_volume([[1, 1, 1], [0, 0, 0], [0, 1, 0]])
    >>> found = mc.metrics.PercolatingFraction()(volume)
    >>> found.value(phase="1", direction="2").value
    0.75
    >>> found.value(phase="1", direction="1").value
    0.0
    """

    id = "percolating_fraction"
    title = "Percolating fraction"
    symbol = r"f_\mathrm{perc}"
    summary = "share of the phase that connects the two end faces along an axis"

    def compute(self, volume: Volume, shared: Shared) -> Result:
        """Add up the clusters that span the sample."""
        clusters = find_clusters(volume, shared, self.connectivity)
        values: list[Value] = []
        for axis in volume.grid.axes:
            _, table = clusters.joined([other for other in self.periodic if other != axis])
            spans = (table.lower[:, axis] == 0) & (table.upper[:, axis] == volume.shape[axis] - 1)
            has_ends = all(clusters.labels.take(end, axis).any() for end in (0, -1))
            for phase, name in enumerate(volume.phases):
                voxels = table.voxels(phase)
                share = table.size[spans & (table.phase == phase)].sum() / voxels if voxels else None
                value = share_of_phase(self, volume, share, name, direction=str(axis))
                values.append(value if has_ends or not voxels else replace(value, value=None, **_NO_ENDS))
        return self.result(volume, values, denominator="voxels of the phase", ends="the two end faces of the sample")
