"""Share of each phase that belongs to its largest cluster."""

from __future__ import annotations

from dataclasses import dataclass

from microchar.core.result import Result
from microchar.core.volume import Volume
from microchar.measurement.metric import Shared
from microchar.metrics._clusters import ClusterMetric, find_clusters, share_of_phase


@dataclass(frozen=True, kw_only=True)
class LargestClusterFraction(ClusterMetric):
    r"""Share of the voxels of the phase that belong to its largest cluster.

    .. math:: f_i = \frac{\max_c N_c}{N_i} ,

    where :math:`N_c` is the number of voxels of cluster :math:`c` of the phase and
    :math:`N_i` the number of voxels of the phase.

    Parameters
    ----------
    connectivity : {6, 26}
        Which voxels are neighbours: those with a common face (6, default), or those
        with a common face, edge or corner (26). In a 2D image they stand for 4 and 8.
    periodic : tuple of int
        Axes along which the volume repeats. Clusters that touch across these faces
        are joined.

    Notes
    -----
    *Denominator*: the voxels of the phase inside the mask.

    *Bias*: the faces of the volume cut clusters, so the value depends on the size of
    the volume. It increases with the size for a percolating phase and decreases for
    isolated grains.

    References
    ----------
    Stauffer and Aharony, "Introduction to percolation theory", Taylor & Francis,
    1994. https://doi.org/10.1201/9781315274386

    Examples
    --------
    >>> import microchar as mc
    >>> volume = mc.as_volume([[1, 1, 1, 0, 1]])
    >>> mc.metrics.LargestClusterFraction()(volume).value(phase="1").value
    0.75
    """

    id = "largest_cluster_fraction"
    title = "Largest cluster fraction"
    symbol = r"f_\mathrm{max}"
    summary = "share of the phase that belongs to its largest cluster"

    def compute(self, volume: Volume, shared: Shared) -> Result:
        """Divide the size of the largest cluster of each phase by the number of voxels of the phase."""
        _, table = find_clusters(volume, shared, self.connectivity).joined(self.periodic)
        values = []
        for phase, name in enumerate(volume.phases):
            voxels = table.voxels(phase)
            share = table.size[table.largest(phase)] / voxels if voxels else None
            values.append(share_of_phase(self, volume, share, name))
        return self.result(volume, values, denominator="voxels of the phase")
