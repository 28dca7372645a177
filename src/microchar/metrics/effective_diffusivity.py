"""Effective diffusivity of each phase along each axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from microchar.core.result import Value
from microchar.core.volume import Volume
from microchar.diffusion import Solution
from microchar.metrics._transport import TransportMetric


@dataclass(frozen=True, kw_only=True)
class EffectiveDiffusivity(TransportMetric):
    r"""Effective diffusivity :math:`D_\mathrm{eff}/D_0` along each axis, between guaranteed bounds.

    The concentration :math:`c` is 1 and 0 on the two end faces, which have the area
    :math:`A` and the distance :math:`L`. In the conducting phases
    :math:`\nabla\cdot(D\nabla c)=0`. The current :math:`I` between the end faces gives

    .. math:: \frac{D_\mathrm{eff}}{D_0} = \frac{I L}{A D_0} .

    The same number is the relative effective electrical conductivity, thermal
    conductivity or permittivity of the geometry, and the inverse of the formation
    factor.

    Parameters
    ----------
    axes : tuple of int, optional
        Directions of transport. By default all axes longer than one voxel.
    conducting : tuple of str, optional
        Phases to measure, each as the only conducting phase, with diffusivity 1. By
        default all phases.
    diffusivity : mapping of str to float, or tuple of pairs, optional
        Phases that conduct together, with their diffusivities in units of
        :math:`D_0`. The metric then measures this mixture instead of each phase
        alone. The phase names joined by "+" are the phase of its values.
    tolerance : float
        Largest allowed gap between the bounds, relative to the value.
    backend : {"own", "taufactor"}
        Solver. "taufactor" uses TauFactor, on a GPU if there is one. It supports
        single conducting phases, cubic voxels and closed sides, and gives no bounds.
    mask_insulating : bool
        Whether voxels outside the mask are insulating. If False, a volume with a
        mask is refused, because the flux in unknown material is undefined.
    periodic : tuple of int
        Axes along which the volume repeats. They apply to the sides; the axis of
        transport is never periodic.

    Notes
    -----
    *Estimator*: finite volumes on the voxels. The conductance between two voxels
    is that of two half voxels in series (the harmonic mean); the conductance between
    an end voxel and the end face is that of half a voxel. Voxels are connected
    through faces only (6). No flux crosses the sides. `lower` and `upper` bound the
    exact solution *of this discrete problem*. The upper bound is the energy of an
    admissible field (Dirichlet), the lower bound follows from the dissipation of a
    conserved flux (Thomson), and the value is their harmonic mean.

    *Bias*: the bounds do not include the errors of the image. A channel a few
    voxels wide is poorly resolved. Face connectivity closes necks in which voxels
    share only an edge. Paths are shorter if the end faces are within one feature
    length of the middle of the volume. The value depends on the size of the volume.

    *Statuses*: a phase that does not connect the two end faces has the value 0 and
    the status "not_percolating". A solve that stops before it reaches the tolerance
    has the status "not_converged"; its bounds are still valid.

    The feature "percolating_volume_fraction" is the number of voxels that conduct
    from end to end, divided by the number of all voxels.

    References
    ----------
    S. Torquato, Random Heterogeneous Materials, Springer, 2002, ch. 13.
    https://doi.org/10.1007/978-1-4757-6355-3

    P. G. Doyle, J. L. Snell, Random Walks and Electric Networks, MAA, 1984
    (Dirichlet's and Thomson's principles on networks).

    Examples
    --------
    A straight channel that takes up a quarter of the cross-section:

    >>> import numpy as np
    >>> import microchar as mc
    >>> solid = np.ones((8, 4, 4), np.uint8)
    >>> solid[:, :2, :2] = 0
    >>> volume = mc.as_volume(solid, phases=["pore", "solid"])
    >>> metric = mc.metrics.EffectiveDiffusivity(axes=(0, 1), conducting=("pore",))
    >>> [(v.value and round(v.value, 6), str(v.status)) for v in metric(volume).values if not v.feature]
    [(0.25, 'ok'), (0.0, 'not_percolating')]
    """

    id = "effective_diffusivity"
    title = "Effective diffusivity"
    symbol = r"D_\mathrm{eff}/D_0"
    summary = "flux through the phase relative to free space at the same concentration difference"
    cost = 300.0
    shows_flux = True

    def _values(self, volume: Volume, phase: str, direction: str, solution: Solution) -> list[Value]:
        key: dict[str, Any] = {"phase": phase, "direction": direction}
        key |= {"status": solution.status, "message": solution.message}
        value = self.scalar(volume.grid, solution.value, lower=solution.lower, upper=solution.upper, **key)
        return [value, *self._percolating(volume, phase, direction, solution)]
