"""`Specimen`: the imaged part of a material, a volume or 2D slices."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from microchar.core.errors import InputError
from microchar.core.material import Material
from microchar.core.volume import Volume, as_volume


@dataclass(frozen=True, kw_only=True, eq=False)
class Specimen:
    """The imaged part of a material: a volume, or 2D slices with the axis normal to each.

    Parameters
    ----------
    material : Material
    volume : Volume, optional
    slices : mapping of int to tuple of ndarray, optional
        Labels (uint8) of 2D slices, by the axis normal to them. A slice normal to
        axis 0 has axes (1, 2), one normal to axis 1 has axes (0, 2), one normal to
        axis 2 has axes (0, 1). An isotropic material needs one direction only.

    Examples
    --------
    >>> import numpy as np
    >>> from microchar.core.specimen import Specimen
    >>> image = np.eye(8, dtype=np.uint8)
    >>> Specimen.from_slices({0: [image]}, phases=["pore", "solid"]).material.phases
    ('pore', 'solid')
    """

    material: Material
    volume: Volume | None = None
    slices: Mapping[int, tuple[np.ndarray, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Any) -> Self:
        """Return a specimen unchanged, or make one from a volume or an array; a 2D image becomes one slice."""
        if isinstance(data, cls):
            return data
        volume = as_volume(data)
        if volume.grid.ndim == 2:
            _refuse_mask(volume)
            (normal,) = (axis for axis in range(3) if axis not in volume.grid.axes)
            return cls(material=Material.of(volume), slices={normal: (volume.read().squeeze(normal),)})
        return cls(material=Material.of(volume), volume=volume)

    @classmethod
    def from_slices(cls, slices: Mapping[int, Sequence[Any]], *, voxel_size: Any = None, phases: Any = None) -> Self:
        """Make a specimen from 2D images or one-plane volumes, given by the axis normal to them."""
        images = {
            axis: [as_volume(image, voxel_size=voxel_size, phases=phases) for image in group]
            for axis, group in slices.items()
        }
        every = [image for group in images.values() for image in group]
        if not every:
            raise InputError("slices: found none, expected at least one 2D image")
        first = max(every, key=lambda image: image.n_phases)
        labels: dict[int, tuple[np.ndarray, ...]] = {}
        for axis, group in images.items():
            if axis not in (0, 1, 2):
                raise InputError(f"slices: {axis!r} is no axis, expected 0, 1 or 2")
            labels[axis] = tuple(_labels_like(image, first) for image in group)
        return cls(material=Material.of(first), slices=labels)

    @property
    def kind(self) -> str:
        """Kind of the specimen: "volume" or "slices"."""
        return "volume" if self.volume is not None else "slices"

    def volume_fractions(self) -> np.ndarray:
        """Return the volume fraction of each phase."""
        n = len(self.material.phases)
        pieces = (
            [self.volume.read()] if self.volume is not None else [s for group in self.slices.values() for s in group]
        )
        counts = np.sum([[np.count_nonzero(piece == phase) for phase in range(n)] for piece in pieces], axis=0)
        return counts / counts.sum()

    def describe(self) -> dict[str, Any]:
        """Return a description for the record: kind, shapes, SHA-256 of the labels, and path of the file if known."""
        digest = hashlib.sha256()
        if self.volume is not None:
            for plane in range(self.volume.shape[0]):
                digest.update(self.volume.read((plane, 0, 0), (plane + 1, *self.volume.shape[1:])).tobytes())
            shapes: Any = list(self.volume.shape)
        else:
            for axis in sorted(self.slices):
                for image in self.slices[axis]:
                    digest.update(image.tobytes())
            shapes = {str(axis): [list(image.shape) for image in group] for axis, group in self.slices.items()}
        return {
            "kind": self.kind,
            "shape": shapes,
            "sha256": digest.hexdigest(),
            "path": "" if self.volume is None else str(self.volume.source.get("path", "")),
        }


def _refuse_mask(image: Volume) -> None:
    if image.mask is not None:
        raise InputError(f"{image.name}: slices cannot have a mask; crop the image to the part to train on")


def _labels_like(image: Volume, first: Volume) -> np.ndarray:
    if image.grid.ndim != 2:
        raise InputError(f"{image.name}: expected a 2D image, found shape {image.shape}")
    _refuse_mask(image)
    unknown = sorted(set(image.grey_values) - set(first.grey_values))
    if unknown:
        raise InputError(
            f"{image.name}: grey value {unknown[0]} is not among those of {first.name}, "
            f"{', '.join(map(str, first.grey_values))}"
        )
    table = {grey: label for label, grey in enumerate(first.grey_values)}
    labels = np.array([table[grey] for grey in image.grey_values], np.uint8)[image.read()]
    return labels.reshape([n for n in labels.shape if n > 1])
