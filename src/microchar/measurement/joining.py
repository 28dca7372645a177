"""Records selected and joined: results that were measured before, shown again without measuring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from microchar.core.errors import InputError
from microchar.core.text import by, did_you_mean
from microchar.measurement.catalogue import METRICS
from microchar.measurement.record import Record, VolumeRecord
from microchar.measurement.selection import left_out
from microchar.measurement.tables import Named

#: Entries of a convention that describe the volume or the run, not the definition of the number.
_OF_THE_VOLUME = ("largest lag in voxels", "solver", "sample", "mask")


def selected(record: Record, metrics: Sequence[str] | None, skip: Sequence[str], path: str) -> Record:
    """Return a record with some of its metrics; verdicts stay as they were concluded.

    Parameters
    ----------
    record : Record
    metrics : sequence of str or None
        Ids of the metrics that are kept; None for all.
    skip : sequence of str
        Ids of metrics that are left out; see `microchar.measurement.selection.left_out`.
    path : str
        The file of the record, for messages.

    Raises
    ------
    InputError
        If a metric is not in the record, or none is left.
    """
    known = list(dict.fromkeys(named.result.metric for named in record.results))
    for name in (*(metrics or ()), *skip):
        if name not in known:
            hint = did_you_mean(name, known)
            raise InputError(f"{path}: metric {name!r} was not measured; {hint}it holds {', '.join(known)}")
    without = left_out(skip, metrics)
    kept = [name for name in known if (metrics is None or name in metrics) and name not in without]
    if not kept:
        raise InputError(f"{path}: --metrics and --skip leave none of {', '.join(known)}; expected at least one")
    if kept == known:
        return record
    note = f"shown are {', '.join(kept)}, of {len(known)} metrics that were measured"
    if record.verdicts:
        note += "; the verdict rests on all that were measured"
    results = tuple(named for named in record.results if named.result.metric in kept)
    return replace(record, results=results, notes=(*record.notes, note))


def joined(records: Mapping[str, Record], **provenance: Any) -> Record:
    """Return one record of volumes that were measured apart: the first volume is the reference. It has no verdict.

    Parameters
    ----------
    records : mapping of str to Record
        Records by the names of their files, at least one.
    **provenance
        Kept in the record, such as the command.

    Raises
    ------
    InputError
        If the phases, the voxel sizes or the conventions of a metric differ.

    Examples
    --------
    >>> import microchar as mc
    >>> real, fake = ([[0, 1], [1, 1]], [[0, 0], [1, 1]])
    >>> records = {str(n): mc.measure(v, ["volume_fraction"]).record() for n, v in enumerate([real, fake])}
    >>> [volume.role for volume in joined(records).volumes]
    ['reference', 'candidate']
    """
    # Pair metrics compare with the reference of their own record.
    single = [replace(r, results=tuple(n for n in r.results if not n.reference)) for r in records.values()]
    together = Record.joined(single)
    roles = ["reference", *["candidate"] * (len(together.volumes) - 1)]
    volumes = [replace(volume, role=role) for volume, role in zip(together.volumes, roles, strict=True)]
    names = iter([volume.name for volume in volumes])
    sources = [f"{', '.join(islice(names, len(r.volumes)))} from {path}" for path, r in records.items()]
    _check_volumes(volumes)
    _check_conventions(together.results)
    notes = [*together.notes, f"measured apart: {'; '.join(sources)}", *_of_size(volumes, together.results)]
    first = next(iter(records.values()))
    apart = provenance | {"measured_apart": list(records)}
    return Record.now(volumes, together.results, first.settings, apart, list(dict.fromkeys(notes)))


def _check_volumes(volumes: Sequence[VolumeRecord]) -> None:
    first = volumes[0]
    for volume in volumes[1:]:
        ours, theirs = ([phase.name for phase in each.phases] for each in (first, volume))
        if ours != theirs:
            raise InputError(
                f"{volume.name} has the phases {', '.join(theirs)}, {first.name} has {', '.join(ours)}: expected the "
                "same names in the same order; measure again with --phases"
            )
        if (volume.unit, volume.voxel_size) != (first.unit, first.voxel_size):
            raise InputError(
                f"{volume.name} has voxel size {by(volume.voxel_size)} {volume.unit}, {first.name} has "
                f"{by(first.voxel_size)} {first.unit}: expected equal ones; measure again with --resample"
            )


def _check_conventions(results: Sequence[Named]) -> None:
    first: dict[str, Named] = {}
    for named in results:
        other = first.setdefault(named.result.metric, named)
        ours, theirs = other.result.convention, named.result.convention
        for key in dict.fromkeys([*ours, *theirs]):
            if key not in _OF_THE_VOLUME and ours.get(key) != theirs.get(key):
                raise InputError(
                    f"{named.result.metric}: {key} is {theirs.get(key, 'not stated')!r} for {named.volume} and "
                    f"{ours.get(key, 'not stated')!r} for {other.volume}, expected the same; measure again in the same "
                    f"way, or leave it out with --skip {named.result.metric}"
                )


def _of_size(volumes: Sequence[VolumeRecord], results: Sequence[Named]) -> list[str]:
    """Return a note on metrics whose expectation depends on the size of the volume, if the sizes differ."""
    if len({volume.shape for volume in volumes}) == 1:
        return []
    installed = METRICS.names()
    measured = dict.fromkeys(named.result.metric for named in results if named.result.metric in installed)
    dependent = [name for name in measured if METRICS.find(name).size_dependent]
    return [f"the shapes differ, and {', '.join(dependent)} depend on the size of the volume"] if dependent else []
