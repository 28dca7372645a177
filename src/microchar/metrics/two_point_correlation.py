"""Two-point correlation function S2 of each phase."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from microchar.core.result import Profile, Result
from microchar.core.volume import OUTSIDE, Volume
from microchar.kernels.bits import count_pairs, pack
from microchar.measurement.blocks import Block, Counts
from microchar.measurement.metric import Shared
from microchar.metrics._directional import DirectionalMetric, is_masked, ratio, starts
from microchar.metrics._radial import SetVoxels, ends_at_all_lags, make_shells, pairs_at_all_lags, places


@dataclass(frozen=True, kw_only=True)
class TwoPointCorrelation(DirectionalMetric):
    r"""Two-point correlation function :math:`S_2(r)` of each phase.

    The probability that two points at a distance :math:`r` both lie in the phase:

    .. math:: S_2(\mathbf r) = \langle I(\mathbf x)\, I(\mathbf x + \mathbf r) \rangle,

    where :math:`I` is the indicator function of the phase. :math:`S_2(0) = \phi`, and
    :math:`S_2 \to \phi^2` if there is no long-range order. In an isotropic medium
    :math:`S_2'(0) = -s/4`, where :math:`s` is the specific surface area.

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
    *Estimator*: along each axis, the number of pairs of voxels at lag :math:`k` that
    are both in the phase divided by the number of all pairs at that lag; unbiased.

    *Denominator*: pairs with both voxels inside the volume and its mask. A line of
    :math:`N` voxels has :math:`N - k` of them, or :math:`N` along a periodic axis.

    *Direction* ``mean`` is the mean over the axes. If the voxel sizes differ, its
    abscissa is the multiples of the largest voxel size, and the profiles are
    interpolated linearly.

    *Direction* ``radial`` is the same ratio over all lag vectors :math:`\mathbf r` with a
    length within one shell. The width of a shell is the smallest voxel size. Lag 0 has
    a shell of its own. The abscissa is the mean length of the lag vectors of the
    shell. Lag vectors longer than the smallest of the largest lags are left out. The
    pairs are counted by FFT and rounded to integers, in double precision where the numbers
    of single precision are not close to integers; for a few voxels of lag they are counted
    one by one. Parts of the transform are made one after the other: up to :math:`1200^3`
    voxels they take at most 0.5 GB, and a copy of the voxels as bits. Parts of larger volumes are
    in a temporary file.

    References
    ----------
    Torquato, S. (2002), *Random Heterogeneous Materials*, Springer, chapter 2.
    https://doi.org/10.1007/978-1-4757-6355-3

    Berryman, J. G. (1985), "Measurement of spatial correlation functions using
    image processing techniques", J. Appl. Phys. 57, 2374.

    Examples
    --------
    >>> import microchar as mc
    >>> volume = mc.as_volume([[1, 1, 0, 1, 0, 0, 0, 1, 1, 1, 1, 0]])
    >>> s2 = mc.metrics.TwoPointCorrelation(r_max=3)(volume).profile(phase="1", direction="2")
    >>> s2.x, s2.y * [12, 11, 10, 9]
    (array([0., 1., 2., 3.]), array([7., 4., 3., 2.]))
    """

    id = "two_point_correlation"
    title = "Two-point correlation"
    symbol = "S_2(r)"
    summary = "probability that two points at a given distance are both in the phase"
    cost = 30.0

    radial: bool = True

    def count_key(self) -> Hashable:
        """Return a key that the pair correlation shares."""
        return "two_point_correlation", self.periodic, self.r_max, self.radial

    def count(self, block: Block) -> Counts:
        """Count, for each axis and lag, the pairs that start in the core: those in each phase, and all."""
        return {name: array[0, 0, 0] for name, array in self.count_cells(replace(block, cuts=None)).items()}

    def count_cells(self, block: Block) -> Counts:
        """Count per cell; the bits are packed only once if axis 2 is not cut."""
        if len(block.cell_edges[2]) > 2:
            return super().count_cells(block)
        axes = [axis for axis in range(3) if block.shape[axis] > 1]
        numbers = tuple(len(line) - 1 for line in block.cell_edges)
        counts: Counts = {}
        for axis in axes:
            lags = self.reach[axis] + 1
            counts[f"pairs {axis}"] = np.zeros((*numbers, block.n_phases, lags), np.int64)
            counts[f"valid {axis}"] = np.zeros((*numbers, lags), np.int64)
        for phase in range(block.n_phases):
            by_axis = {axis: counts[f"pairs {axis}"][..., phase, :] for axis in axes}
            self._count_set(block.labels == phase, block, by_axis)
        if is_masked(block):
            self._count_set(block.labels != OUTSIDE, block, {axis: counts[f"valid {axis}"] for axis in axes})
        else:
            for axis, (index, cell) in product(axes, block.cells()):
                counts[f"valid {axis}"][index] = starts(cell, axis, self.reach[axis])
        return counts

    def _count_set(self, selected: np.ndarray, block: Block, by_axis: Mapping[int, np.ndarray]) -> None:
        """Add the pairs of selected voxels along each axis to arrays (cells, lags)."""
        n2 = block.core[2]
        words = (n2 + self.reach[2] + 63) // 64 + 1
        second = pack(selected, words)
        first = second if selected.shape[2] == n2 else pack(selected[:, :, :n2], words)
        for (axis, counts), (index, cell) in product(by_axis.items(), block.cells()):
            count_pairs(first, second, _offset(cell, block), cell.core, axis, counts[index])
        return counts

    def whole(self, volume: Volume, shared: Shared) -> Counts:
        """Count the pairs in each phase, and all pairs, in shells of the distance."""
        if not self.radial:
            return {}
        shells = make_shells(volume.grid, self.reach)

        def total(phase: int | None) -> tuple[np.ndarray, np.ndarray]:
            def planes(first: int, last: int) -> np.ndarray:
                labels = volume.read((first, 0, 0), (last, *volume.shape[1:]))
                return labels != OUTSIDE if phase is None else labels == phase

            voxels = SetVoxels(planes, volume.shape, self.periodic)
            ends = ends_at_all_lags(voxels, shells.reach, shared.threads)
            pairs = pairs_at_all_lags(voxels, shells.reach, ends, shared.threads)
            return shells.total(pairs), shells.total(ends)

        if volume.mask is not None:
            valid = total(None)[0]
        else:
            valid = shells.total(places(volume.shape, shells.reach, self.periodic))
        if volume.mask is None and volume.n_phases == 2:
            first, ends = total(0)
            pairs = [first, valid - ends + first]  # pairs without an end in the first phase
        else:
            pairs = [total(phase)[0] for phase in range(volume.n_phases)]
        return {"radial lengths": shells.lengths, "radial pairs": np.array(pairs), "radial valid": valid}

    def finish(self, counts: Counts, volume: Volume) -> Result:
        """Divide the number of pairs in each phase by the number of all pairs."""
        profiles: list[Profile] = []
        for phase, name in enumerate(volume.phases):
            by_axis = {a: ratio(counts[f"pairs {a}"][phase], counts[f"valid {a}"]) for a in volume.grid.axes}
            profiles += self.profiles(volume.grid, by_axis, phase=name)
            if self.radial:
                y = ratio(counts["radial pairs"][phase], counts["radial valid"])
                profiles.append(
                    self.defined_curve(volume.grid, counts["radial lengths"], y, phase=name, direction="radial")
                )
        shells = "all lag vectors in shells as wide as the smallest voxel size, at their mean length; lag 0 apart"
        return self.result(
            volume,
            profiles=profiles,
            estimator="pairs of voxels, both in the phase",
            denominator="pairs with both voxels inside the volume and its mask",
            radial=shells if self.radial else "not computed",
        )


def _offset(cell: Block, block: Block) -> tuple[int, int]:
    """Return where a cell begins in its block along axes 0 and 1."""
    return cell.start[0] - block.start[0], cell.start[1] - block.start[1]
