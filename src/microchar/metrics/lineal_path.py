"""Lineal-path function L of each phase."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

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
    https://doi.org/10.1103/PhysRevA.45.922

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
        return {name: array[0, 0, 0] for name, array in self.count_cells(replace(block, cuts=None)).items()}

    def count_cells(self, block: Block) -> Counts:
        """Count per cell; a line is followed only once through all its cells."""
        numbers = tuple(len(line) - 1 for line in block.cell_edges)
        masked = is_masked(block)
        counts: Counts = {}
        for axis in (a for a in range(3) if block.shape[a] > 1):
            reach, edges = self.reach[axis], block.cell_edges[axis]
            counts[f"segments {axis}"] = np.zeros((*numbers, block.n_phases, reach + 1), np.int64)
            counts[f"valid {axis}"] = np.zeros((*numbers, reach + 1), np.int64)
            for cells, lines in _bundles(block, axis):
                runs = runs_along(lines, axis, edges, block.n_phases, split=True).sum(axis=1)
                counts[f"segments {axis}"][cells] = segments(runs, reach)
                if masked:
                    inside = np.where(lines == OUTSIDE, lines, np.uint8(0))
                    counts[f"valid {axis}"][cells] = segments(
                        runs_along(inside, axis, edges, 1, split=True).sum((1, 2)), reach
                    )
            if not masked:
                for index, cell in block.cells():
                    counts[f"valid {axis}"][index] = starts(cell, axis, reach)
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


def _bundles(block: Block, axis: int) -> Iterator[tuple[tuple[int | slice, ...], np.ndarray]]:
    """Yield the lines along an axis that pass through the same cells, with the index of these cells."""
    edges = block.cell_edges
    for cells in product(*(range(1 if a == axis else len(edges[a]) - 1) for a in range(3))):
        box = (slice(None) if a == axis else slice(edges[a][i], edges[a][i + 1]) for a, i in enumerate(cells))
        yield tuple(slice(None) if a == axis else i for a, i in enumerate(cells)), block.labels[tuple(box)]
