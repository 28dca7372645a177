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

    The probability that a straight segment of length :math:`r` lies wholly in the
    phase. On voxels, for a segment along an axis,

    .. math:: L(k) = \left\langle \prod_{j=0}^{k} I(\mathbf x + j\,\mathbf e) \right\rangle,

    with :math:`I` the indicator function of the phase and :math:`\mathbf e` the
    step to the next voxel: all :math:`k + 1` voxels of the segment are in the
    phase. So :math:`L(0) = \phi`, and :math:`L \le S_2` at every lag.

    Parameters
    ----------
    r_max : int, str, or three of them, optional
        Longest segment, in voxels or as a text with a unit, at most the axis less
        one voxel. Default: half of each axis, at most 100 voxels.
    periodic : tuple of int
        Axes along which the volume repeats.

    Notes
    -----
    *Estimator*: segments of :math:`k + 1` voxels in the phase over all such
    segments; unbiased. They are counted from the lengths :math:`\ell` of the runs, each of
    which holds :math:`\max(\ell - k, 0)` of them. *Denominator*: segments inside
    the volume, with all voxels inside its mask: :math:`N - k` on a line of
    :math:`N` voxels, :math:`N` on a periodic axis. *Direction* ``mean`` is the
    mean over the axes; voxel sizes that differ put it on multiples of the largest
    of them, by linear interpolation.

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
    summary = "probability that a straight segment lies wholly in the phase"
    cost = 6.0

    def count(self, block: Block) -> Counts:
        """Count, for each axis and length, the segments of each phase that start in the core, and all segments."""
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
        """Divide the segments of each phase by all segments."""
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
