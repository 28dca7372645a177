"""The volumes of a record, read again from their files."""

from __future__ import annotations

from microchar.core.errors import MicrocharError
from microchar.core.volume import Volume
from microchar.measurement.record import Record, VolumeRecord


def recorded_volumes(record: Record) -> list[Volume]:
    """Return the volumes of a record; none if one of them is no longer in its file as it was measured."""
    volumes = []
    for recorded in record.volumes:
        volume = _read(recorded)
        if volume is None:
            return []
        volumes.append(volume)
    return volumes


def _read(recorded: VolumeRecord) -> Volume | None:
    """Return a volume, or None if it was made in memory, changed, cropped or segmented, or cannot be read."""
    from microchar.io.reading import read_volume

    if not recorded.path or not recorded.sha256 or (recorded.masked and not recorded.mask):
        return None
    try:
        volume = read_volume(
            recorded.path,
            voxel_size=[f"{size!r}{recorded.unit}" for size in recorded.voxel_size],
            phases={phase.name: phase.grey_value for phase in recorded.phases},
            mask=recorded.mask or None,
            name=recorded.name,
        )
    except (MicrocharError, OSError):
        return None
    again = VolumeRecord.of(volume, recorded.role)
    same = ("sha256", "mask_sha256", "shape", "slices")
    return volume if all(getattr(again, key) == getattr(recorded, key) for key in same) else None
