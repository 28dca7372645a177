"""The low-frequency spectrum of influences, from which the variance of a mean of correlated cells is extrapolated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

#: Largest number of half waves along an axis, by the number of axes that are cut into cells.
_HALF_WAVES = {1: 6, 2: 4, 3: 2}
#: Number of parts along the first axis that is cut; the others are halved.
_PARTS = 4
#: Steps of the bisection for the slope of the spectrum.
_STEPS = 50
#: Largest slope: the spectrum falls by this many powers of e over the frequencies used.
_STEEPEST = 20.0


@dataclass(frozen=True, eq=False)
class Spectrum:
    r"""Cosine coefficients of influences at the lowest frequencies, and the spectrum fitted to them.

    The expected square of the coefficient with :math:`j_i` half waves along axis
    :math:`i` is modelled as :math:`\exp(\alpha - c q)`, where
    :math:`q = \sum_i (j_i L_\mathrm{min} / L_i)^2` for a volume with edges :math:`L_i`, and
    :math:`c \ge 0`. The fit is by maximum likelihood for normally distributed
    coefficients. Extrapolated to :math:`q = 0` it gives the variance of the mean.

    Parameters
    ----------
    coefficients : ndarray, (modes, numbers)
        Coefficients, scaled such that the mean of their squares at zero frequency
        divided by the number of cells is the variance.
    q : ndarray, (modes,)
    cells : int
        Number of cells.
    parts : ndarray, (parts, numbers), optional
        Deviation of each of several equal parts of the volume from the whole, divided by
        the square root of their number less one: their scatter is that of a whole volume.
    """

    coefficients: np.ndarray
    q: np.ndarray
    cells: int
    parts: np.ndarray | None = None

    @classmethod
    def of(cls, psi: np.ndarray, lengths: tuple[float, float, float], *, edge_effect: bool = False) -> Spectrum:
        """Transform influences.

        Parameters
        ----------
        psi : ndarray, (n0, n1, n2, numbers)
            Influence of each cell on each number.
        lengths : tuple of float
            Edges of the volume.
        edge_effect : bool
            Whether the expectation of the influence depends on the distance from the
            faces of the volume, as that of chords does, which the faces cut. Such a
            profile is no noise. It is symmetric about the centre, so the modes with an
            even number of half waves along a single axis are left out.
        """
        from scipy.fft import dctn

        numbers = psi.shape[:3]
        cut = [axis for axis in range(3) if numbers[axis] > 1]
        most = [min(_HALF_WAVES[len(cut)], n - 1) if n > 1 else 0 for n in numbers]
        box = tuple(slice(m + 1) for m in most)
        waves = np.indices([m + 1 for m in most]).reshape(3, -1).T
        along_one_axis = (waves > 0).sum(axis=1) == 1
        used = waves.any(axis=1) & ~(edge_effect & along_one_axis & (waves.sum(axis=1) % 2 == 0))
        shortest = min(lengths[axis] for axis in cut)
        q = ((waves[used] * shortest / np.asarray(lengths)) ** 2).sum(axis=1)
        coefficients = dctn(psi, axes=(0, 1, 2), norm="ortho")[box].reshape(len(waves), -1)[used]
        return cls(coefficients, q, int(np.prod(numbers)), _parts(psi, cut, 2 if edge_effect else _PARTS))

    def linear(self, transform: Callable[[np.ndarray], np.ndarray]) -> Spectrum:
        """Return the spectrum of a linear function of the numbers, such as some of them."""
        return replace(
            self,
            coefficients=transform(self.coefficients),
            parts=None if self.parts is None else transform(self.parts),
        )

    @property
    def variance(self) -> np.ndarray:
        """Variance of each number."""
        weights = np.exp(np.outer(self.q, self.slopes))
        return (self.coefficients**2 * weights).mean(axis=0) / self.cells

    @cached_property
    def slopes(self) -> np.ndarray:
        """Slope c of the logarithm of each spectrum."""
        power = self.coefficients**2
        mean = self.q.mean()

        def too_steep(slopes: np.ndarray) -> np.ndarray:
            weights = power * np.exp(np.outer(self.q, slopes))
            return (self.q @ weights) >= mean * weights.sum(axis=0)

        low = np.zeros(power.shape[1])
        high = np.full(power.shape[1], _STEEPEST / self.q.max())
        flat = too_steep(low)
        for _ in range(_STEPS):
            middle = (low + high) / 2
            steep = too_steep(middle)
            low, high = np.where(steep, low, middle), np.where(steep, middle, high)
        return np.where(flat, 0.0, low)

    @property
    def df(self) -> np.ndarray:
        """Degrees of freedom of each variance."""
        design = np.stack([np.ones_like(self.q), self.q], axis=1)
        extrapolated = 1 / np.linalg.inv(design.T @ design)[0, 0]
        return np.where(self.slopes > 0, extrapolated, float(len(self.q)))


def _parts(psi: np.ndarray, cut: Sequence[int], along_first: int) -> np.ndarray | None:
    """Return the scaled deviations of parts of a volume, see `Spectrum`; None if there are too few cells.

    Only parts that touch the faces of the volume alike may be compared if the faces matter: two along each axis.
    """
    means = psi
    for axis in cut:
        number = along_first if axis == cut[0] else 2
        if means.shape[axis] < number:
            return None
        cells = np.array_split(np.moveaxis(means, axis, 0), number)
        means = np.moveaxis(np.stack([part.mean(axis=0) for part in cells]), 0, axis)
    rows = means.reshape(-1, psi.shape[3])
    return rows / np.sqrt(len(rows) - 1)
