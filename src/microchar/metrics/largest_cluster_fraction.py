"""Share of each phase that belongs to its largest cluster."""

from __future__ import annotations

from dataclasses import dataclass

from microchar.core.result import Result
from microchar.core.volume import Volume
from microchar.measurement.metric import Shared
from microchar.metrics._clusters import ClusterMetric, find_clusters, share_of_phase


@dataclass(frozen=True, kw_only=True)
class LargestClusterFraction(ClusterMetric):
    r"""Share of the phase's voxels that belong to its largest cluster.

    .. math:: f_i = \frac{\max_c N_c}{N_i} ,

    with the voxels :math:`N_c` of each cluster of the phase and those of the
    phase, :math:`N_i`.

    Parameters
    ----------
    connectivity : {6, 26}
        Whether voxels of a cluster have common faces (default), or common faces,
        edges or corners (4 and 8 in a 2D image).
    periodic : tuple of int
        Axes along which the volume repeats; clusters that touch across their
        faces are one.

    Notes
    -----
    *Denominator*: the voxels of the phase (inside the mask). *Bias*: the faces of
    the sample cut clusters, so the value depends on the size of the sample: for a
    percolating phase it grows with it, for isolated grains it falls.

    References
    ----------
    Stauffer and Aharony, "Introduction to percolation theory", Taylor & Francis,
    1994.

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
        """Compare the largest cluster of each phase with all of it."""
        _, table = find_clusters(volume, shared, self.connectivity).joined(self.periodic)
        values = []
        for phase, name in enumerate(volume.phases):
            voxels = table.voxels(phase)
            share = table.size[table.largest(phase)] / voxels if voxels else None
            values.append(share_of_phase(self, volume, share, name))
        return self.result(volume, values, denominator="voxels of the phase")
