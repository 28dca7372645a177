"""Tortuosity factor of each phase along each axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from microchar.core.result import Value
from microchar.core.volume import Volume
from microchar.diffusion import Solution
from microchar.metrics._transport import TransportMetric


@dataclass(frozen=True, kw_only=True)
class TortuosityFactor(TransportMetric):
    r"""Tortuosity factor :math:`\tau` along each axis, between guaranteed bounds.

    The factor by which a phase of volume fraction :math:`\phi` conducts less than
    straight channels of the same volume fraction, and several phases with the
    diffusivities :math:`D_i` less than straight parallel layers of them:

    .. math:: \tau = \phi \, \frac{D_0}{D_\mathrm{eff}}, \qquad
              \tau = \frac{\sum_i \phi_i D_i}{D_\mathrm{eff}} .

    Parameters
    ----------
    axes, conducting, diffusivity, tolerance, backend, mask_insulating, periodic
        The same as for `EffectiveDiffusivity`. The two metrics share their solves.

    Notes
    -----
    *Convention*: :math:`\phi` is the total volume fraction of the phase, not only that
    of its percolating part. If `diffusivity` names several conducting phases, all of
    them together have one value. It is 1 for layers parallel to the axis and for a
    uniform block, whatever the diffusivities are. :math:`\tau` is the square of a
    ratio of lengths; the feature "geometric_tortuosity" is :math:`\sqrt{\tau}`. The feature
    "percolating_volume_fraction" is the number of voxels that conduct from end to
    end, divided by the number of all voxels.

    *Bounds and bias*: those of `EffectiveDiffusivity`. Its upper bound gives the
    lower bound of :math:`\tau`, and its lower bound the upper bound.

    *Statuses*: if the phase does not percolate, :math:`\tau` does not exist. The value
    is then None and the status is "not_percolating".

    References
    ----------
    B. Tjaden, S. J. Cooper, D. J. L. Brett, D. Kramer, P. R. Shearing, "On the
    origin and application of the Bruggeman correlation for analysing transport
    phenomena in electrochemical systems", Current Opinion in Chemical
    Engineering 12 (2016) 44-51. https://doi.org/10.1016/j.coche.2016.02.006

    Examples
    --------
    A channel with a path of nine voxels through a length of five voxels has
    :math:`\tau = (9/5)^2`:

    >>> import microchar as mc
    >>> pore = [[1, 0, 0], [1, 1, 1], [0, 0, 1], [1, 1, 1], [1, 0, 0]]
    >>> volume = mc.as_volume(pore, phases=["solid", "pore"])
    >>> metric = mc.metrics.TortuosityFactor(axes=(1,), conducting=("pore",))
    >>> round(metric(volume).value(direction="1", feature="").value, 6)
    3.24
    """

    id = "tortuosity_factor"
    title = "Tortuosity factor"
    symbol = r"\tau"
    summary = "factor by which the phase conducts less than straight channels of the same volume fraction"
    derived_from = "effective_diffusivity"
    cost = 0.1  # the solves are shared

    def _values(self, volume: Volume, phase: str, direction: str, solution: Solution) -> list[Value]:
        key: dict[str, Any] = {"phase": phase, "direction": direction}
        factor = self._over_diffusivity(volume, solution.parallel, solution, **key)
        root = self._over_diffusivity(
            volume, solution.parallel, solution, root=True, feature="geometric_tortuosity", **key
        )
        return [factor, root, *self._percolating(volume, phase, direction, solution)]
