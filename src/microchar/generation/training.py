"""`TrainingData`: the volume, 2D slices or descriptors to which a generator is fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from microchar.core.errors import InputError
from microchar.core.material import Material
from microchar.core.specimen import Specimen
from microchar.generation.descriptors import Descriptors
from microchar.measurement.measuring import Measurement
from microchar.measurement.record import Record


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingData(Specimen):
    """A volume, 2D slices of known orientation, or descriptors.

    Parameters
    ----------
    material : Material
        Phases and voxel size of the data.
    volume : Volume, optional
        Voxels outside its mask are not used, so a mask defines a train/test split.
    slices : mapping of int to tuple of ndarray, optional
        See `Specimen`.
    descriptors : Descriptors, optional
        Volume fractions and functions of the lag, if there are no voxels.

    Examples
    --------
    >>> import numpy as np
    >>> import microchar as mc
    >>> image = np.eye(8, dtype=np.uint8)
    >>> mc.TrainingData.from_slices({0: [image]}, phases=["pore", "solid"]).material.phases
    ('pore', 'solid')
    >>> s2 = np.array([[0.7, 0.58, 0.53, 0.5], [0.3, 0.18, 0.13, 0.1]])
    >>> known = mc.TrainingData.from_descriptors({"two_point_correlation": {0: s2}}, volume_fraction=[0.7, 0.3])
    >>> known.kind, known.volume_fractions()
    ('descriptors', array([0.7, 0.3]))
    """

    descriptors: Descriptors | None = None

    @property
    def kind(self) -> str:
        """Kind of the data, as in the `inputs` of a `GeneratorSpec`."""
        return "descriptors" if self.descriptors is not None else super().kind

    @classmethod
    def of(cls, data: Any) -> Self:
        """Convert a volume, an array, a specimen or a measurement; training data are returned unchanged."""
        if isinstance(data, Measurement):
            return cls.from_measurement(data)
        if isinstance(data, Specimen) and not isinstance(data, cls):
            return cls(material=data.material, volume=data.volume, slices=data.slices)
        return super().of(data)

    @classmethod
    def from_descriptors(
        cls,
        functions: Mapping[str, Mapping[int, Any]],
        *,
        volume_fraction: Sequence[float],
        material: Material | None = None,
    ) -> Self:
        """Create training data from descriptors; see `Descriptors`.

        Without a material the phases are named "0", "1", ….
        """
        known = Descriptors(volume_fraction=np.asarray(volume_fraction), functions=functions)
        labels = range(len(known.volume_fraction))
        material = material or Material(phases=tuple(map(str, labels)), grey_values=tuple(labels))
        if len(material.phases) != len(labels):
            raise InputError(
                f"volume_fraction: {len(labels)} values, expected one for each of the {len(material.phases)} phases"
            )
        return cls(material=material, descriptors=known)

    @classmethod
    def from_measurement(cls, measurement: Measurement) -> Self:
        """Create training data from the volume fractions and functions of the lag in a measurement."""
        volume = measurement.volume
        return cls(material=Material.of(volume), descriptors=Descriptors.of_results(measurement.results, volume.phases))

    @classmethod
    def from_results(cls, path: str | Path) -> Self:
        """Create training data from a ``results.json`` of ``microchar measure``; see `from_measurement`."""
        record = Record.read(path)
        if len(record.volumes) != 1:
            raise InputError(
                f"{path}: results of {len(record.volumes)} volumes, expected those of one, as from `microchar measure`"
            )
        (volume,) = record.volumes
        plain = {
            "phases": [phase.name for phase in volume.phases],
            "grey_values": [phase.grey_value for phase in volume.phases],
            "voxel_size": volume.voxel_size,
            "unit": volume.unit,
        }
        material = Material.of_plain(plain, str(path))
        results = {named.result.metric: named.result for named in record.results}
        return cls(material=material, descriptors=Descriptors.of_results(results, material.phases, str(path)))

    def volume_fractions(self) -> np.ndarray:
        """Return the volume fraction of each phase."""
        return super().volume_fractions() if self.descriptors is None else self.descriptors.volume_fraction

    def describe(self) -> dict[str, Any]:
        """Return kind, shapes, sha256 of the values and, if known, the file of the data."""
        if self.descriptors is None:
            return super().describe()
        return {"kind": self.kind} | self.descriptors.describe()
