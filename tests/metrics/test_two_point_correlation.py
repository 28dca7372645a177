"""S2: exact values, ensembles of known truth, the slow definition, real volumes."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microchar as mc
from measured import assert_is_the_truth, counts_of, directional
from media import media, random_volume
from microchar.generators.gaussian_field import cut_gaussian_field
from microchar.metrics import TwoPointCorrelation, _radial
from microchar.metrics._radial import SetVoxels, ends_at_all_lags, pairs_at_all_lags
from oracles import correlation as naive

ALL = (0, 1, 2)
REALISATIONS = 24


def by_phase(numbers):
    return [numbers.get(phase, 0) for phase in range(3)]


@pytest.mark.analytic
def test_s2_of_a_written_line():
    line = mc.as_volume([[1, 1, 0, 1, 0, 0, 0, 1, 1, 1, 1, 0]])
    found = directional(line, TwoPointCorrelation(r_max=11), "2")
    assert found == pytest.approx(np.array([7, 4, 3, 2, 1, 1, 2, 3, 2, 2, 1, 0]) / np.arange(12, 0, -1), abs=1e-15)
    around = directional(line, TwoPointCorrelation(r_max=11, periodic=(2,)), "2")
    assert around == pytest.approx(np.array([7, 4, 4, 4, 3, 4, 4, 4, 3, 4, 4, 4]) / 12, abs=1e-15)
    # On a line there are no other directions: the radial average is the same.
    assert directional(line, TwoPointCorrelation(r_max=11), "radial") == pytest.approx(found, abs=1e-15)


@pytest.mark.analytic
@pytest.mark.parametrize("n_phases", [2, 3])
def test_s2_summed_over_all_lags_is_the_square_of_the_fraction_of_each_line(n_phases):
    volume = random_volume(n_phases=n_phases)
    result = TwoPointCorrelation(r_max=(8, 9, 11), periodic=ALL)(volume)
    for axis, phase in product(range(3), range(n_phases)):
        n = volume.shape[axis]
        lines = (volume.values == phase).mean(axis=axis)
        total = result.profile(phase=str(phase), direction=str(axis)).y.sum()
        assert total == pytest.approx(n * (lines**2).mean(), rel=1e-12)


@pytest.mark.analytic
def test_s2_of_the_complement():
    volume = random_volume()
    result = TwoPointCorrelation(r_max=5, periodic=ALL)(volume)
    fraction = (volume.values == 0).mean()
    for direction in ("0", "1", "2", "mean", "radial"):
        own, other = (result.profile(phase=phase, direction=direction).y for phase in "01")
        assert other == pytest.approx(own - 2 * fraction + 1, rel=1e-12)


@pytest.mark.analytic
def test_lags_are_lengths():
    volume = mc.as_volume(random_volume().values, voxel_size="0.5,1,2um")
    result = TwoPointCorrelation(r_max="4um")(volume)
    assert result.profile(phase="1", direction="0").x.tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4]
    assert result.profile(phase="1", direction="2").x.tolist() == [0, 2, 4]
    assert result.profile(phase="1", direction="mean").x.tolist() == [0, 2, 4]
    assert result.profile(phase="1", direction="2").x_unit == "um"


@pytest.mark.analytic
def test_a_gaussian_field_cut_at_its_median():
    lengths, reach = (3.0, 4.0, 6.0), 12
    samples = [
        TwoPointCorrelation(r_max=reach, periodic=ALL)(
            cut_gaussian_field((48, 56, 64), correlation_length=lengths, seed=seed)
        )
        for seed in range(REALISATIONS)
    ]
    for axis, length in enumerate(lengths):
        truth = 0.25 + np.arcsin(np.exp(-((np.arange(reach + 1) / length) ** 2))) / (2 * np.pi)
        assert_is_the_truth([s.profile(phase="1", direction=str(axis)).y for s in samples], truth, resolution=6e-3)
    # Radially: the mean of the truth over the lag vectors of each shell.
    steps = np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing="ij")
    far = np.sqrt(sum(step**2 for step in steps))
    square = sum((step / length) ** 2 for step, length in zip(steps, lengths, strict=True))
    both = 0.25 + np.arcsin(np.exp(-square)) / (2 * np.pi)
    shells = (far + 0.5).astype(int)
    truth = [both[(shells == shell) & (far <= reach)].mean() for shell in range(reach + 1)]
    assert_is_the_truth([s.profile(phase="1", direction="radial").y for s in samples], truth, resolution=6e-3)


@pytest.mark.oracle
@settings(deadline=None, max_examples=40)
@given(media())
def test_pairs_along_the_axes_are_the_slow_ones(medium):
    volume, r_max, periodic, edge = medium
    counts = counts_of(TwoPointCorrelation(r_max=r_max, periodic=periodic, radial=False), volume, edge)
    for axis in volume.grid.axes:
        for lag in range(r_max[axis] + 1):
            both, valid = naive.pairs(volume.read(), naive.along(axis, lag), periodic)
            assert counts[f"pairs {axis}"][:, lag].tolist() == by_phase(both)
            assert counts[f"valid {axis}"][lag] == valid


@pytest.mark.oracle
@settings(deadline=None, max_examples=25)
@given(
    medium=media().filter(lambda medium: medium[0].shape != (2, 2, 70)),  # slow in Python, and nothing new
    sizes=st.sampled_from([(1.0, 1.0, 1.0), (0.1, 0.3, 0.15), (2.0, 0.7, 1.4)]),
)
@pytest.mark.parametrize(
    ("few", "in_memory"),
    # All compared; transformed whole; in as few classes of waves as fit into memory, and in as many as there may be.
    [(10**6, 10**9), (0, 10**9), (0, 3000), (0, 0)],
)
def test_the_radial_pairs_are_the_slow_ones(few, in_memory, medium, sizes):
    volume, r_max, periodic, _ = medium
    volume = mc.as_volume(volume, voxel_size=sizes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_radial, "_FEW_LAGS", few)
        patch.setattr(_radial, "_PART", in_memory)
        counts = counts_of(TwoPointCorrelation(r_max=r_max, periodic=periodic), volume)
    reach = [r_max[axis] if axis in volume.grid.axes else 0 for axis in range(3)]
    shells = naive.shells(volume.shape, sizes, reach, volume.read(), periodic)
    assert len(counts["radial lengths"]) == len(shells)
    for shell, (lengths, both, valid) in shells.items():
        assert counts["radial lengths"][shell] == pytest.approx(np.mean(lengths))
        assert counts["radial pairs"][:, shell].tolist() == by_phase(both)
        assert [counts["radial valid"][shell]] == valid


@pytest.mark.oracle
@pytest.mark.parametrize("in_memory", [10**9, 5 * 10**6, 0])
@pytest.mark.parametrize("kind", ["noise", "full", "layers"])
def test_radial_pairs_of_a_large_volume_are_exact(kind, in_memory, monkeypatch):
    # 4 million voxels: more than single precision counts exactly. Layers are correlated at all lags.
    shape, reach = (160, 150, 170), (40, 30, 50)
    set_ = np.random.default_rng(0).random(shape) < 0.3 if kind == "noise" else np.ones(shape, bool)
    if kind == "layers":
        set_[:, :, ::2] = False
    monkeypatch.setattr("microchar.core.scratch.IN_MEMORY", 0)
    monkeypatch.setattr(_radial, "_PART", in_memory)  # 1, 9 and 29 classes of waves
    voxels = SetVoxels(lambda first, last: set_[first:last], shape, (1,))
    ends = ends_at_all_lags(voxels, reach, 2)
    found = pairs_at_all_lags(voxels, reach, ends, 2)
    for lag in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (40, 30, 50), (-40, 30, -50), (-7, 20, 13)]:
        there = np.roll(set_, -lag[1], axis=1)
        here, there = (np.moveaxis(a, 1, 0) for a in (set_, there))
        starts = [slice(max(0, -step), n - max(0, step)) for step, n in ((lag[0], 160), (lag[2], 170))]
        stops = [slice(max(0, step), n - max(0, -step)) for step, n in ((lag[0], 160), (lag[2], 170))]
        first, second = here[:, starts[0], starts[1]], there[:, stops[0], stops[1]]
        place = (lag[0] + 40, lag[1], lag[2] + 50)
        assert found[place] == np.count_nonzero(first & second)
        assert ends[place] == np.count_nonzero(first) + np.count_nonzero(second)


@pytest.mark.oracle
def test_lags_that_the_mask_leaves_no_pairs_are_missing():
    mask = np.ones((1, 1, 8), bool)
    mask[..., 3:6] = False
    result = mc.measure(np.arange(8)[None] % 2, ["two_point_correlation"], mask=mask, r_max=7)["two_point_correlation"]
    for direction in ("2", "mean", "radial"):
        y = result.profile(phase="0", direction=direction).y
        assert np.isfinite(y).tolist() == [True, True, True, False, True, True, True, True]


@pytest.mark.oracle
def test_radial_pairs_are_counted_in_double_precision_where_single_precision_is_not_close_to_integers(monkeypatch):
    shape, reach = (12, 14, 10), (5, 4, 3)
    set_ = np.random.default_rng(0).random(shape) < 0.3
    voxels = SetVoxels(lambda first, last: set_[first:last], shape, (1,))
    ends = ends_at_all_lags(voxels, reach, 1)
    one_by_one = pairs_at_all_lags(voxels, reach, ends, 1)

    used = []
    exact = _radial._autocorrelation

    def wrong_in_single_precision(voxels, reach, mean, kind, threads):
        numbers = exact(voxels, reach, mean, kind, threads)
        used.append(kind)
        if kind == np.complex64:
            numbers[2, 1, 3] += 1.4  # rounded, one pair too many
        return numbers

    monkeypatch.setattr(_radial, "_FEW_LAGS", 0)
    monkeypatch.setattr(_radial, "_autocorrelation", wrong_in_single_precision)
    assert pairs_at_all_lags(voxels, reach, ends, 1).tolist() == one_by_one.tolist()
    assert used == [np.complex64, np.complex128]
