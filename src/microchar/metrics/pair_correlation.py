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

    The two-point correlation function divided by its value for uncorrelated points:

    .. math:: g_2(r) = S_2(r) / \phi^2,

    so that :math:`g_2(0) = 1/\phi`, and :math:`g_2 \to 1` if there is no long-range
    order. Some papers call this function :math:`C_2`; here :math:`C_2` is the
    two-point cluster function.

    Parameters
    ----------
    r_max : int, str, or three of them, optional
        Largest lag: a number of voxels, or a string with a unit. It is at most the
        length of the axis minus one voxel. Default: half of each axis, at most 100
        voxels.
    radial : bool
        Whether to add the average over all directions to the directions of the axes.
    periodic : tuple of int
        Axes along which the volume repeats.

    Notes
    -----
    *Estimator*, *denominator*, directions and accuracy are those of
    `two_point_correlation`; the two metrics share their counts. :math:`\phi` is the
    volume fraction of the same volume.

    *Bias*: that of a ratio, because :math:`\phi` is also an estimate. It decreases with
    the size of the volume. The function is undefined for a phase without voxels.

    References
    ----------
    Torquato, S. (2002), *Random Heterogeneous Materials*, Springer, chapter 2.
    https://doi.org/10.1007/978-1-4757-6355-3

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
    summary = "two-point correlation divided by the square of the volume fraction"
    derived_from = "two_point_correlation"
    cost = 0.1

    def finish(self, counts: Counts, volume: Volume) -> Result:
        """Divide the two-point correlation by the square of the volume fraction."""
        s2 = super().finish(counts, volume)
        return replace(s2, profiles=tuple(_over_square_of_fraction(profile) for profile in s2.profiles))


def _over_square_of_fraction(s2: Profile) -> Profile:
    fraction = s2.y[0]
    if fraction == 0:
        undefined = np.full_like(s2.y, np.nan)
        return replace(s2, y=undefined, status=Status.ABSENT_PHASE, message=f"phase {s2.phase} has no voxels")
    return replace(s2, y=s2.y / fraction**2)
