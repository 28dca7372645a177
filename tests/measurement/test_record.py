"""The record: equal after a round trip through its file, and refused where the file is damaged."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import microchar as mc
from microchar.core.errors import InputError
from microchar.measurement.record import Record, VolumeRecord
from oracles.results import made_up

pytestmark = pytest.mark.property


@pytest.fixture(scope="module")
def record():
    return made_up(n_candidates=2)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results.json"


def test_a_round_trip_through_the_file_changes_nothing(record, path):
    record.write(path)
    again = Record.read(path)
    assert again.to_dict() == record.to_dict()
    assert again.volumes == record.volumes
    assert [named.result.values for named in again.results] == [named.result.values for named in record.results]
    before = path.read_bytes()
    again.write(path)
    assert path.read_bytes() == before


def test_a_measured_volume_survives_the_round_trip(path):
    labels = np.random.default_rng(1).choice([0, 1, 2], (6, 7, 8)).astype(np.uint8)
    volume = mc.as_volume(labels, phases=["pore", "active", "binder"], voxel_size=["1um", "2um", "3um"])
    described = VolumeRecord.of(replace(volume, mask=labels != 2), "measured")
    record = Record.now([described], [], {"periodic": (0, 1), "r_max": "5um"}, {"seed": 3}, ["a note"])
    record.write(path)
    again = Record.read(path)
    assert again.volumes == (described,)
    assert again.to_dict() == record.to_dict()
    assert (described.shape, described.voxel_size, described.unit) == ((6, 7, 8), (1.0, 2.0, 3.0), "um")
    assert described.masked
    assert described.slice_positions == {"0": 3, "1": 3, "2": 4}


def test_json_is_strict_and_keeps_each_list_of_numbers_on_a_line(record, path):
    record.write(path)
    text = path.read_text(encoding="utf-8")
    assert json.loads(text, parse_constant=pytest.fail) == record.to_dict()
    assert max(line.count(",") for line in text.splitlines()) >= 20
    first, *others = record.results
    value = replace(first.result.values[0], value=float("nan"))
    broken = replace(record, results=(replace(first, result=replace(first.result, values=(value,))), *others))
    with pytest.raises(ValueError, match="not JSON compliant"):
        broken.write(path)


def test_lists_inside_texts_are_left_alone(record, path):
    notes = ("[\n1,\n 2]", '"[ 1 ]"', "\\")
    replace(record, notes=notes).write(path)
    assert Record.read(path).notes == notes


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "ends early"),
        (b"II*\x00\xff\xfe", "no text file"),
        (b"volume,metric\n", "no JSON from line 1"),
        (b"[1, 2]", "no schema"),
        (b'{"volumes": []}', "no schema"),
        (b'{"schema": "microchar.results/99"}', "microchar.results/99"),
        (b'{"schema": "microchar.results/2", "volumes": []}', "volumes: .* non-empty"),
    ],
)
def test_what_is_no_results_file_is_refused(path, content, message):
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as refused:
        Record.read(path)
    assert str(path) in str(refused.value)


def test_a_missing_results_file_is_refused(tmp_path, path):
    with pytest.raises(InputError, match="cannot be read"):
        Record.read(path)
    with pytest.raises(InputError, match="cannot be read"):
        Record.read(tmp_path)


def test_a_truncated_results_file_is_refused_wherever_it_ends(record, path):
    record.write(path)
    complete = path.read_bytes()
    for length in range(0, len(complete) - 2, len(complete) // 40):
        path.write_bytes(complete[:length])
        with pytest.raises(InputError, match=r"ends early|no JSON|no text"):
            Record.read(path)


@pytest.mark.parametrize("key", ["metric", "values", "volume"])
def test_an_edited_results_file_is_refused(record, path, key):
    edited = record.to_dict()
    del edited["results"][0][key]
    path.write_text(json.dumps(edited), encoding="utf-8")
    with pytest.raises(InputError, match="was the file edited") as refused:
        Record.read(path)
    assert key in str(refused.value)
