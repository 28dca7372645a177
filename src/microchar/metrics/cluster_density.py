"""Number of clusters of each phase per volume."""

from __future__ import annotations

from dataclasses import dataclass

from microchar.core.result import Result
from microchar.core.volume import Volume
from microchar.measurement.metric import Shared
from microchar.metrics._clusters import ClusterMetric, find_clusters


@dataclass(frozen=True, kw_only=True)
class ClusterDensity(ClusterMetric):
    r"""Number of clusters of the phase per total volume, :math:`n_i = C_i / V`.

    For a 2D image it is the number per total area.

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
    *Denominator*: the volume of all voxels inside the mask, of any phase.

    *Bias*: the faces of the volume cut clusters, and parts of one cluster that are
    connected only outside the volume are counted separately. The value therefore
    decreases with the size of the volume. Single voxels of noise count as clusters.

    References
    ----------
    Stauffer and Aharony, "Introduction to percolation theory", Taylor & Francis,
    1994. https://doi.org/10.1201/9781315274386

    Examples
    --------
    >>> import microchar as mc
    >>> volume = mc.as_volume([[1, 0], [0, 1]], voxel_size="2um")
    >>> density = mc.metrics.ClusterDensity()(volume).value(phase="1")
    >>> density.value, density.unit
    (0.125, 'um^-2')
    """

    id = "cluster_density"
    title = "Cluster density"
    symbol = r"n_\mathrm{cl}"
    summary = "number of clusters of the phase per total volume"
    length_power = -3

    def compute(self, volume: Volume, shared: Shared) -> Result:
        """Count the clusters of each phase."""
        _, table = find_clusters(volume, shared, self.connectivity).joined(self.periodic)
        size = table.size.sum() * volume.grid.voxel_volume
        values = [
            self.scalar(volume.grid, len(table.of_phase(phase)) / size, power=-volume.grid.ndim, phase=name)
            for phase, name in enumerate(volume.phases)
        ]
        return self.result(volume, values, denominator="volume of all voxels inside the mask")
