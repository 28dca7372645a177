"""Area of the interface between each two phases, per volume."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

from microchar.core.result import Result
from microchar.core.volume import Volume
from microchar.measurement.blocks import Counts
from microchar.metrics._neighbourhood import NeighbourhoodMetric, crofton_density, face_density


@dataclass(frozen=True)
class InterfacialArea(NeighbourhoodMetric):
    r"""Interfacial area density :math:`S_{V}^{ij}` of each pair of phases.

    The area of the interface between phases *i* and *j* per total volume; for a
    2D image, the length of the interface per area. The sum over *j* is the specific
    surface area of phase *i*, for each of the estimators:

    .. math:: S_V^i = \sum_{j \ne i} S_V^{ij}, \qquad
              S_V^{ij} = \tfrac{1}{2} \left(S_V^i + S_V^j - S_V^{i \cup j}\right).

    Parameters
    ----------
    periodic : tuple of int
        Axes along which the volume repeats.

    Notes
    -----
    **crofton** (recommended): counts the pairs of neighbours in 13 directions (4 in
    2D) with one voxel in each of the two phases. Weights, denominators and bias are
    those of `SpecificSurfaceArea`. If a third phase thinner than a voxel diagonal
    lies between the two phases, the diagonal pairs cross it and count the two phases
    as touching.

    **faces**: the area of the voxel faces between the two phases per volume of the
    voxels inside the mask. For an isotropic interface it is 3/2 times the true
    value. Without periodicity, *n* planes of voxels reduce it by the factor
    1 - 1/*n*.

    References
    ----------
    .. [1] J. Ohser, F. Mücklich, "Statistical Analysis of Microstructures in
       Materials Science", Wiley (2000).

    Examples
    --------
    >>> import numpy as np
    >>> import microchar as mc
    >>> layers = np.repeat([0, 1, 2, 1], 16).reshape(4, 4, 4)
    >>> result = mc.metrics.InterfacialArea()(mc.as_volume(layers, phases=["pore", "binder", "grain"]))
    >>> result.value(phase="binder|grain", estimator="faces").value
    0.5
    >>> result.value(phase="pore|grain", estimator="faces").value
    0.0
    """

    id = "interfacial_area"
    title = "Interfacial area density"
    symbol = r"S_V^{ij}"
    summary = "area of the interface between two phases, per total volume"
    kind = "scalar"
    length_power = -1
    min_phases = 2
    min_ndim = 2

    def finish(self, counts: Counts, volume: Volume) -> Result:
        """Compute both estimates of the interface of each pair of phases."""
        densities = {
            "crofton": crofton_density(counts, volume.grid),
            "faces": face_density(counts, volume.grid),
        }
        values = [
            self.density(
                volume.grid,
                None if density is None else density[i, j],
                phase=f"{volume.phases[i]}|{volume.phases[j]}",
                estimator=estimator,
            )
            for i, j in combinations(range(volume.n_phases), 2)
            for estimator, density in densities.items()
        ]
        return self.result(
            volume,
            values,
            estimator="crofton (13 directions, 4 in 2D; Voronoi weights for the voxel size); beside it faces",
            denominator="total volume: crofton, pairs of voxels inside the mask; faces, voxels inside the mask",
        )
