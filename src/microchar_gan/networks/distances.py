"""Signed distances of phases: made of labels, halved and doubled in resolution, sorted into cells, and labelled again.

A network that generates distances sees smooth fields, of which an eighth of the voxels
tells nearly everything: the surface of a phase, where its distance is zero, is found
again between them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

#: Distances beyond it, in voxels, are cut: far from its surface a phase has no shape.
FARTHEST = 6.0
#: Voxels of an edge of a cell, and values of one field in it: its half-resolution 2 × 2 × 2.
CELL, VALUES = 4, 8
#: Halved voxels beyond each face of a box that doubling its resolution needs.
DOUBLING_MARGIN = 2
#: The cubic through four neighbours, at the middle, and at a quarter of a step to the left of the third.
_MIDDLE = (-1 / 16, 9 / 16, 9 / 16, -1 / 16)
_QUARTER = (-5 / 128, 35 / 128, 105 / 128, -7 / 128)


def n_fields(phases: int) -> int:
    """Return how many distances tell the phases apart: one of two phases is minus the other."""
    return 1 if phases == 2 else phases


def signed_distances(labels: np.ndarray, phases: int) -> np.ndarray:
    """Return the distance of each voxel from the surface of each phase: (D, H, W) → (fields, D, H, W), float32.

    It is positive inside the phase. The surface is halfway between two voxels; lengths
    are in voxels along each axis, whatever their size. Of two phases, the distance of
    the first is enough.
    """
    import edt

    fields = np.empty((n_fields(phases), *labels.shape), np.float32)
    for phase, field in enumerate(fields):
        inside = labels == phase
        for sign, part in ((1, inside), (-1, ~inside)):
            away = edt.edt(part, black_border=False, parallel=1) - 0.5
            field[part] = sign * np.minimum(away[part], FARTHEST)
    return fields


def middles(fields: Tensor) -> Tensor:
    """Interpolate by cubics in the middle of each 2 × 2 × 2 voxels: (…, a+3, b+3, c+3) → (…, a, b, c).

    Every second one along each axis is the field in half the resolution.
    """
    for axis in (-3, -2, -1):
        size = fields.shape[axis] - 3
        fields = _combined(_MIDDLE, [fields.narrow(axis, i, size) for i in range(4)])
    return fields


def doubled(fields: Tensor) -> Tensor:
    """Double the resolution by cubic interpolation: (…, a+4, b+4, c+4) → (…, 2a, 2b, 2c)."""
    for axis in (-3, -2, -1):
        size = fields.shape[axis] - 4
        taps = [fields.narrow(axis, i, size) for i in range(5)]
        at = fields.dim() + axis
        pair = _combined(_QUARTER, taps[:4]), _combined(_QUARTER, taps[:0:-1])
        fields = torch.stack(pair, dim=at + 1).flatten(at, at + 1)
    return fields


def _combined(weights: Sequence[float], taps: Sequence[Tensor]) -> Tensor:
    result = weights[0] * taps[0]
    for weight, tap in zip(weights[1:], taps[1:], strict=True):
        result.add_(tap, alpha=weight)
    return result


def to_cells(fields: Tensor) -> Tensor:
    """Sort halved voxels into cells: (F, 2a, 2b, 2c) → (8F, a, b, c).

    The eight values of a cell are its Haar coefficients: the sum over the cell, and seven
    details, which are differences along one axis, two or all three; divided by the square root of 8.
    """
    count, *lengths = fields.shape
    a, b, c = (n // 2 for n in lengths)
    values = fields.reshape(count, a, 2, b, 2, c, 2)
    for axis in (2, 4, 6):
        values = _sum_and_difference(values, axis)
    return values.permute(0, 2, 4, 6, 1, 3, 5).reshape(VALUES * count, a, b, c)


def of_cells(cells: Tensor) -> Tensor:
    """Undo `to_cells`: (8F, a, b, c) → (F, 2a, 2b, 2c)."""
    channels, a, b, c = cells.shape
    count = channels // VALUES
    values = cells.reshape(count, 2, 2, 2, a, b, c)
    for axis in (1, 2, 3):
        values = _sum_and_difference(values, axis)
    return values.permute(0, 4, 1, 5, 2, 6, 3).reshape(count, 2 * a, 2 * b, 2 * c)


def _sum_and_difference(values: Tensor, axis: int) -> Tensor:
    """Replace pairs along an axis by their sum and their difference over √2; twice is no change."""
    first, second = values.unbind(axis)
    return torch.stack([first + second, first - second], dim=axis) * 0.5**0.5


def spread_of_values(cells: np.ndarray | Tensor, alike: bool) -> np.ndarray:
    """Return the standard deviation of each of the values of cells, (8F,).

    Parameters
    ----------
    cells : (8F, a, b, c)
    alike : bool
        Whether details along different axes are alike: those along equally many axes get equal deviations.
    """
    variances = torch.as_tensor(cells).double().var(dim=(1, 2, 3), correction=0).reshape(-1, VALUES)
    if alike:
        orders = torch.tensor([value.bit_count() for value in range(VALUES)])
        for order in range(4):
            of_order = orders == order
            variances[:, of_order] = variances[:, of_order].mean(dim=1, keepdim=True)
    variances[variances == 0] = 1.0  # a field without details
    return variances.sqrt().flatten().numpy()


def depths(fields: Tensor) -> Tensor:
    """Return how deep each voxel is in each phase, (F, …) → (phases, …): the phase it is deepest in is its label."""
    return torch.cat([fields, -fields]) if len(fields) == 1 else fields
