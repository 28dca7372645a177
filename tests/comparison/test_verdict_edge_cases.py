"""Verdicts where there is little to compare: few samples, one phase, lines, small masks, absent phases."""

import numpy as np
import pytest

import microchar as mc
from media import cut_gaussian_field
from microchar.core.verdict import Word

METRICS = [
    *("volume_fraction", "specific_surface_area", "two_point_correlation", "lineal_path", "chord_length_distribution"),
    *("largest_cluster_fraction", "percolating_fraction"),
]


def three_phases(seed, n=28):
    a, b = (cut_gaussian_field((n, n, n), 3.0, seed=seed + k).values for k in (0, 70))
    return mc.as_volume((a + (a & b)).astype(np.uint8))


@pytest.mark.property
@pytest.mark.parametrize("samples", [2, 3])
def test_few_samples_of_three_phases(samples):
    named = {f"s{n}": three_phases(n) for n in range(samples)}
    (verdict,) = mc.compare(three_phases(9), named, METRICS, groups={"g": list(named)}).verdicts
    assert verdict.word not in (Word.DIFFERENT, Word.DETECTABLE)
    assert {entry.metric for entry in verdict.entries} >= {"volume_fraction", "two_point_correlation"}
    assert any("too few samples" in note for note in verdict.notes)


@pytest.mark.property
@pytest.mark.parametrize(
    "labels", [np.zeros((12, 12, 12), np.uint8), np.arange(64, dtype=np.uint8).reshape(1, 1, 64) % 2]
)
def test_one_phase_and_lines_are_not_compared(labels):
    (verdict,) = mc.compare(labels, labels, ["volume_fraction", "two_point_correlation"]).verdicts
    assert verdict.word is Word.NOT_COMPARED
    assert "was not compared" in verdict.sentence


@pytest.mark.property
def test_a_phase_that_the_candidate_lacks():
    volume = cut_gaussian_field((32, 32, 32), 3.0, seed=1)
    empty = mc.as_volume(np.zeros((32, 32, 32), np.uint8), phases=dict(zip(volume.phases, (0, 1), strict=True)))
    (verdict,) = mc.compare(volume, empty, METRICS, phases={"solid": 0, "pore": 1}).verdicts
    assert verdict.word is Word.DIFFERENT
    assert verdict.entries[0].metric == "volume_fraction"


@pytest.mark.property
def test_cells_lie_in_the_box_of_the_mask():
    volume = cut_gaussian_field((40, 40, 40), 3.0, seed=1)
    mask = np.zeros(volume.shape, bool)
    mask[:, 12:28, 15:31] = True
    inside = volume.crop((0, 12, 15), (40, 28, 31))
    masked = mc.as_volume(volume.values, phases=volume.phases, mask=mask)
    one, two = (mc.measure(v, ["volume_fraction"])["volume_fraction"].value(phase="pore") for v in (inside, masked))
    assert two.value == one.value
    assert two.standard_error == pytest.approx(one.standard_error, rel=1e-9)


@pytest.mark.property
def test_the_order_of_the_volumes_does_not_hide_an_anisotropy():
    round_ = cut_gaussian_field((64, 64, 64), 3.0, seed=1)
    long = mc.as_volume(
        np.repeat(cut_gaussian_field((32, 64, 64), 3.0, seed=2).values, 2, axis=0), phases=round_.phases
    )
    names = ["volume_fraction", "lineal_path"]
    for pair in ((round_, long), (long, round_)):
        (verdict,) = mc.compare(*pair, names).verdicts
        assert verdict.word is Word.DIFFERENT
        assert {entry.direction for entry in verdict.entries if entry.metric == "lineal_path"} == {"all"}


@pytest.mark.property
@pytest.mark.parametrize(
    ("margins", "says"), [({"glcm": 0.1}, "expected one of"), ({"lineal_path": -1}, "greater than 0")]
)
def test_margins_of_nothing_are_refused(margins, says):
    volume = cut_gaussian_field((16, 16, 16), 3.0, seed=1)
    with pytest.raises(mc.InputError, match=says):
        mc.compare(volume, volume, ["volume_fraction"], margins=margins)


@pytest.mark.property
def test_a_group_of_lines_is_not_compared():
    line = np.arange(64, dtype=np.uint8).reshape(1, 1, 64) % 2
    found = mc.compare(line, {"a": line, "b": line}, ["volume_fraction"], groups={"g": ["a", "b"]})
    assert found.verdicts[0].word is Word.NOT_COMPARED
    assert found.verdicts[0].spread is None
