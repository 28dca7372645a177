"""Differentiable volume fraction, S2 and lineal path of slices, compared by the L1 term ``descriptor``."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

#: Lags in voxels; those longer than half a slice are not used. S2 at lag 0 is the volume fraction for labels, and
#: less for probabilities between 0 and 1.
LAGS = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
#: The lineal path is a product over all voxels of a segment; short segments tell most.
LONGEST_PATH = 16


def lags_of(edge: int) -> list[int]:
    """Return the lags used for slices of this edge."""
    return [lag for lag in LAGS if lag <= edge // 2]


def slice_descriptors(slices: Tensor) -> Tensor:
    r"""Return the mean descriptors of a batch of slices: (K, P, c, c) of phase probabilities → (2, P, n).

    For each of the two axes of a slice and each phase: the volume fraction, then
    :math:`S_2(r) = \langle p(x)\, p(x + r) \rangle` at `lags_of` the edge, then
    :math:`L(r) = \langle p(x)\, p(x + 1) \cdots p(x + r) \rangle` for r from 1 to
    `LONGEST_PATH`. For labels (0 or 1) these are the estimators of the metrics of
    the same names without periodic boundaries.
    """
    lags = lags_of(slices.shape[-1])
    return torch.stack([_along(p, lags) for p in (slices, slices.transpose(-1, -2))])


def slice_s2(slices: Tensor) -> Tensor:
    """Return the mean of S2 over a batch of slices: (K, P, c, c) → (2, P, n) at `lags_of` their edge."""
    return slice_descriptors(slices)[..., 1 : 1 + len(lags_of(slices.shape[-1]))]


def _along(p: Tensor, lags: Sequence[int]) -> Tensor:
    over = (0, 2, 3)
    means = [p.mean(dim=over)]
    means += [(p[..., : p.shape[-1] - lag] * p[..., lag:]).mean(dim=over) for lag in lags]
    path = p
    for lag in range(1, min(LONGEST_PATH, p.shape[-1] // 2) + 1):
        path = path[..., :-1] * p[..., lag:]
        if lag in lags:
            means.append(path.mean(dim=over))
    return torch.stack(means, dim=-1)
