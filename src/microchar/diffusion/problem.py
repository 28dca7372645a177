"""The discrete problem: the diffusivity of each voxel, the axis of transport and the boundaries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class Problem:
    r"""Steady diffusion between the two end faces of a volume, with the axis of transport first.

    Axis 0 of `labels` is the axis of transport. The unit of conductance is the
    conductance of a voxel of the reference diffusivity along the axis of transport.
    The effective diffusivity is therefore the current at unit concentration
    difference times :math:`n_0 / (n_1 n_2)`.

    Parameters
    ----------
    labels : ndarray of uint8, 3D, C-contiguous
        Label of each voxel.
    conductivity : ndarray of float64, (256,)
        Diffusivity of each label in units of the reference diffusivity; 0 for labels
        that do not conduct.
    weights : tuple of float
        Conductance of a face between two voxels of the reference diffusivity, for each
        axis: (spacing of axis 0 / spacing of that axis)².
    periodic : tuple of bool
        Whether the volume repeats, for each axis; always False for axis 0.
    """

    labels: np.ndarray
    conductivity: np.ndarray
    weights: tuple[float, float, float]
    periodic: tuple[bool, bool, bool]

    @cached_property
    def parallel(self) -> float:
        """Effective diffusivity of the same voxels as straight parallel layers: the mean over all voxels."""
        labels = np.flatnonzero(self.conductivity).astype(np.uint8)
        counts = {label: sum(np.count_nonzero(plane == label) for plane in self.labels) for label in labels}
        return float(sum(n * self.conductivity[label] for label, n in counts.items()) / self.labels.size)

    @property
    def scale(self) -> float:
        """Effective diffusivity per unit of current."""
        n0, n1, n2 = self.labels.shape
        return n0 / (n1 * n2)

    def conductance(self, first: np.ndarray, second: np.ndarray, axis: int) -> np.ndarray:
        """Return the conductance of faces between voxels of two labels, that of two half voxels in series."""
        a, b = self.conductivity[first], self.conductivity[second]
        return self.weights[axis] * 2 * a * b / (a + b)

    def end_conductance(self, labels: np.ndarray) -> np.ndarray:
        """Return the conductance between the centre of an end voxel and the end face, that of half a voxel."""
        return 2 * self.conductivity[labels]


def make_problem(
    labels: np.ndarray,
    conductivity: Sequence[float],
    *,
    axis: int,
    voxel_size: Sequence[float] = (1.0, 1.0, 1.0),
    periodic: Sequence[int] = (),
) -> Problem:
    """Transpose a volume so that `axis` comes first, and make its `Problem`.

    Parameters
    ----------
    labels : ndarray of uint8, 3D
        Label of each voxel.
    conductivity : sequence of float
        Diffusivity of each label, in units of the reference diffusivity. Labels
        beyond the end of the sequence do not conduct.
    axis : int
        Axis of transport.
    voxel_size : sequence of three floats
        Voxel size along each axis, in any unit.
    periodic : sequence of int
        Axes along which the volume repeats. The axis of transport is ignored here; it
        is never periodic.

    Returns
    -------
    Problem
    """
    order = (axis, *(a for a in range(3) if a != axis))
    table = np.zeros(256)
    table[: len(conductivity)] = conductivity
    first, second, third = ((voxel_size[axis] / voxel_size[a]) ** 2 for a in order)
    # A voxel on a periodic axis of length one would be its own neighbour; such a face carries no flux.
    repeats = [a in periodic and a != axis and labels.shape[a] > 1 for a in order]
    return Problem(
        labels=np.ascontiguousarray(np.transpose(labels, order), dtype=np.uint8),
        conductivity=table,
        weights=(first, second, third),
        periodic=(repeats[0], repeats[1], repeats[2]),
    )
