"""`Material`: the phases and the voxel size that turn an array of labels into a volume."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import triple
from microchar.core.phases import MAX_PHASES
from microchar.core.units import canonical_unit, check_voxel_size
from microchar.core.volume import Volume


@dataclass(frozen=True, kw_only=True)
class Material:
    """Phases and voxel size of a material, which turn an array of labels into a `Volume`.

    Parameters
    ----------
    phases : tuple of str
        Names of the phases, in ascending order of grey value.
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
        """Return the material of a volume."""
        return cls(
            phases=volume.phases,
            grey_values=volume.grey_values,
            voxel_size=volume.voxel_size,
            unit=volume.unit,
        )

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any], path: str) -> Material:
        """Return the material that the metadata of a file describe."""
        try:
            material = cls(
                phases=tuple(map(str, plain["phases"])),
                grey_values=tuple(map(operator.index, plain["grey_values"])),
                voxel_size=triple(float(size) for size in plain["voxel_size"]),
                unit=canonical_unit(str(plain["unit"])),
            )
            names = material.phases
            if not 1 <= len(set(names)) == len(names) == len(material.grey_values) <= MAX_PHASES:
                raise ValueError("phases and grey values differ in number, are too many, or a name is there twice")
            check_voxel_size(material.voxel_size, material.unit, "voxel_size")
            greys = material.grey_values
            if list(greys) != sorted(set(greys)) or not -(2**63) <= greys[0] <= greys[-1] < 2**64:
                raise ValueError("grey values are not ascending whole numbers of 64 bits")
        except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
            raise InputError(
                f"{path}: its metadata do not describe a material ({error}); was the file edited?"
            ) from error
        return material

    def table(self) -> np.ndarray:
        """Return the grey value of each label, in the smallest integer type that holds all of them."""
        low, high = min(self.grey_values), max(self.grey_values)
        return np.array(self.grey_values, np.result_type(np.min_scalar_type(low), np.min_scalar_type(high)))

    def volume(
        self, labels: np.ndarray, *, name: str, source: Mapping[str, Any], notes: tuple[str, ...] = ()
    ) -> Volume:
        """Make a volume from labels 0, 1, …, with the grey values, phases and voxel size of the material."""
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
