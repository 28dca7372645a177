"""Lineal-path function L of each phase."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microchar.core.result import Profile, Result
from microchar.core.volume import OUTSIDE, Volume
from microchar.measurement.blocks import Block, Counts
from microchar.metrics._directional import DirectionalMetric, is_masked, ratio, starts
from microchar.metrics._runs import runs_along, segments


@dataclass(frozen=True, kw_only=True)
class LinealPath(DirectionalMetric):
    r"""Lineal-path function :math:`L(r)` of each phase.

    The probability that a straight segment of length :math:`r` lies entirely in the
    phase. On voxels, for a segment along an axis,

    .. math:: L(k) = \left\langle \prod_{j=0}^{k} I(\mathbf x + j\,\mathbf e) \right\rangle,

    where :math:`I` is the indicator function of the phase and :math:`\mathbf e` the
    step to the next voxel. All :math:`k + 1` voxels of the segment are in the phase.
    Therefore :math:`L(0) = \phi`, and :math:`L \le S_2` at every lag.

    Parameters
    ----------
    r_max : int, str, or three of them, optional
        Longest segment: a number of voxels, or a string with a unit. It is at most
        the length of the axis minus one voxel. Default: half of each axis, at most
        100 voxels.
    periodic : tuple of int
        Axes along which the volume repeats.

    Notes
    -----
    *Estimator*: the number of segments of :math:`k + 1` voxels in the phase divided
    by the number of all such segments; unbiased. The segments are counted from the
    runs: a run of :math:`\ell` voxels contains :math:`\max(\ell - k, 0)` of them.

    *Denominator*: segments inside the volume, with all voxels inside its mask. A
    line of :math:`N` voxels has :math:`N - k` of them, or :math:`N` along a periodic
    axis.

    *Direction* ``mean`` is the mean over the axes. If the voxel sizes differ, its
    abscissa is the multiples of the largest voxel size, and the profiles are
    interpolated linearly.

    Some programs count a segment of :math:`k` voxels, not :math:`k + 1`, at lag :math:`k`.

    References
    ----------
    Lu, B. and Torquato, S. (1992), "Lineal-path function for random
    heterogeneous materials", Phys. Rev. A 45, 922.

    Examples
    --------
    >>> import microchar as mc
    >>> volume = mc.as_volume([[1, 0, 1, 0, 1, 1, 1]])
    >>> path = mc.metrics.LinealPath(r_max=3)(volume).profile(phase="1", direction="2")
    >>> path.x, path.y * [7, 6, 5, 4]
    (array([0., 1., 2., 3.]), array([5., 2., 1., 0.]))
    """

    id = "lineal_path"
    title = "Lineal path"
    symbol = "L(r)"
    summary = "probability that a straight segment of a given length lies entirely in the phase"
    cost = 6.0

    def count(self, block: Block) -> Counts:
        """Count, for each axis and length, the segments that start in the core: those in each phase, and all."""
        masked = is_masked(block)
        counts: Counts = {}
        for axis in (a for a in range(3) if block.shape[a] > 1):
            reach, core = self.reach[axis], block.core[axis]
            lines = block.labels[tuple(slice(None if a == axis else n) for a, n in enumerate(block.core))]
            counts[f"segments {axis}"] = segments(runs_along(lines, axis, core, block.n_phases).sum(axis=0), reach)
            if masked:
                inside = np.where(lines == OUTSIDE, lines, np.uint8(0))
                counts[f"valid {axis}"] = segments(runs_along(inside, axis, core, 1).sum(axis=(0, 1)), reach)
            else:
                counts[f"valid {axis}"] = starts(block, axis, reach)
        return counts

    def finish(self, counts: Counts, volume: Volume) -> Result:
        """Divide the number of segments in each phase by the number of all segments."""
        profiles: list[Profile] = []
        for phase, name in enumerate(volume.phases):
            by_axis = {a: ratio(counts[f"segments {a}"][phase], counts[f"valid {a}"]) for a in volume.grid.axes}
            profiles += self.profiles(volume.grid, by_axis, phase=name)
        return self.result(
            volume,
            profiles=profiles,
            estimator="segments of k + 1 voxels at lag k, all in the phase",
            denominator="segments inside the volume and its mask",
        )
