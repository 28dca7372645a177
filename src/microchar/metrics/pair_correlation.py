"""Pair correlation function g2 of each phase."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from microchar.core.result import Profile, Result, Status
from microchar.core.volume import Volume
from microchar.measurement.blocks import Counts
from microchar.metrics.two_point_correlation import TwoPointCorrelation


@dataclass(frozen=True, kw_only=True)
class PairCorrelation(TwoPointCorrelation):
    r"""Pair correlation function :math:`g_2(r)` of each phase.

    The two-point correlation function relative to its value for points that have
    nothing to do with each other:

    .. math:: g_2(r) = S_2(r) / \phi^2,

    so that :math:`g_2(0) = 1/\phi`, and :math:`g_2 \to 1` where there is no
    long-range order. Some papers print this function under the name :math:`C_2`,
    which here is the two-point cluster function.

    Parameters
    ----------
    r_max : int, str, or three of them, optional
        Largest lag, in voxels or as a text with a unit, at most the axis less one
        voxel. Default: half of each axis, at most 100 voxels.
    radial : bool
        Whether to average over all directions too, besides those of the axes.
    periodic : tuple of int
        Axes along which the volume repeats.

    Notes
    -----
    *Estimator*, *denominator*, directions and accuracy are those of
    `two_point_correlation`, whose counts it shares; :math:`\phi` is the volume
    fraction of the same volume. *Bias*: that of a ratio, because :math:`\phi`
    is estimated too; it falls with the size of the volume. Undefined for a phase without voxels.

    References
    ----------
    Torquato, S. (2002), *Random Heterogeneous Materials*, Springer, chapter 2.

    Examples
    --------
    >>> import microchar as mc
    >>> volume = mc.as_volume([[1, 1, 0, 0] * 2], phases=["pore", "solid"])
    >>> g2 = mc.metrics.PairCorrelation(r_max=3, periodic=(2,))(volume)
    >>> g2.profile(phase="pore", direction="2").y
    array([2., 1., 0., 1.])
    """

    id = "pair_correlation"
    title = "Pair correlation"
    symbol = "g_2(r)"
    summary = "two-point correlation over the square of the volume fraction"
    cost = 0.1

    def finish(self, counts: Counts, volume: Volume) -> Result:
        """Divide the pairs of each phase by all pairs and by the square of the volume fraction."""
        s2 = super().finish(counts, volume)
        return replace(s2, profiles=tuple(_over_square_of_fraction(profile) for profile in s2.profiles))


def _over_square_of_fraction(s2: Profile) -> Profile:
    fraction = s2.y[0]
    if fraction == 0:
        nothing = np.full_like(s2.y, np.nan)
        return replace(s2, y=nothing, status=Status.ABSENT_PHASE, message=f"phase {s2.phase} has no voxels")
    return replace(s2, y=s2.y / fraction**2)
