"""The discrete problem: which voxels conduct how well, along which axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class Problem:
    r"""Steady diffusion between the two end faces of a volume, in its own orientation.

    Axis 0 of `labels` is the axis of transport. Conductances are in units of
    that of a voxel of the reference diffusivity along the axis of transport, so
    that the effective diffusivity is the current at unit difference of
    concentration times :math:`n_0 / (n_1 n_2)`.

    Parameters
    ----------
    labels : ndarray of uint8, 3D, C-contiguous
    conductivity : ndarray of float64, (256,)
        Diffusivity of each label in units of the reference; 0 does not conduct.
    weights : tuple of float
        Conductance of a face between two voxels of the reference diffusivity,
        per axis: (spacing of axis 0 / spacing of that axis)².
    periodic : tuple of bool
        Whether the volume repeats, per axis. Never along axis 0.
    """

    labels: np.ndarray
    conductivity: np.ndarray
    weights: tuple[float, float, float]
    periodic: tuple[bool, bool, bool]

    @cached_property
    def conducting(self) -> float:
        """Share of the voxels that conduct."""
        labels = np.flatnonzero(self.conductivity).astype(np.uint8)
        return sum(np.count_nonzero(plane == label) for plane in self.labels for label in labels) / self.labels.size

    @property
    def scale(self) -> float:
        """Effective diffusivity per unit of current."""
        n0, n1, n2 = self.labels.shape
        return n0 / (n1 * n2)

    def conductance(self, first: np.ndarray, second: np.ndarray, axis: int) -> np.ndarray:
        """Return the conductance of faces between voxels of two labels: two half voxels in series."""
        a, b = self.conductivity[first], self.conductivity[second]
        return self.weights[axis] * 2 * a * b / (a + b)

    def end_conductance(self, labels: np.ndarray) -> np.ndarray:
        """Return the conductance between the centre of a voxel and the end face it lies at: half a voxel."""
        return 2 * self.conductivity[labels]


def make_problem(
    labels: np.ndarray,
    conductivity: Sequence[float],
    *,
    axis: int,
    voxel_size: Sequence[float] = (1.0, 1.0, 1.0),
    periodic: Sequence[int] = (),
) -> Problem:
    """Turn a volume so that `axis` comes first, and collect what the solvers need.

    Parameters
    ----------
    labels : ndarray of uint8, 3D
    conductivity : sequence of float
        Diffusivity of each label, in units of the reference; labels beyond its
        end do not conduct.
    axis : int
        Axis of transport.
    voxel_size : sequence of three floats
    periodic : sequence of int
        Axes along which the volume repeats; the axis of transport is not one of
        them, whatever is said here.

    Returns
    -------
    Problem
    """
    order = (axis, *(a for a in range(3) if a != axis))
    table = np.zeros(256)
    table[: len(conductivity)] = conductivity
    first, second, third = ((voxel_size[axis] / voxel_size[a]) ** 2 for a in order)
    # An axis of length one repeats onto itself: no face there carries anything.
    repeats = [a in periodic and a != axis and labels.shape[a] > 1 for a in order]
    return Problem(
        labels=np.ascontiguousarray(np.transpose(labels, order), dtype=np.uint8),
        conductivity=table,
        weights=(first, second, third),
        periodic=(repeats[0], repeats[1], repeats[2]),
    )
