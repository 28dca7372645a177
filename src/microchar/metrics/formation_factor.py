"""Formation factor of each phase along each axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from microchar.core.result import Value
from microchar.core.volume import Volume
from microchar.diffusion import Solution
from microchar.metrics._transport import TransportMetric


@dataclass(frozen=True, kw_only=True)
class FormationFactor(TransportMetric):
    r"""Formation factor :math:`F` along each axis, between guaranteed bounds.

    The electrical resistivity of the volume, with a conducting phase such as brine in
    its pores, in units of the resistivity of that phase. It is the inverse of the
    effective diffusivity:

    .. math:: F = \frac{\rho_\mathrm{eff}}{\rho_0} = \frac{D_0}{D_\mathrm{eff}}, \qquad
              \tau_e = \sqrt{F \phi} .

    Parameters
    ----------
    axes, conducting, diffusivity, tolerance, backend, mask_insulating, periodic
        The same as for `EffectiveDiffusivity`. The metrics share their solves.

    Notes
    -----
    *Convention*: the feature "electrical_tortuosity" is :math:`\tau_e`, a ratio of
    lengths, with the total volume fraction :math:`\phi`. It is equal to the feature
    "geometric_tortuosity" of `TortuosityFactor`, whose :math:`\tau` is
    :math:`\tau_e^2`. Others call :math:`F \phi` itself the electrical tortuosity. If
    `diffusivity` names several conducting phases, their conductivities
    are in units of that of the reference, and :math:`\phi` is
    :math:`\sum_i \phi_i D_i / D_0`. Archie's exponent is
    :math:`m = -\ln F / \ln \phi`.

    *Bounds and bias*: those of `EffectiveDiffusivity`. Its upper bound gives the
    lower bound of :math:`F`, and its lower bound the upper bound.

    *Statuses*: if the phase does not percolate, :math:`F` does not exist. The value is
    then None and the status is "not_percolating".

    References
    ----------
    .. [1] G. E. Archie, "The electrical resistivity log as an aid in determining some
       reservoir characteristics", Trans. AIME 146, 54 (1942).
       https://doi.org/10.2118/942054-G
    .. [2] M. R. J. Wyllie and W. D. Rose, "Some theoretical considerations related to
       the quantitative evaluation of the physical characteristics of reservoir rock
       from electrical log data", J. Petroleum Technology 2, 105 (1950).
       https://doi.org/10.2118/950105-G

    Examples
    --------
    A straight channel that takes up a quarter of the cross-section:

    >>> import numpy as np
    >>> import microchar as mc
    >>> solid = np.ones((8, 4, 4), np.uint8)
    >>> solid[:, :2, :2] = 0
    >>> volume = mc.as_volume(solid, phases=["pore", "solid"])
    >>> result = mc.metrics.FormationFactor(axes=(0,), conducting=("pore",))(volume)
    >>> [round(result.value(feature=name).value, 6) for name in ("", "electrical_tortuosity")]
    [4.0, 1.0]
    """

    id = "formation_factor"
    title = "Formation factor"
    symbol = "F"
    summary = "electrical resistivity of the volume relative to that of its conducting phase"
    derived_from = "effective_diffusivity"
    cost = 0.1  # the solves are shared

    def _values(self, volume: Volume, phase: str, direction: str, solution: Solution) -> list[Value]:
        key: dict[str, Any] = {"phase": phase, "direction": direction}
        factor = self._over_diffusivity(volume, 1.0, solution, **key)
        root = self._over_diffusivity(
            volume, solution.parallel, solution, root=True, feature="electrical_tortuosity", **key
        )
        return [factor, root]
