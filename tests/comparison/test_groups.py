"""Groups of samples and several scans: verdicts from the scatter between volumes."""

import numpy as np
import pytest

import microchar as mc
from media import cut_gaussian_field
from microchar.cli.program import main
from microchar.core.verdict import Word

METRICS = ["volume_fraction", "specific_surface_area", "largest_cluster_fraction", "percolating_fraction"]


def fields(length, seeds, **more):
    return [cut_gaussian_field((36, 36, 36), length, seed=seed, **more) for seed in seeds]


@pytest.mark.property
def test_a_group_has_one_verdict_from_the_scatter_between_its_samples():
    real, *samples = fields(3.0, range(10))
    others = fields(3.0, range(50, 58), fraction=0.4)
    named = {f"a{n}": volume for n, volume in enumerate(samples)} | {f"b{n}": v for n, v in enumerate(others)}
    groups = {"ours": [f"a{n}" for n in range(9)], "theirs": [f"b{n}" for n in range(8)]}
    found = mc.compare(real, named, METRICS, groups=groups)
    ours, theirs = found.verdicts
    assert (ours.candidate, theirs.candidate) == ("ours", "theirs")
    assert ours.word not in (Word.DIFFERENT, Word.DETECTABLE)
    assert theirs.word is Word.DIFFERENT
    assert (ours.spread.samples, theirs.spread.samples) == (9, 8)
    assert ours.spread.lower < 1 < ours.spread.upper
    assert ours.spread.word == "no difference seen"


@pytest.mark.property
def test_samples_of_one_volume_fraction_are_too_alike():
    real = cut_gaussian_field((48, 48, 48), 5.0, seed=1)
    rng = np.random.default_rng(0)
    samples = []
    for volume in fields(5.0, range(20, 36)):
        flat = volume.values.copy().ravel()
        wrong = int(flat.sum(dtype=int)) - flat.size // 2  # make the volume fraction the same in all samples
        flat[rng.choice(np.flatnonzero(flat == (wrong > 0)), abs(wrong), replace=False)] ^= 1
        samples.append(flat.reshape(volume.shape))
    names = [f"s{n}" for n in range(len(samples))]
    found = mc.compare(real, dict(zip(names, samples, strict=True)), ["volume_fraction"], groups={"g": names})
    (verdict,) = found.verdicts
    assert verdict.spread.upper < 1
    assert verdict.spread.word == "too alike"


@pytest.mark.property
def test_several_scans_are_one_reference():
    scans = fields(3.0, range(6))
    candidate = cut_gaussian_field((36, 36, 36), 3.0, seed=77)
    found = mc.compare(scans, candidate, METRICS)
    (verdict,) = found.verdicts
    assert verdict.reference == scans[0].name
    assert verdict.word not in (Word.DIFFERENT, Word.DETECTABLE)
    # All scans but the first stand in the tables, for scale.
    assert len(found.candidates) == 6


@pytest.mark.property
@pytest.mark.parametrize(
    ("members", "says"),
    [
        (["a", "a"], "'a' is none of"),
        (["a", "x"], "'x' is none of a; expected the names"),
        (["a"], "found 1; expected"),
    ],
)
def test_a_group_of_nothing_is_refused(members, says):
    volume = fields(3.0, [1])[0]
    with pytest.raises(mc.InputError, match=says):
        mc.compare(volume, {"a": volume}, METRICS, groups={"g": members})


@pytest.mark.property
def test_the_options_of_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number, volume in enumerate(fields(3.0, range(6))):
        mc.write_volume(volume, f"{'scan' if number < 3 else 'fake'}{number}.tif")
    ask = ["report", "scan0.tif", "--group", "our-model=fake*.tif", "--real", "scan*.tif"]
    assert main([*ask, "--metrics", ",".join(METRICS), "-o", "out", "--format", "json"]) == 0
    said = capsys.readouterr().out.splitlines()[0]
    assert "our-model" in said
    assert "scan0" in said
    record = mc.measurement.record.Record.read("out/results.json")
    assert [v.name for v in record.volumes] == ["scan0", "scan1", "scan2", *(f"our-model: fake{n}" for n in (3, 4, 5))]
    assert main(["report", "scan0.tif", "--group", "nothing=no*.tif"]) == 2
    assert "--group no*.tif: no such file" in capsys.readouterr().err
