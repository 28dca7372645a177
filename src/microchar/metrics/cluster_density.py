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

    Per total area for a 2D image.

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
    *Denominator*: the volume of all voxels that count, whatever their phase.
    *Bias*: the faces of the sample cut clusters and add the pieces of those that
    are joined outside it, so the value falls with the size of the sample. Single
    voxels of noise are clusters too.

    References
    ----------
    Stauffer and Aharony, "Introduction to percolation theory", Taylor & Francis,
    1994.

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
        return self.result(volume, values, denominator="volume of all voxels that count")
