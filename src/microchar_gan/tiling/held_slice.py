"""A slice that is given, held while distances are made from noise: each step is corrected near it.

What a step predicts is changed as little as makes the given labels the deepest phases on the
plane of the slice, and the later steps fit everything around it to that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from microchar.generation.streaming import Box
from microchar_gan.networks.distances import CELL, DOUBLING_MARGIN, depths, doubled, of_cells, to_cells

#: Cells on each side of the cell of the slice that are corrected, and that the values on the slice depend on.
_AROUND, _NEEDED = 2, 1
#: Voxels over which a correction decays away from the slice (standard deviation): the distance of a phase is smooth.
_DECAY = 5.0
#: Voxels by which the given phase is to be deeper than all others.
_MARGIN = 0.5
#: Steps of the descent that finds the correction, and their length.
_STEPS, _RATE = 10, 0.9
#: Pixels that are not given.
_FREE = 255


@dataclass(frozen=True, eq=False)
class HeldSlice:
    """The labels of a plane of a volume.

    Parameters
    ----------
    labels : uint8, (rows, columns)
    axis, index : int
        The plane is normal to the axis, at this voxel.
    """

    labels: np.ndarray
    axis: int
    index: int

    #: Least length of the torus along the axis, in voxels: cells are corrected once.
    LEAST = (2 * _AROUND + 1) * CELL

    def cells(self, lengths: tuple[int, ...]) -> np.ndarray:
        """Return the numbers along the axis of the cells that are corrected, on a torus of these lengths."""
        middle = self.index // CELL
        return np.arange(middle - _AROUND, middle + _AROUND + 1) % lengths[self.axis]

    def corrected(self, data: np.ndarray, *, std: np.ndarray, mean: np.ndarray, shift: np.ndarray) -> np.ndarray:
        """Return predicted cells near the slice, changed so that the labels on it are the given ones, or nearly.

        Parameters
        ----------
        data : float32, (channels, …)
            Standardised values of the cells that `cells` names, and of all cells along the other axes.
        std, mean, shift
            Those of the `FlowModel`.
        """
        scale, offset, added = (torch.from_numpy(array).float()[:, None, None, None] for array in (std, mean, shift))
        fields = of_cells(torch.from_numpy(data) * scale) + offset
        labels = self._on_torus(fields)
        given = labels != _FREE
        labels = labels.clamp(max=len(added) - 1)
        profile = self._profile()
        change = torch.zeros_like(fields.select(1 + self.axis, 0)).requires_grad_()
        for _ in range(_STEPS):
            changed = fields + change.unsqueeze(1 + self.axis) * profile
            deep = depths(self._on_plane(changed)) + added[..., 0]
            own = deep.gather(0, labels[None])[0]
            others = deep.scatter(0, labels[None], -torch.inf).amax(dim=0)
            missing = torch.relu(_MARGIN - own + others)[given].square().sum() / 8
            if not missing:
                break
            (slope,) = torch.autograd.grad(missing, change)
            change = (change.detach() - _RATE * slope).requires_grad_()
        changed = fields + change.detach().unsqueeze(1 + self.axis) * profile
        return (to_cells(changed - offset) / scale).numpy()

    def set(self, box: Box, labels: np.ndarray) -> int:
        """Set the labels of the slice in a box of the volume; return how many were others."""
        place = self.index - box[self.axis].start
        if not 0 <= place < labels.shape[self.axis]:
            return 0
        rows, columns = (where for axis, where in enumerate(box) if axis != self.axis)
        given, plane = self.labels[rows, columns], np.moveaxis(labels, self.axis, 0)[place]
        wrong = int(np.count_nonzero(plane != given))
        plane[...] = given
        return wrong

    def _on_torus(self, fields: Tensor) -> Tensor:
        """Return the labels on the whole plane of the torus; those beyond the volume are not given."""
        rows, columns = (2 * n for axis, n in enumerate(fields.shape[1:]) if axis != self.axis)
        labels = torch.full((rows, columns), _FREE, dtype=torch.int64)
        labels[: self.labels.shape[0], : self.labels.shape[1]] = torch.from_numpy(self.labels.astype(np.int64))
        return labels

    def _profile(self) -> Tensor:
        """Return by how much each plane of halved voxels is changed; a change of 1 is one on the slice."""
        places = 2 * torch.arange(2 * (2 * _AROUND + 1)) + 0.5 - _AROUND * CELL - self.index % CELL
        lengths = [1, 1, 1, 1]
        lengths[1 + self.axis] = len(places)
        profile = torch.exp(-((places / _DECAY) ** 2) / 2).reshape(lengths)
        on_plane = self._on_plane(profile.expand([4 if n == 1 else n for n in lengths]).clone()[:1])
        return profile / on_plane.mean()

    def _on_plane(self, fields: Tensor) -> Tensor:
        """Return the fields at the voxels of the slice: (F, …) of the corrected cells → (F, rows, columns)."""
        first = 2 * (_AROUND - _NEEDED)
        fields = fields.narrow(1 + self.axis, first, 2 * (2 * _NEEDED + 1))
        for axis in range(1, 4):
            if axis != 1 + self.axis:
                n = fields.shape[axis]
                ends = (
                    fields.narrow(axis, n - DOUBLING_MARGIN, DOUBLING_MARGIN),
                    fields.narrow(axis, 0, DOUBLING_MARGIN),
                )
                fields = torch.cat([ends[0], fields, ends[1]], dim=axis)
        return doubled(fields).select(1 + self.axis, self.index % CELL)
