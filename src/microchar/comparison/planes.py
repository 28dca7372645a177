"""Compare a 2D image with a volume: by slices of the volume, along each direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from microchar.comparison.cutting import plane_of, spread_out
from microchar.core.errors import InputError
from microchar.core.result import Key, Profile, Result, Status, Value
from microchar.core.units import convert
from microchar.core.volume import Volume
from microchar.measurement.metric import Metric, PairMetric

#: Largest number of slices of a volume that are measured in each direction.
SLICES = 8
#: Metrics of transport through a volume. Slices hardly percolate, so that these are measured on them only by name.
NOT_IN_PLANES = (
    *("intrusion", "percolating_fraction", "effective_diffusivity", "tortuosity_factor", "formation_factor"),
    "permeability",
)


@dataclass(frozen=True, eq=False)
class Sample:
    """What is measured of a volume: itself, or some of its slices, whose results are averaged.

    Parameters
    ----------
    volumes : tuple of Volume
        The volume, or the slices.
    slices : str
        Which slices; "" for the volume itself.
    """

    volumes: tuple[Volume, ...]
    slices: str = ""

    def result(self, results: Sequence[Result]) -> Result:
        """Return the result of the volume, or the mean of the results of the slices."""
        return mean_result(results, self.slices) if self.slices else results[0]

    def renamed(self, name: str) -> Sample:
        """Return the sample with another name of its volumes."""
        return replace(self, volumes=tuple(replace(volume, name=name) for volume in self.volumes))

    @property
    def volume(self) -> Volume:
        """The volume, or the middle one of the slices."""
        return self.volumes[len(self.volumes) // 2]


def samples_like(volume: Volume, reference: Volume) -> list[Sample]:
    """Return a volume as one sample or, if the reference is an image, the slices of the volume along each direction."""
    if not (reference.grid.ndim == 2 and volume.grid.ndim == 3):
        return [Sample((volume,))]
    (thin,) = (axis for axis in range(3) if axis not in reference.grid.axes)
    return [_slices(volume, normal, thin, reference) for normal in range(3)]


def _slices(volume: Volume, normal: int, thin: int, reference: Volume) -> Sample:
    across = tuple(axis for axis in range(3) if axis != normal)
    planes = np.arange(volume.shape[normal]) if volume.mask is None else np.flatnonzero(volume.mask.any(axis=across))
    images = []
    for place in spread_out(len(planes), SLICES + 2)[1:-1] or [0]:
        image = plane_of(volume, normal, int(planes[place]), thin)
        if volume.unit != "voxel" and reference.unit != "voxel":  # the thickness of an image is never used
            size = list(image.voxel_size)
            size[thin] = convert(reference.voxel_size[thin], reference.unit, volume.unit)
            image = replace(image, voxel_size=(size[0], size[1], size[2]))
        images.append(replace(image, name=f"{volume.name}, normal to {normal}"))
    return Sample(tuple(images), f"mean of {len(images)} slices normal to axis {normal}")


def for_planes(metrics: Sequence[Metric], *, named: bool) -> list[Metric]:
    """Return the metrics of images; refuse metrics of registered pairs if they were named."""
    paired = [metric.id for metric in metrics if isinstance(metric, PairMetric)]
    if named and paired:
        raise InputError(
            f"{', '.join(paired)}: measured on slices of the same index, which an image and a volume do not have; "
            "leave them out of the metrics"
        )
    return [metric for metric in metrics if named or not (metric.id in NOT_IN_PLANES or metric.id in paired)]


def mean_result(results: Sequence[Result], sample: str) -> Result:
    """Return the mean of results of one metric; it is over those slices that have the value.

    Parameters
    ----------
    results : sequence of Result
    sample : str
        What the mean is over, for the convention record.
    """
    failed = next((result for result in results if result.status == Status.FAILED), None)
    if failed is not None:
        return failed
    first = next((result for result in results if result.status == Status.OK), results[0])
    values: dict[Key, list[Value]] = {}
    profiles: dict[Key, list[Profile]] = {}
    for result in results:
        for value in result.values:
            values.setdefault(value.key, []).append(value)
        for profile in result.profiles:
            profiles.setdefault(profile.key, []).append(profile)
    return replace(
        first,
        convention={**first.convention, "sample": sample},
        values=tuple(_mean_value(entries, len(results)) for entries in values.values()),
        profiles=tuple(_mean_profile(entries) for entries in profiles.values()),
        pictures=(),
    )


def _mean_value(values: Sequence[Value], slices: int) -> Value:
    known = [value.value for value in values if value.value is not None]
    if not known:
        return values[0]
    without = [value for value in values if value.value is None]
    first = next(value for value in values if value.value is not None)
    alike = len({value.status for value in values}) == 1
    status, message = (first.status, first.message) if alike else (Status.OK, "")
    if without:
        message = f"mean of {len(known)} of {slices} slices; {without[0].message}"
    return replace(first, value=float(np.mean(known)), lower=None, upper=None, status=status, message=message)


def _mean_profile(profiles: Sequence[Profile]) -> Profile:
    longest = max(profiles, key=lambda profile: len(profile.x))
    # Beyond its largest size, a cumulative distribution is 1 and a density 0.
    beyond = 1.0 if longest.feature == "cdf" else 0.0
    curves = np.array([np.interp(longest.x, profile.x, profile.y, right=beyond) for profile in profiles])
    known = np.isfinite(curves)
    sums = np.where(known, curves, 0.0).sum(axis=0)
    mean = np.divide(sums, known.sum(axis=0), out=np.full(len(longest.x), np.nan), where=known.any(axis=0))
    return replace(longest, y=mean)
