"""Tortuosity factor of each phase along each axis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from microchar.core.result import Status, Value
from microchar.core.volume import Volume
from microchar.diffusion import Solution
from microchar.metrics._transport import TransportMetric


@dataclass(frozen=True, kw_only=True)
class TortuosityFactor(TransportMetric):
    r"""Tortuosity factor :math:`\tau` along each axis, between guaranteed bounds.

    How much more slowly a phase of volume fraction :math:`\phi` conducts than
    straight channels of the same fraction would:

    .. math:: \tau = \phi \, \frac{D_0}{D_\mathrm{eff}} .

    Parameters
    ----------
    axes, conducting, diffusivity, tolerance, backend, mask_insulating, periodic
        As for `EffectiveDiffusivity`; the two metrics share their solves.

    Notes
    -----
    *Convention*: :math:`\phi` is the total volume fraction of the phase (of all
    conducting phases together, where `diffusivity` names several), not only of
    its percolating part. :math:`\tau` is the square of a ratio of lengths; the
    feature "geometric_tortuosity" is :math:`\sqrt{\tau}`, the feature
    "percolating_volume_fraction" the voxels that conduct from end to end over all.

    *Bounds and bias*: those of `EffectiveDiffusivity`, whose upper bound gives
    the lower one here.

    *Statuses*: where the phase does not percolate, :math:`\tau` does not exist:
    its value is None and the status "not_percolating".

    References
    ----------
    B. Tjaden, S. J. Cooper, D. J. L. Brett, D. Kramer, P. R. Shearing, "On the
    origin and application of the Bruggeman correlation for analysing transport
    phenomena in electrochemical systems", Current Opinion in Chemical
    Engineering 12 (2016) 44-51.

    Examples
    --------
    A channel that takes nine voxels to advance five, so (9/5)²:

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
    summary = "how much more slowly the phase conducts than straight channels of the same volume fraction"
    cost = 0.1  # the solves are those of the effective diffusivity

    def _values(self, volume: Volume, label: str, direction: str, solution: Solution) -> list[Value]:
        labels: dict[str, Any] = {"phase": label, "direction": direction}
        message = _BLOCKED if solution.status == Status.NOT_PERCOLATING else solution.message
        labels |= {"status": solution.status, "message": message}
        bounds = (solution.value, solution.upper, solution.lower)
        tau, lower, upper = (_over(solution.conducting_fraction, d) for d in bounds)
        root = [None if t is None else math.sqrt(t) for t in (tau, lower, upper)]
        factor = self.scalar(volume.grid, tau, lower=lower, upper=upper, **labels)
        labels["feature"] = "geometric_tortuosity"
        geometric = self.scalar(volume.grid, root[0], lower=root[1], upper=root[2], **labels)
        return [factor, geometric, *self._percolating(volume, label, direction, solution)]


_BLOCKED = "the phase does not connect the two end faces: nothing flows, and a tortuosity does not exist"


def _over(fraction: float, diffusivity: float | None) -> float | None:
    return fraction / diffusivity if diffusivity else None
