"""The schema of results.json: complete, the same as the code, and enforced."""

from __future__ import annotations

import json
import typing
from dataclasses import fields
from pathlib import Path

import pytest

from microchar.core.errors import InputError
from microchar.core.phases import MAX_PHASES
from microchar.core.result import Picture, Profile, Result, Status, Value
from microchar.core.verdict import Curve, Entry, Spread, Verdict, Word
from microchar.measurement.metric import Kind
from microchar.measurement.record import Record, VolumeRecord
from microchar.measurement.schema import SCHEMA, SCHEMAS, schema_of
from oracles.results import made_up

pytestmark = pytest.mark.property

#: Written by the version that introduced the schema; it can be read for good.
FIRST = Path(__file__).parent / "results-1.json"


@pytest.fixture(scope="module")
def content():
    return json.dumps(made_up(n_candidates=1).to_dict())


def refusal(plain):
    with pytest.raises(InputError, match="was the file edited") as caught:
        Record.from_dict(plain, "results.json")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("version", SCHEMAS)
def test_the_schema_is_valid_and_names_its_version(version):
    from jsonschema import Draft202012Validator

    schema = schema_of(version)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == schema["properties"]["schema"]["const"] == version


#: Fields that files of version 2 had not from the beginning.
LATER = {"value": {"n_eff"}, "entry": {"n_eff", "real_scatter", "real_pieces", "curve"}}


def test_the_schema_says_what_the_code_writes():
    schema = schema_of(SCHEMA)["$defs"]
    written = {"volume": VolumeRecord, "value": Value, "profile": Profile, "picture": Picture, "result": Result}
    written |= {"verdict": Verdict, "entry": Entry, "spread": Spread, "curve": Curve}
    for name, cls in written.items():
        names = {field.name for field in fields(cls)} | (
            {"volume", "reference", "baseline"} & set(schema[name]["properties"])
        )
        assert set(schema[name]["properties"]) == names - {"influence"}
        assert set(schema[name]["required"]) == names - {"influence"} - LATER.get(name, set())
    assert schema["status"]["enum"] == [str(status) for status in Status]
    assert schema["verdict"]["properties"]["word"]["enum"] == [str(word) for word in Word]
    assert schema["result"]["properties"]["kind"]["enum"] == list(typing.get_args(Kind))
    assert schema["volume"]["properties"]["phases"]["maxItems"] == MAX_PHASES


def test_results_of_version_1_are_read():
    record = Record.read(FIRST)
    assert [volume.name for volume in record.volumes] == ["real", "fake 1"]
    assert record.results[0].result.value(phase="pore").value == pytest.approx(1 / 3)
    assert {named.result.metric for named in record.results} >= {"glcm", "two_point_correlation", "psnr"}


EDITS = [
    (("volumes",), [], "non-empty"),
    (("volumes", 0, "shape"), [12, 16], "shape"),
    (("volumes", 0, "shape", 1), 0, "shape"),
    (("volumes", 0, "shape", 1), 16.5, "shape"),
    (("volumes", 0, "voxel_size", 2), 1e300, "voxel_size"),
    (("volumes", 0, "unit"), "furlong", "unit"),
    (("volumes", 0, "phases"), [], "phases"),
    (("volumes", 0, "phases", 1, "name"), "pore", "name is there twice"),
    (("volumes", 0, "phases", 1, "grey_value"), -5, "ascending order"),
    (("volumes", 0, "role"), "judge", "role"),
    (("volumes", 0, "slices", "0"), "not base64!", "slices"),
    (("volumes", 0, "slices", "3"), "AAAA", "slices"),
    (("volumes", 0, "slice_positions", "0"), 12, "slices at"),
    (("volumes", 0, "notes"), "a note", "notes"),
    (("volumes", 0, "name"), "fake 1", "same name"),
    (("volumes", 0, "colour"), "blue", "colour"),
    (("results", 0, "volume"), "another", "no such volume"),
    (("results", -1, "reference"), "another", "no such volume"),
    (("results", 0, "status"), "fine", "fine"),
    (("results", 0, "kind"), "essay", "kind"),
    (("results", 0, "symbol"), "{" * 500, "symbol"),
    (("results", 0, "convention", "boundary"), 3, "boundary"),
    (("results", 0, "values", 0, "value"), "0.5", "value"),
    (("results", 0, "values", 0, "value"), True, "value"),
    (("results", 0, "values", 0, "value"), 1e300, "value"),
    (("results", 3, "profiles", 0, "x"), [1.0, 2.0], "as many y as x"),
    (("results", 3, "profiles", 0, "y", 0), "a", "y"),
    (("results", 3, "profiles", 0, "y", 0), 1e200, "y"),
    (("results", 3, "profiles", 0, "standard_error"), 3, "standard_error"),
    (("results", 0, "pictures"), [{"png": "AAAA"}], "pictures"),
    (("notes", 0), None, "notes"),
    (("settings",), [], "settings"),
]


@pytest.mark.parametrize(
    ("path", "value", "named"), EDITS, ids=lambda part: ".".join(map(str, part)) if isinstance(part, tuple) else None
)
def test_an_edited_record_is_refused_and_the_place_named(content, path, value, named):
    plain = json.loads(content)
    *above, last = path
    holder = plain
    for key in above:
        holder = holder[key]
    holder[last] = value
    assert named in refusal(plain)


def test_a_missing_field_is_refused_wherever_it_is(content):
    plain = json.loads(content)
    places = [plain, plain["volumes"][0], plain["results"][0], plain["results"][3]["profiles"][0]]
    for place in places:
        for key in [key for key in place if key != "schema"]:
            value = place.pop(key)
            assert f"'{key}' is a required property" in refusal(plain)
            place[key] = value
    Record.from_dict(plain, "results.json")


def test_a_picture_that_is_none_is_refused(content):
    plain = json.loads(content)
    key = {"phase": "", "direction": "0", "estimator": "", "feature": "", "unit": "", "status": "ok", "message": ""}
    plain["results"][0]["pictures"] = [{**key, "png": "iVBORw0KGgo=", "aspect": 1.0, "caption": ""}]
    assert "a picture that is none" in refusal(plain)


def test_a_slice_that_is_no_picture_is_refused(content):
    plain = json.loads(content)
    plain["volumes"][0]["slices"]["0"] = "iVBORw0KGgo="
    assert "a picture that is none" in refusal(plain)
