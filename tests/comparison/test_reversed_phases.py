"""Phases that mean something else in the candidate than in the reference."""

import numpy as np
import pytest

import microchar as mc
from media import cut_gaussian_field
from microchar.cli.program import main

METRICS = ["volume_fraction", "lineal_path"]


def pair():
    """A volume with 30 % of pores (grey value 0), and another one in which pores are 1."""
    real, fake = (cut_gaussian_field((40, 40, 40), 3.0, seed=seed, fraction=0.7).values for seed in (1, 2))
    return mc.as_volume(real, phases={"pore": 1, "solid": 0}), 1 - fake


@pytest.mark.property
def test_volume_fractions_in_reverse_are_pointed_at():
    real, fake = pair()
    reference = mc.as_volume(1 - real.values, phases={"pore": 0, "solid": 1})
    (verdict,) = mc.compare(reference, real.values, METRICS).verdicts
    assert verdict.word == "different"
    assert "--fake-phases pore=1,solid=0" in verdict.notes[0]
    (right,) = mc.compare(reference, fake, METRICS).verdicts
    assert not right.notes


@pytest.mark.property
def test_named_phases_are_matched_by_their_names():
    reference, _ = pair()
    other = mc.as_volume(1 - reference.values, phases={"pore": 0, "solid": 1})
    found = mc.compare(other, reference, METRICS)
    a, b = (m["volume_fraction"].value(phase="pore").value for m in (found.reference, found.candidates[0]))
    assert a == b == 1 - np.count_nonzero(other.values) / other.values.size
    assert any("by their names" in note for note in found.candidates[0].volume.notes)
    assert found.differences()["difference"].abs().max() == 0


@pytest.mark.property
def test_the_option_of_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    reference, _ = pair()
    np.save("real.npy", 1 - reference.values)
    np.save("fake.npy", reference.values)
    ask = ["report", "real.npy", "fake.npy", "--phases", "pore=0,solid=1", "--metrics", ",".join(METRICS), "-o", "out"]
    assert main([*ask, "--fail-on", "different"]) == 3
    assert main([*ask, "--fake-phases", "pore=1,solid=0", "--fail-on", "too-small"]) == 0
    assert "is not the same material" in capsys.readouterr().out
