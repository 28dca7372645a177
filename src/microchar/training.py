"""What a generator is fitted to: a volume, 2D slices or descriptors, and the material they are of."""

from __future__ import annotations

import hashlib
import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from microchar.descriptors import Descriptors, read_results
from microchar.errors import InputError
from microchar.units import canonical_unit
from microchar.volume import Volume, as_volume

if TYPE_CHECKING:
    from microchar.generator import GeneratorSpec, Input
    from microchar.measurement import Measurement


@dataclass(frozen=True, kw_only=True)
class Material:
    """Phases and voxel size: what labels need to become a `Volume`.

    Parameters
    ----------
    phases : tuple of str
        Names in ascending order of grey value.
    grey_values : tuple of int
        Grey value of each phase.
    voxel_size, unit
        See `Volume`.
    """

    phases: tuple[str, ...]
    grey_values: tuple[int, ...]
    voxel_size: tuple[float, float, float] = (1.0, 1.0, 1.0)
    unit: str = "voxel"

    @classmethod
    def of(cls, volume: Volume) -> Material:
        """Return that of a volume."""
        return cls(
            phases=volume.phases,
            grey_values=volume.grey_values,
            voxel_size=volume.voxel_size,
            unit=volume.unit,
        )

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any], path: str) -> Material:
        """Return the one that a file describes."""
        try:
            sizes = [float(size) for size in plain["voxel_size"]]
            material = cls(
                phases=tuple(map(str, plain["phases"])),
                grey_values=tuple(map(operator.index, plain["grey_values"])),
                voxel_size=(sizes[0], sizes[1], sizes[2]),
                unit=canonical_unit(str(plain["unit"])),
            )
            if not 1 <= len(material.phases) == len(material.grey_values):
                raise ValueError("phases and grey values are not as many")
            if not all(0 < size < math.inf for size in material.voxel_size):
                raise ValueError("a voxel has no size")
            greys = material.grey_values
            if list(greys) != sorted(set(greys)) or not -(2**63) <= greys[0] <= greys[-1] < 2**63:
                raise ValueError("grey values are not ascending whole numbers of 64 bits")
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise InputError(f"{path}: its metadata describe no material ({error}); was the file edited?") from error
        return material

    def table(self) -> np.ndarray:
        """Return the grey value of each label, in the smallest type of integer that holds them all."""
        low, high = min(self.grey_values), max(self.grey_values)
        return np.array(self.grey_values, np.result_type(np.min_scalar_type(low), np.min_scalar_type(high)))

    def volume(
        self, labels: np.ndarray, *, name: str, source: Mapping[str, Any], notes: tuple[str, ...] = ()
    ) -> Volume:
        """Make a volume of labels 0, 1, …: their grey values, the phases and the voxel size of the material."""
        return Volume(
            values=self.table()[labels],
            grey_values=self.grey_values,
            phases=self.phases,
            voxel_size=self.voxel_size,
            unit=self.unit,
            name=name,
            source=source,
            notes=notes,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingData:
    """A volume, or 2D slices with the axis each is normal to, or descriptors alone.

    Parameters
    ----------
    volume : Volume, optional
        Voxels outside its mask are not for training: a train/test split is a mask.
    slices : mapping of int to tuple of ndarray, optional
        Labels (uint8) of 2D slices, by the axis they are normal to. A slice
        normal to axis 0 has axes (1, 2), to axis 1 (0, 2), to axis 2 (0, 1).
        An isotropic material needs one direction only.
    descriptors : Descriptors, optional
        Volume fractions and functions of the lag, where there are no voxels.
    material : Material
        Of the data.

    Examples
    --------
    >>> import numpy as np
    >>> from microchar.training import TrainingData
    >>> image = np.eye(8, dtype=np.uint8)
    >>> TrainingData.from_slices({0: [image]}, phases=["pore", "solid"]).material.phases
    ('pore', 'solid')
    >>> s2 = np.array([[0.7, 0.58, 0.53, 0.5], [0.3, 0.18, 0.13, 0.1]])
    >>> known = TrainingData.from_descriptors({"two_point_correlation": {0: s2}}, volume_fraction=[0.7, 0.3])
    >>> known.kind, known.volume_fractions()
    ('descriptors', array([0.7, 0.3]))
    """

    material: Material
    volume: Volume | None = None
    slices: Mapping[int, tuple[np.ndarray, ...]] = field(default_factory=dict)
    descriptors: Descriptors | None = None

    @property
    def kind(self) -> Input:
        """Which of these it is, as a `GeneratorSpec` names its inputs."""
        if self.volume is not None:
            return "volume"
        return "descriptors" if self.descriptors is not None else "slices"

    @classmethod
    def of(cls, data: Any) -> TrainingData:
        """Take training data as they are, and make a volume, an array or a measurement training data."""
        from microchar.measurement import Measurement

        if isinstance(data, TrainingData):
            return data
        if isinstance(data, Measurement):
            return cls.from_measurement(data)
        volume = as_volume(data)
        if volume.grid.ndim == 2:
            _refuse_mask(volume)
            (normal,) = (axis for axis in range(3) if axis not in volume.grid.axes)
            return cls(material=Material.of(volume), slices={normal: (volume.read().squeeze(normal),)})
        return cls(material=Material.of(volume), volume=volume)

    @classmethod
    def from_slices(
        cls, slices: Mapping[int, Sequence[Any]], *, voxel_size: Any = None, phases: Any = None
    ) -> TrainingData:
        """Make training data of 2D images or volumes of one plane, by the axis they are normal to."""
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

    @classmethod
    def from_descriptors(
        cls,
        functions: Mapping[str, Mapping[int, Any]],
        *,
        volume_fraction: Sequence[float],
        material: Material | None = None,
    ) -> TrainingData:
        """Make training data of descriptors, see `Descriptors`; phases "0", "1", … unless a material is given."""
        known = Descriptors(volume_fraction=np.asarray(volume_fraction), functions=functions)
        labels = range(len(known.volume_fraction))
        material = material or Material(phases=tuple(map(str, labels)), grey_values=tuple(labels))
        if len(material.phases) != len(labels):
            raise InputError(f"volume_fraction: of {len(labels)} phases, the material has {len(material.phases)}")
        return cls(material=material, descriptors=known)

    @classmethod
    def from_measurement(cls, measurement: Measurement) -> TrainingData:
        """Make training data of what was measured: volume fractions, two-point correlation, lineal path."""
        volume = measurement.volume
        return cls(material=Material.of(volume), descriptors=Descriptors.of_results(measurement.results, volume.phases))

    @classmethod
    def from_results(cls, path: str | Path) -> TrainingData:
        """Make training data of the ``results.json`` that ``microchar measure`` wrote, as `from_measurement` does."""
        about, results = read_results(Path(path))
        material = Material.of_plain(about, str(path))
        return cls(material=material, descriptors=Descriptors.of_results(results, material.phases, str(path)))

    def check_against(self, spec: GeneratorSpec, name: str) -> None:
        """Raise InputError unless a generator of that spec can be fitted to these data."""
        if self.kind not in spec.inputs:
            raise InputError(f"generator {name!r} is made from {' or '.join(spec.inputs)}, found {self.kind}")
        least, most = spec.phases
        n = len(self.material.phases)
        if not least <= n <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            raise InputError(f"generator {name!r} needs {wanted} phases, the training data have {n}")
        fractions = self.volume_fractions()
        absent = [phase for phase, share in zip(self.material.phases, fractions, strict=True) if share == 0]
        if absent:
            raise InputError(
                f"generator {name!r}: phase {absent[0]!r} has no voxels in the training data; "
                "there is nothing to learn of it"
            )

    def volume_fractions(self) -> np.ndarray:
        """Return the share of each phase."""
        if self.descriptors is not None:
            return self.descriptors.volume_fraction
        n = len(self.material.phases)
        pieces = (
            [self.volume.read()] if self.volume is not None else [s for group in self.slices.values() for s in group]
        )
        counts = np.sum([[np.count_nonzero(piece == phase) for phase in range(n)] for piece in pieces], axis=0)
        return counts / counts.sum()

    def describe(self) -> dict[str, Any]:
        """Return what was trained on, for the record: kind, shapes, sha256 of the values, file if known."""
        if self.descriptors is not None:
            return {"kind": self.kind} | self.descriptors.describe()
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
        raise InputError(f"{image.name}: slices cannot have a mask; crop the image to what may be learnt from")


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
