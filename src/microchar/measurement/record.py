"""The record of a measurement or comparison: what ``results.json`` holds, written and read at this one place."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from microchar.core.errors import InputError
from microchar.core.json_text import parse_json
from microchar.core.pictures import middle_slices
from microchar.core.result import Result, Status
from microchar.core.special_files import refuse_special
from microchar.core.text import printable, unused_name
from microchar.core.verdict import Verdict
from microchar.core.volume import Volume
from microchar.measurement.schema import SCHEMA, check_record
from microchar.measurement.tables import Named

#: A list of numbers over several lines, as `json.dumps` indents it. Inside a text no line can break.
_NUMBERS = re.compile(r"\[\n[-+\d.eE,\snul]*\]")
#: What a result in the file has besides the result itself: the names of its volumes.
_NAMES = ("volume", "reference", "baseline")


@dataclass(frozen=True, kw_only=True)
class PhaseRecord:
    """Name and grey value of a phase."""

    name: str
    grey_value: int


@dataclass(frozen=True, kw_only=True)
class VolumeRecord:
    """What is kept of a volume: where it came from, its lattice, its phases, and a slice along each axis.

    Parameters
    ----------
    name, role : str
        What it is called, and "measured", "reference" or "candidate".
    path, sha256, mask, mask_sha256, grey, grey_sha256 : str
        The files that it came from and their checksums; "" where there are none.
    shape, voxel_size, unit
        See `microchar.core.grid.Grid`.
    phases : tuple of PhaseRecord
    masked : bool
    notes : tuple of str
    slices : mapping of str to str
        Middle slice normal to each axis, a PNG in base64; a 2D image has only one.
    slice_positions : mapping of str to int
        Which plane each slice is.
    """

    name: str
    role: str
    path: str = ""
    sha256: str = ""
    mask: str = ""
    mask_sha256: str = ""
    grey: str = ""
    grey_sha256: str = ""
    shape: tuple[int, ...]
    voxel_size: tuple[float, ...]
    unit: str
    phases: tuple[PhaseRecord, ...]
    masked: bool
    notes: tuple[str, ...] = ()
    slices: Mapping[str, str] = field(default_factory=dict)
    slice_positions: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, volume: Volume, role: str) -> VolumeRecord:
        """Describe a volume."""
        files = ("path", "sha256", "mask", "mask_sha256", "grey", "grey_sha256")
        phases = zip(volume.phases, volume.grey_values, strict=True)
        slices = middle_slices(volume)
        return cls(
            name=volume.name,
            role=role,
            **{key: printable(volume.source.get(key, "")) for key in files},
            shape=volume.shape,
            voxel_size=volume.voxel_size,
            unit=volume.unit,
            phases=tuple(PhaseRecord(name=name, grey_value=int(grey)) for name, grey in phases),
            masked=volume.mask is not None,
            notes=tuple(map(printable, volume.notes)),
            slices={str(axis): image for axis, (_, image) in slices.items()},
            slice_positions={str(axis): position for axis, (position, _) in slices.items()},
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain Python objects, fit for JSON."""
        return {
            **vars(self),
            "shape": list(self.shape),
            "voxel_size": list(self.voxel_size),
            "phases": [dict(vars(phase)) for phase in self.phases],
            "notes": list(self.notes),
            "slices": dict(self.slices),
            "slice_positions": dict(self.slice_positions),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> VolumeRecord:
        """Rebuild it from `to_dict`."""
        known = {f.name: plain[f.name] for f in fields(cls)}
        phases = tuple(PhaseRecord(**phase) for phase in plain["phases"])
        tuples = {key: tuple(plain[key]) for key in ("shape", "voxel_size", "notes")}
        return cls(**known | tuples | {"phases": phases})


@dataclass(frozen=True, kw_only=True, eq=False)
class Record:
    """Everything that is kept of a measurement or comparison.

    Parameters
    ----------
    volumes : tuple of VolumeRecord
        The reference first.
    results : tuple of Named
    settings : mapping
        The arguments that were given.
    provenance : mapping
        Versions, time, command.
    notes : tuple of str
        What was assumed or changed to make the volumes comparable.
    verdicts : tuple of Verdict
        What the comparison of each candidate and group concludes.
    """

    volumes: tuple[VolumeRecord, ...]
    results: tuple[Named, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()

    @classmethod
    def now(
        cls,
        volumes: Iterable[VolumeRecord],
        results: Iterable[Named],
        settings: Mapping[str, Any],
        provenance: Mapping[str, Any],
        notes: Sequence[str] = (),
        verdicts: Sequence[Verdict] = (),
    ) -> Record:
        """Make the record of what was just measured; versions and time are added to the provenance."""
        from microchar import __version__

        made = {
            "version": __version__,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "python": platform.python_version(),
            "numpy": np.__version__,
        }
        return cls(
            volumes=tuple(volumes),
            results=tuple(results),
            settings={key: _plain(value) for key, value in settings.items()},
            provenance=made | {key: _plain(value) for key, value in provenance.items()},
            notes=tuple(map(printable, notes)),
            verdicts=tuple(verdicts),
        )

    def without_influence(self) -> Record:
        """Return the record without the influence of the cells, which may be large and is not written."""
        results = (replace(named, result=replace(named.result, influence=None)) for named in self.results)
        return replace(self, results=tuple(results))

    @classmethod
    def joined(cls, records: Iterable[Record]) -> Record:
        """Return one record of several, with settings and provenance of the first.

        A volume of a name that is there already gets a number.
        """
        volumes: list[VolumeRecord] = []
        results: list[Named] = []
        notes: list[str] = []
        settings: Mapping[str, Any] = {}
        provenance: Mapping[str, Any] = {}
        for record in records:
            settings, provenance = settings or record.settings, provenance or record.provenance
            names: dict[str, str] = {}
            for volume in record.volumes:
                names[volume.name] = unused_name(volume.name, {other.name for other in volumes})
                volumes.append(replace(volume, name=names[volume.name]))
            results += [replace(named, volume=names[named.volume]) for named in record.results]
            notes += [note for note in record.notes if note not in notes]
        return cls(
            volumes=tuple(volumes), results=tuple(results), settings=settings, provenance=provenance, notes=tuple(notes)
        )

    @property
    def failed(self) -> tuple[Named, ...]:
        """The results of metrics that ended with an error."""
        return tuple(named for named in self.results if named.result.status == Status.FAILED)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain Python objects: the content of ``results.json``."""
        return {
            "schema": SCHEMA,
            "provenance": dict(self.provenance),
            "settings": dict(self.settings),
            "volumes": [volume.to_dict() for volume in self.volumes],
            "results": [
                {**{key: getattr(named, key) for key in _NAMES}, **named.result.to_dict()} for named in self.results
            ],
            "notes": list(self.notes),
            "verdicts": [verdict.to_dict() for verdict in self.verdicts],
        }

    @classmethod
    def from_dict(cls, plain: Any, path: str) -> Record:
        """Rebuild a record from `to_dict`.

        Raises
        ------
        InputError
            If it is of another version, or not as the schema says. `path` names the file.
        """
        check_record(plain, path)
        return cls(
            volumes=tuple(VolumeRecord.from_dict(volume) for volume in plain["volumes"]),
            results=tuple(_named(entry) for entry in plain["results"]),
            settings=plain["settings"],
            provenance=plain["provenance"],
            notes=tuple(plain["notes"]),
            verdicts=tuple(Verdict.from_dict(verdict) for verdict in plain.get("verdicts", ())),  # not in version 1
        )

    def write(self, path: Path) -> None:
        """Write ``results.json``."""
        write_json(self.to_dict(), path)

    @classmethod
    def read(cls, path: str | Path) -> Record:
        """Read a ``results.json``.

        Parameters
        ----------
        path : str or Path

        Raises
        ------
        InputError
            If the file is missing, is no JSON, ends early, or is of another version.
        """
        path = Path(path)
        refuse_special(path)
        try:
            plain = parse_json(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from error
        except json.JSONDecodeError as error:
            ends = error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated string")
            what = "the file ends early; it was cut off" if ends else f"no JSON from line {error.lineno} on"
            raise InputError(f"{path}: {what}; expected a results.json that microchar wrote") from error
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: no text file; expected a results.json that microchar wrote") from error
        except ValueError as error:
            raise InputError(f"{path}: {error}; expected a results.json that microchar wrote") from error
        return cls.from_dict(plain, str(path))


def write_json(plain: Mapping[str, Any], path: Path) -> None:
    """Write a JSON file: indented, each list of numbers on one line."""
    text = json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False)
    text = _NUMBERS.sub(lambda match: " ".join(match[0].split()), text) + "\n"
    # Half a character of UTF-16 becomes the escape that JSON has for it.
    path.write_bytes(text.encode("utf-8", "backslashreplace"))


def wrote_json(path: Path, schema: str) -> bool:
    """Return whether `write_json` wrote a file whose schema begins with `schema`, as far as its beginning tells."""
    with path.open("rb") as file:
        return re.match(rb'\{\s*"schema": "' + re.escape(schema.encode()), file.read(200)) is not None


def _named(plain: Mapping[str, Any]) -> Named:
    names = {key: plain[key] for key in _NAMES}
    return Named(**names, result=Result.from_dict({key: value for key, value in plain.items() if key not in _NAMES}))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value if isinstance(value, int | float) or value is None else printable(str(value))
