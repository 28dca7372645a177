"""Local volume fractions of a material: how much of each phase there is around each place, and how that varies.

A network that learns from crops knows nothing of what is longer than they are; volumes
that it makes are more alike than pieces of the material. It is therefore given the
local volume fractions, in training those of the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from microchar.core.volume import OUTSIDE
from microchar_gan.networks.distances import CELL, n_fields
from microchar_gan.networks.fraction_scales import SCALES, WINDOW, gaussian_covariance

#: Lags in cells at which the covariance is compared.
_LAGS = (0, 2, 4, 8, 12, 16, 24, 32)


@dataclass(frozen=True)
class LocalFractions:
    """Volume fractions under a Gaussian window, one value for each cell and independent phase.

    Parameters
    ----------
    values : ndarray
        (fields, D/4, H/4, W/4), standardised over the cells that count.
    inside : ndarray of bool
        Cells that count.
    """

    values: np.ndarray
    inside: np.ndarray

    @classmethod
    def of(cls, labels: np.ndarray, phases: int) -> LocalFractions:
        """Measure the local fractions of a volume; voxels `OUTSIDE` do not count."""
        counted = _in_cells(labels != OUTSIDE)
        weight = np.maximum(_smooth(counted), np.finfo(np.float32).tiny)
        inside = counted > 0
        values = []
        for phase in range(n_fields(phases)):
            local = _smooth(_in_cells(labels == phase)) / weight
            values.append((local - local[inside].mean()) / (local[inside].std() or 1.0))
        return cls(np.stack(values).astype(np.float32), inside)

    @cached_property
    def mixing(self) -> np.ndarray:
        """Matrix that makes independent fields covary as the fractions of the phases do."""
        values = self.values[:, self.inside].astype(np.float64)
        strengths, directions = np.linalg.eigh(values @ values.T / values.shape[1])
        return (directions * np.sqrt(np.maximum(strengths, 0))) @ directions.T

    @cached_property
    def shares(self) -> np.ndarray:
        """Share of the variance at each scale of `SCALES`, from the covariance along the axes."""
        from scipy.optimize import nnls

        lags = [lag for lag in _LAGS if lag <= min(self.inside.shape) // 2]
        measured = np.array([self._covariance(lag) for lag in lags])
        expected = np.stack([gaussian_covariance(np.array(lags) * CELL, scale) for scale in SCALES], axis=1)
        shares, _ = nnls(expected, measured)
        total = shares.sum()
        return shares / total if total > 0 else np.eye(len(SCALES))[0]

    def _covariance(self, lag: int) -> float:
        """Return the covariance at a lag, mean over fields and axes."""
        found = []
        for axis in range(3):
            n = self.inside.shape[axis] - lag
            here, there = np.arange(n), np.arange(lag, lag + n)
            both = self.inside.take(here, axis) & self.inside.take(there, axis)
            if both.any():
                products = self.values.take(here, 1 + axis) * self.values.take(there, 1 + axis)
                found.append(products[:, both].mean())
        return float(np.mean(found)) if found else 0.0


def _in_cells(indicator: np.ndarray) -> np.ndarray:
    """Return the share of voxels of each cell; cells that stick out of the volume are cut off."""
    a, b, c = (n // CELL for n in indicator.shape)
    whole = indicator[: a * CELL, : b * CELL, : c * CELL]
    return whole.reshape(a, CELL, b, CELL, c, CELL).mean(axis=(1, 3, 5), dtype=np.float32)


def _smooth(values: np.ndarray) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(values, WINDOW / CELL, mode="constant", truncate=3)
