"""The declared schema of ``results.json``, and the check of a file against it.

The schema of version 2 is the file ``results-2.schema.json`` beside this module; version 1 had no verdicts. `SCHEMAS`
keeps all versions, so that results which were written once can always be read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from microchar.core.errors import InputError
from microchar.core.pictures import decode
from microchar.core.text import one_line
from microchar.core.units import check_voxel_size

#: What the key "schema" of a new file says.
SCHEMA = "microchar.results/2"
#: File of the JSON schema of each version that can be read.
SCHEMAS: Mapping[str, str] = {SCHEMA: "results-2.schema.json", "microchar.results/1": "results-1.schema.json"}
#: Longest description of a fault in a message.
_LONGEST = 200
_FAULT = "not as microchar wrote it"


def schema_of(version: str = SCHEMA) -> dict[str, Any]:
    """Return the JSON schema of a version."""
    text = files("microchar.measurement").joinpath(SCHEMAS[version]).read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def check_record(plain: Any, path: str) -> None:
    """Raise InputError unless the content of a ``results.json`` is a complete record of a version that can be read.

    Parameters
    ----------
    plain : object
        The parsed file.
    path : str
        Name of the file, for messages.
    """
    version = plain.get("schema") if isinstance(plain, dict) else None
    if not isinstance(version, str) or version not in SCHEMAS:
        stated = f"schema {one_line(str(version))!r}" if version else "no schema"
        known = " or ".join(map(repr, SCHEMAS))
        raise InputError(f"{path}: found {stated}, expected {known}; measure again with this version of microchar")
    error = next(_validator(version).iter_errors(plain), None)
    if error is not None:
        fault = error.message if len(error.message) <= _LONGEST else f"{error.message[:_LONGEST]} …"
        raise InputError(f"{path}: {_FAULT}: {error.json_path}: {fault}; was the file edited?")
    for fault in _inconsistencies(plain):
        raise InputError(f"{path}: {_FAULT}: {fault}; was the file edited?")


@cache
def _validator(version: str) -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    items = Draft202012Validator.VALIDATORS["items"]
    return extend(Draft202012Validator, {"items": lambda *arguments: _items(items, *arguments)})(schema_of(version))


def _items(items: Any, validator: Any, schema: Mapping[str, Any], instance: Any, whole: Any) -> Iterator[Any]:
    """Check the items of a list; those of profiles at once, since jsonschema takes 20 µs for each."""
    numbers = schema.get("type") == ["number", "null"] and isinstance(instance, list)
    if numbers and all(
        number is None or (type(number) in (int, float) and schema["minimum"] <= number <= schema["maximum"])
        for number in instance
    ):
        return
    yield from items(validator, schema, instance, whole)


def _inconsistencies(plain: Mapping[str, Any]) -> Iterator[str]:
    """Yield what no schema of single fields can say."""
    names = [volume["name"] for volume in plain["volumes"]]
    if len(set(names)) != len(names):
        yield "two volumes have the same name"
    for volume in plain["volumes"]:
        yield from (f"volume {one_line(volume['name'])!r}: {fault}" for fault in _of_volume(volume))
    for result in plain["results"]:
        where = f"{one_line(result['metric'])!r} of {one_line(result['volume'])!r}"
        if (result["reference"] or result["volume"]) not in names:
            yield f"{where}: no such volume is in the record"
        for profile in result["profiles"]:
            lengths = {len(profile[key]) for key in ("x", "y", "standard_error") if profile[key] is not None}
            if len(lengths) != 1:
                yield f"{where}: a profile has lists of {sorted(lengths)} numbers, expected as many y as x"
        for picture in result["pictures"]:
            yield from (f"{where}: {fault}" for fault in _of_picture(picture["png"]))


def _of_volume(volume: Mapping[str, Any]) -> Iterator[str]:
    try:
        check_voxel_size(volume["voxel_size"], volume["unit"], "voxel_size")
    except InputError as error:
        yield str(error)
    shape: Sequence[int] = volume["shape"]
    positions = volume["slice_positions"]
    if set(positions) != set(volume["slices"]) or any(n >= shape[int(axis)] for axis, n in positions.items()):
        yield f"slices at {positions} of the shape {shape}"
    for png in volume["slices"].values():
        yield from _of_picture(png)
    phases = [phase["name"] for phase in volume["phases"]]
    greys = [phase["grey_value"] for phase in volume["phases"]]
    if len(set(phases)) != len(phases) or greys != sorted(set(greys)):
        yield "its phases are not in ascending order of grey value, or a name is there twice"


def _of_picture(png: str) -> Iterator[str]:
    try:
        levels = decode(png)
    except ValueError as error:
        yield f"a picture that is none ({error})"
        return
    if levels.ndim != 2 or levels.dtype.itemsize != 1:
        yield "a picture that is not of grey levels"
