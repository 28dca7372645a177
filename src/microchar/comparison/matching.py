"""Make volumes comparable: equal phases and voxel sizes, a common shape, unique names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Triple, triple
from microchar.core.text import by, unused_name
from microchar.core.units import convert
from microchar.core.volume import Volume, as_volume

#: Difference of volume fractions from which on phases may be reversed, and the share of it that may remain then.
_FAR_APART, _MIRRORED = 0.1, 0.2
#: Relative difference up to which voxel sizes count as equal: TIFF stores resolutions as rounded fractions.
_SAME_VOXEL_SIZE = 1e-3


def named_volume(data: Any, name: str, **arguments: Any) -> Volume:
    """Convert an array to a volume with the given name; a `Volume` keeps its own name."""
    return as_volume(data, **arguments) if isinstance(data, Volume) else as_volume(data, name=name, **arguments)


def match_whole(candidate: Volume, reference: Volume, *, named_phases: bool) -> Volume:
    """Match a candidate that must also have the same axes as the reference; see `match`."""
    if candidate.grid.axes != reference.grid.axes:
        raise InputError(
            f"{candidate.name} has shape {candidate.shape}, {reference.name} {reference.shape}: "
            "compare images with images, and volumes with volumes; a volume may also be compared with a reference "
            "that is an image"
        )
    return match(candidate, reference, named_phases=named_phases)


def match(candidate: Volume, reference: Volume, *, named_phases: bool) -> Volume:
    """Return a candidate with the phases and the voxel size of a reference; their shapes may differ.

    Parameters
    ----------
    candidate, reference : Volume
    named_phases : bool
        Whether the user named the phases of the reference; the candidate may then lack some of them.

    Raises
    ------
    InputError
        If the phases or the voxel sizes differ.
    """
    return _same_voxels(_same_phases(candidate, reference, named_phases), reference)


def _same_phases(candidate: Volume, reference: Volume, named_phases: bool) -> Volume:
    if set(candidate.phases) == set(reference.phases) and candidate.phases != reference.phases:
        return _in_order(candidate, reference)
    present, known = set(candidate.grey_values), set(reference.grey_values)
    if present == known or (named_phases and present < known):
        return replace(candidate, grey_values=reference.grey_values, phases=reference.phases)
    if len(present) != len(known):
        missing, extra = sorted(known - present), sorted(present - known)
        phases = "phase" if len(present) == 1 else "phases"
        raise InputError(
            f"{candidate.name} has {len(present)} {phases} (grey values {_listed(present)}), "
            f"{reference.name} has {len(known)} ({_listed(known)}): "
            + (f"{_listed(missing)} missing from {candidate.name}" if missing else "")
            + ("; " if missing and extra else "")
            + (f"{_listed(extra)} not in {reference.name}" if extra else "")
            + "; segment both alike, or name all phases with phases= (--phases) if one is meant to be absent"
        )
    note = (
        f"grey values {_listed(present)} of {candidate.name} were matched to {_listed(known)} of {reference.name}, "
        "in ascending order"
    )
    return replace(candidate, phases=reference.phases, notes=(*candidate.notes, note))


def _in_order(candidate: Volume, reference: Volume) -> Volume:
    """Renumber the phases of a candidate, which have the names of those of the reference, in another order."""
    table = np.zeros(256, np.uint8)
    for label, phase in enumerate(candidate.phases):
        table[label] = reference.phases.index(phase)
    note = "the phases were matched by their names"
    return replace(
        candidate,
        values=table[replace(candidate, mask=None).read()],
        grey_values=tuple(range(len(reference.phases))),
        phases=reference.phases,
        notes=(*candidate.notes, note),
    )


def mirrored(candidate: Volume, ours: Mapping[str, float], theirs: Mapping[str, float]) -> str:
    """Return a warning if the phases of a candidate seem to be those of the reference in reverse; "" if they do not.

    Parameters
    ----------
    candidate : Volume
    ours, theirs : mapping of str to float
        Volume fractions of the reference and of the candidate, by phase.
    """
    if len(ours) != 2:
        return ""
    first, second = ours
    apart = abs(ours[first] - theirs[first])
    if apart < _FAR_APART or abs(ours[first] - theirs[second]) > _MIRRORED * apart:
        return ""
    low, high = candidate.grey_values[:2]
    return (
        f"the volume fractions of {candidate.name} are those of the reference in reverse: are its phases "
        f"{first}={high},{second}={low}? Then say so with --fake-phases {first}={high},{second}={low} (in Python, name "
        "the phases of the candidate with as_volume)"
    )


def _listed(greys: Iterable[int]) -> str:
    return ", ".join(str(grey) for grey in sorted(greys))


def _same_voxels(candidate: Volume, reference: Volume) -> Volume:
    if candidate.unit == "voxel" and candidate.voxel_size == (1.0, 1.0, 1.0):
        if reference.unit == "voxel" and reference.voxel_size == candidate.voxel_size:
            return candidate
        note = f"{candidate.name} has no voxel size; that of {reference.name}, {_edges(reference)}, is used"
        return replace(candidate, voxel_size=reference.voxel_size, unit=reference.unit, notes=(*candidate.notes, note))
    if (candidate.unit == "voxel") == (reference.unit == "voxel"):
        converted = [convert(size, candidate.unit, reference.unit) for size in candidate.voxel_size]
        # The thickness of an image is not compared.
        axes = list(reference.grid.axes if candidate.grid.axes == reference.grid.axes else range(3))
        if np.allclose(np.array(converted)[axes], np.array(reference.voxel_size)[axes], rtol=_SAME_VOXEL_SIZE, atol=0):
            return replace(candidate, voxel_size=reference.voxel_size, unit=reference.unit)
    sizes = f"{candidate.name} has {_size(candidate)}, {reference.name} has {_size(reference)}"
    raise InputError(f"{sizes}: {_advice(candidate, reference)}")


def _advice(candidate: Volume, reference: Volume) -> str:
    if reference.unit == "voxel" != candidate.unit:
        return f"give the voxel size of {reference.name} with voxel_size= (--voxel-size, for all files)"
    return (
        "resample one of them with resample() (--resample SIZE, for all volumes), or give the right voxel size with "
        "voxel_size= (--voxel-size, for all volumes)"
    )


def _size(volume: Volume) -> str:
    if volume.unit == "voxel" and volume.voxel_size == (1.0, 1.0, 1.0):
        return "no voxel size"
    return f"voxel size {_edges(volume)}"


def _edges(volume: Volume) -> str:
    return f"{by(volume.voxel_size)} {volume.unit}"


def unique_names(volumes: Sequence[Volume]) -> list[Volume]:
    """Return the volumes with unique names: a number is added to a name that occurs again."""
    unique: list[Volume] = []
    for volume in volumes:
        name = unused_name(volume.name, {other.name for other in unique})
        unique.append(volume if name == volume.name else replace(volume, name=name))
    return unique


def common_shape(volumes: Sequence[Volume]) -> Triple:
    """Return the largest shape that fits into all volumes."""
    return triple(min(volume.shape[axis] for volume in volumes) for axis in range(3))


def leading(volume: Volume, shape: Triple) -> Volume:
    """Return the leading crop of a volume, or the volume itself if it has that shape."""
    return volume if volume.shape == shape else volume.crop((0, 0, 0), shape)
