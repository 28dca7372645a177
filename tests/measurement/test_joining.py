"""Results that were measured before: selected, joined where they are comparable, refused where they are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import microchar as mc
from microchar.core.errors import InputError
from microchar.measurement.joining import joined, selected
from microchar.report.writing import write_report
from oracles.results import made_up
from oracles.verdicts import verdict

pytestmark = pytest.mark.property

METRICS = ["volume_fraction", "lineal_path", "local_porosity"]


def measured(seed, shape=(12, 13, 14), name="volume", **arguments):
    values = np.random.default_rng(seed).random(shape) < 0.4
    volume = mc.as_volume(values.astype(np.uint8), phases=["solid", "pore"], voxel_size="2um", name=name)
    return mc.measure(volume, METRICS, **{"window": 4} | arguments).record(command="microchar measure")


def test_joined_records_hold_the_results_of_each():
    records = {"a/results.json": measured(1, name="real"), "b/results.json": measured(2, name="fake")}
    record = joined(records, command="microchar report")
    assert [(v.name, v.role) for v in record.volumes] == [("real", "reference"), ("fake", "candidate")]
    expected = [named.result for each in records.values() for named in each.results]
    assert [named.result for named in record.results] == expected
    assert [named.volume for named in record.results] == ["real"] * 3 + ["fake"] * 3
    assert record.verdicts == ()
    assert "measured apart: real from a/results.json; fake from b/results.json" in record.notes
    assert record.provenance["command"] == "microchar report"


def test_equal_names_get_a_number():
    record = joined({"a": measured(1), "b": measured(2), "c": measured(3)})
    assert [volume.name for volume in record.volumes] == ["volume", "volume (2)", "volume (3)"]
    assert [named.volume for named in record.results][::3] == ["volume", "volume (2)", "volume (3)"]


def test_a_comparison_is_joined_without_its_pairs():
    record = joined({"a": made_up(2), "b": made_up(1)})
    assert [volume.name for volume in record.volumes] == ["real", "fake 1", "fake 2", "real (2)", "fake 1 (2)"]
    assert not any(named.reference for named in record.results)


def test_a_joined_record_is_reported(tmp_path):
    record = joined({"a": measured(1, name="real"), "b": measured(2, name="fake")})
    page = write_report(record, tmp_path)["report.html"].read_text("utf-8")
    assert "No verdict: the volumes were measured apart; run microchar report on the volumes." in page
    again = mc.measurement.record.Record.read(tmp_path / "results.json")
    assert again.to_dict() == record.to_dict()


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"window": 6}, r"local_porosity: window is '6x6x6 .*' for b and '4x4x4 .*' for a, .*--skip local_porosity"),
        ({"periodic": (0, 1, 2)}, r"volume_fraction: boundary|lineal_path: boundary is 'periodic.*for b and"),
    ],
)
def test_other_conventions_are_refused_with_both_and_the_first_difference(other, message):
    with pytest.raises(InputError, match=message):
        joined({"1": measured(1, name="a"), "2": measured(1, name="b", **other)})


def test_other_phases_and_voxel_sizes_are_refused():
    first = measured(1, name="a")
    volume = replace(first.volumes[0], name="b", phases=first.volumes[0].phases[::-1])
    with pytest.raises(InputError, match="b has the phases pore, solid, a has solid, pore"):
        joined({"1": first, "2": replace(first, volumes=(volume,), results=())})
    volume = replace(first.volumes[0], name="b", voxel_size=(2.0, 2.0, 3.0))
    with pytest.raises(InputError, match=r"b has voxel size 2 × 2 × 3 um, a has 2 × 2 × 2 um.*--resample"):
        joined({"1": first, "2": replace(first, volumes=(volume,), results=())})


def test_other_lags_are_comparable_and_other_shapes_are_noted():
    record = joined({"1": measured(1, name="a"), "2": measured(1, name="b", r_max=3, shape=(12, 12, 12))})
    assert not any("the shapes differ" in note for note in record.notes)  # nothing here depends on the size
    rng = np.random.default_rng(0)
    sizes = [mc.measure(rng.random((n, 12, 12)) < 0.4, ["percolating_fraction"]).record() for n in (12, 16)]
    record = joined({"1": sizes[0], "2": sizes[1]})
    assert "the shapes differ, and percolating_fraction depend on the size of the volume" in record.notes


def test_selected_metrics_are_kept_and_the_verdict_stays():
    record = replace(made_up(1), verdicts=(verdict(),))
    found = selected(record, ["volume_fraction", "glcm"], ["glcm"], "results.json")
    assert {named.result.metric for named in found.results} == {"volume_fraction"}
    assert found.verdicts == record.verdicts
    assert "the verdict rests on all that were measured" in found.notes[-1]
    assert selected(record, None, [], "results.json") == record
    assert len(selected(record, None, ["glcm"], "results.json").results) < len(record.results)


@pytest.mark.parametrize(
    ("metrics", "skip", "message"),
    [
        (["volume_fractio"], [], "'volume_fractio' was not measured; did you mean 'volume_fraction'"),
        (None, ["lineal_path"], "'lineal_path' was not measured"),
        (["glcm"], ["glcm"], "leave none"),
    ],
)
def test_metrics_that_are_not_there_are_refused(metrics, skip, message):
    with pytest.raises(InputError, match=f"some.json: .*{message}"):
        selected(made_up(), metrics, skip, "some.json")


def test_what_is_derived_from_a_skipped_metric_is_not_shown():
    volume = np.random.default_rng(3).random((12, 13, 14)) < 0.4
    record = mc.measure(volume, ["volume_fraction", "glcm", "anisotropy_index"]).record()
    shown = selected(record, None, ["glcm"], "results.json")
    assert {named.result.metric for named in shown.results} == {"volume_fraction"}
