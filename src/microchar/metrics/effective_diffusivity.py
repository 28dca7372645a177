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

    With the concentration :math:`c` fixed to 1 and 0 on the two end faces, a
    distance :math:`L` apart and of area :math:`A`, and :math:`\nabla\cdot(D\nabla c)=0`
    in the conducting phases, the current :math:`I` gives

    .. math:: \frac{D_\mathrm{eff}}{D_0} = \frac{I L}{A D_0} .

    It is also the effective conductivity, heat conductivity or permittivity of
    the same geometry, and the inverse of the formation factor.

    Parameters
    ----------
    axes : tuple of int, optional
        Directions of transport; default all axes longer than one voxel.
    conducting : tuple of str, optional
        Phases to measure, each conducting alone with 1; default all.
    diffusivity : mapping of str to float, or tuple of pairs, optional
        Phases that conduct together, with their diffusivities in units of
        :math:`D_0`: one mixture instead of each phase alone. Labelled by the
        phases joined by "+".
    tolerance : float
        Largest gap between the bounds, relative to the value.
    backend : {"own", "taufactor"}
        "taufactor" uses TauFactor (on a GPU where there is one), for phases that
        conduct alone, cubic voxels and closed sides; it gives no bounds.
    mask_insulating : bool
        Take voxels outside a mask as insulating. Without it a volume with a mask
        is refused, because flow has no meaning where the material is unknown.
    periodic : tuple of int
        Axes along which the volume repeats, for those that are sides. The axis of
        transport is never periodic.

    Notes
    -----
    *Estimator*: finite volumes on the voxels. The conductance between two voxels
    is that of their halves in series (the harmonic mean), between an end voxel
    and the end face that of half a voxel. Voxels are joined by faces only (6).
    No flux crosses the sides. `lower` and `upper` bound the exact answer *of this
    discrete problem*: the upper one is the energy of an admissible field
    (Dirichlet), the lower one follows from the dissipation of a conserved flux
    (Thomson), and the value is their harmonic mean.

    *Bias*: what the bounds do not cover is the image itself. A channel of few
    voxels across is resolved poorly, face connectivity closes necks that meet at
    an edge, and an end face within a feature's length of the sample's middle sees
    shorter paths; the value depends on the size of the sample.

    *Statuses*: a phase that joins no end face to the other has the value 0 and
    the status "not_percolating". A solve that stops before the tolerance is met
    is "not_converged" and still bounded.

    The feature "percolating_volume_fraction" holds the voxels that conduct from
    end to end, over all voxels.

    References
    ----------
    S. Torquato, Random Heterogeneous Materials, Springer, 2002, ch. 13.
    P. G. Doyle, J. L. Snell, Random Walks and Electric Networks, MAA, 1984
    (Dirichlet's and Thomson's principles on networks).

    Examples
    --------
    A straight channel through a quarter of the cross-section:

    >>> import numpy as np
    >>> import microchar as mc
    >>> solid = np.ones((8, 4, 4), np.uint8)
    >>> solid[:, :2, :2] = 0
    >>> volume = mc.as_volume(solid, phases=["pore", "solid"])
    >>> metric = mc.metrics.EffectiveDiffusivity(axes=(0, 1), conducting=("pore",))
    >>> [(v.value and round(v.value, 6), v.status) for v in metric(volume).values if not v.feature]
    [(0.25, 'ok'), (0.0, 'not_percolating')]
    """

    id = "effective_diffusivity"
    title = "Effective diffusivity"
    symbol = r"D_\mathrm{eff}/D_0"
    summary = "flux through the phase at a given difference of concentration, over that through free space"
    cost = 300.0
    shows_flux = True

    def _values(self, volume: Volume, label: str, direction: str, solution: Solution) -> list[Value]:
        labels: dict[str, Any] = {"phase": label, "direction": direction}
        labels |= {"status": solution.status, "message": solution.message}
        value = self.scalar(volume.grid, solution.value, lower=solution.lower, upper=solution.upper, **labels)
        return [value, *self._percolating(volume, label, direction, solution)]
