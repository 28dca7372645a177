"""S2, g2, lineal path and chord lengths against what is known of them exactly or in the ensemble."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import microchar as mc
from microchar.generators.gaussian_field import cut_gaussian_field
from microchar.metrics import ChordLengthDistribution, LinealPath, PairCorrelation, TwoPointCorrelation
from microchar.testing.volumes import checkerboard, overlapping_spheres

ALL = (0, 1, 2)
REALISATIONS = 24


def directional(volume, metric, direction, phase="1"):
    return metric(volume).profile(phase=phase, direction=direction).y


def random_volume(shape=(9, 10, 12), n_phases=2, seed=0):
    noise = np.random.default_rng(seed).random(shape)
    smooth = sum(np.roll(noise, shift, axis=ALL) for shift in product((0, 1), repeat=3))
    cuts = np.quantile(smooth, np.arange(1, n_phases) / n_phases)
    return mc.as_volume(np.digitize(smooth, cuts))


def assert_is_the_truth(samples, truth, *, resolution):
    """The mean of independent samples agrees with a truth, and could have told it from a near one.

    Five standard errors of two dozen samples: a false alarm in about 10^4 for
    another set of seeds, never for this one.
    """
    samples = np.asarray(samples)
    error = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
    assert (np.abs(samples.mean(axis=0) - truth) <= 5 * error + 1e-12).all()
    assert error.max() < resolution


# --- exact on the lattice ----------------------------------------------------


def test_s2_of_a_written_line():
    line = mc.as_volume([[1, 1, 0, 1, 0, 0, 0, 1, 1, 1, 1, 0]])
    found = directional(line, TwoPointCorrelation(r_max=11), "2")
    assert found == pytest.approx(np.array([7, 4, 3, 2, 1, 1, 2, 3, 2, 2, 1, 0]) / np.arange(12, 0, -1), abs=1e-15)
    around = directional(line, TwoPointCorrelation(r_max=11, periodic=(2,)), "2")
    assert around == pytest.approx(np.array([7, 4, 4, 4, 3, 4, 4, 4, 3, 4, 4, 4]) / 12, abs=1e-15)
    # On a line there are no other directions: the radial average is the same.
    assert directional(line, TwoPointCorrelation(r_max=11), "radial") == pytest.approx(found, abs=1e-15)


def test_lineal_path_of_a_written_line():
    line = mc.as_volume([[1, 0, 1, 0, 1, 1, 1]])
    found = directional(line, LinealPath(r_max=6), "2")
    assert found == pytest.approx(np.array([5, 2, 1, 0, 0, 0, 0]) / np.arange(7, 0, -1), abs=1e-15)


@pytest.mark.parametrize("n_phases", [2, 3])
def test_s2_summed_over_all_lags_is_the_square_of_the_fraction_of_each_line(n_phases):
    volume = random_volume(n_phases=n_phases)
    result = TwoPointCorrelation(r_max=(8, 9, 11), periodic=ALL)(volume)
    for axis, phase in product(range(3), range(n_phases)):
        n = volume.shape[axis]
        lines = (volume.values == phase).mean(axis=axis)
        total = result.profile(phase=str(phase), direction=str(axis)).y.sum()
        assert total == pytest.approx(n * (lines**2).mean(), rel=1e-12)


def test_s2_of_the_complement():
    volume = random_volume()
    result = TwoPointCorrelation(r_max=5, periodic=ALL)(volume)
    fraction = (volume.values == 0).mean()
    for direction in ("0", "1", "2", "mean", "radial"):
        own, other = (result.profile(phase=phase, direction=direction).y for phase in "01")
        assert other == pytest.approx(own - 2 * fraction + 1, rel=1e-12)


def test_voxel_faces_from_the_first_lag():
    volume = random_volume()
    faces = sum(np.mean(volume.values != np.roll(volume.values, 1, axis)) for axis in range(3))
    s2 = [directional(volume, TwoPointCorrelation(r_max=1, periodic=ALL), str(axis)) for axis in range(3)]
    assert 2 * sum(y[0] - y[1] for y in s2) == pytest.approx(faces, rel=1e-12)


@pytest.mark.parametrize("cell", [1, 2, 3])
def test_checkerboard(cell):
    volume = checkerboard((4 * cell, 2 * cell, 6 * cell), cell=cell)
    lags = np.arange(2 * cell)
    truth = np.maximum(cell - lags, 0) / (2 * cell)
    chords = ChordLengthDistribution(periodic=ALL)(volume)
    for phase, direction in product("01", "012"):
        found = directional(volume, LinealPath(r_max=2 * cell - 1, periodic=ALL), direction, phase)
        assert found == pytest.approx(truth, abs=1e-15)
        labels = {"phase": phase, "direction": direction}
        assert chords.value(feature="mean_length", **labels).value == cell
        assert chords.value(feature="standard_deviation", **labels).value == 0
        assert chords.value(feature="cut_fraction", **labels).value == 0


@pytest.mark.parametrize("periodic", [(), ALL, (1,)])
def test_lineal_path_is_at_most_s2_and_equal_at_the_first_lags(periodic):
    volume = random_volume(n_phases=3)
    s2, path = (metric(r_max=6, periodic=periodic)(volume) for metric in (TwoPointCorrelation, LinealPath))
    for phase, direction in product("012", ("0", "1", "2", "mean")):
        upper, lower = (found.profile(phase=phase, direction=direction).y for found in (s2, path))
        assert (lower <= upper).all()
        assert (lower[:2] == upper[:2]).all()
        assert lower[0] == pytest.approx((volume.values == int(phase)).mean(), rel=1e-12)


def test_chords_give_the_lineal_path_and_the_first_lag_of_s2():
    volume = random_volume((12, 13, 14), n_phases=3)
    chords = ChordLengthDistribution(periodic=ALL)(volume)
    path = LinealPath(r_max=9, periodic=ALL)(volume)
    for phase, axis in product("012", range(3)):
        labels = {"phase": phase, "direction": str(axis)}
        assert chords.value(feature="cut_fraction", **labels).value == 0  # no line runs round wholly in a phase
        # Every voxel of the phase not followed by another ends a chord: N (S2(0) - S2(1)) of them, and L(1) = S2(1).
        lineal = path.profile(**labels).y
        mean = chords.value(feature="mean_length", **labels).value
        assert mean == pytest.approx(lineal[0] / (lineal[0] - lineal[1]), rel=1e-12)
        density = chords.profile(feature="density", **labels)
        held = [density.y @ np.maximum(density.x - k, 0) for k in range(10)]
        assert held == pytest.approx(lineal / (lineal[0] - lineal[1]), rel=1e-9, abs=1e-12)


def test_a_chord_through_the_boundary_is_one_where_the_axis_is_periodic():
    line = mc.as_volume([[1, 1, 0, 0, 0, 1, 0, 1]])
    open_, around = (ChordLengthDistribution(periodic=axes)(line) for axes in ((), (2,)))
    labels = {"phase": "1", "direction": "2"}
    assert open_.value(feature="mean_length", **labels).value == 1
    assert open_.value(feature="cut_fraction", **labels).value == pytest.approx(2 / 3)
    assert around.value(feature="mean_length", **labels).value == 2
    assert around.value(feature="cut_fraction", **labels).value == 0
    # A line that never leaves the phase has no chord at all.
    full = ChordLengthDistribution(periodic=(2,))(mc.as_volume(np.ones((3, 4), int)))
    assert full.value(feature="cut_fraction", **labels).value == 1
    assert full.value(feature="mean_length", **labels).status == "undefined"


def test_chords_of_voxels_that_are_no_cubes_are_on_one_range_of_lengths():
    # Chords of 2 voxels along axis 1, of 3 along axis 2: lengths 1 and 6.
    cells = np.kron(np.indices((9, 4)).sum(axis=0) % 2, np.ones((2, 3), int))
    chords = ChordLengthDistribution()(mc.as_volume(cells, voxel_size=(1.0, 0.5, 2.0), phases=["a", "b"]))
    means = [chords.value(phase="a", direction=d, feature="mean_length").value for d in ("1", "2", "mean")]
    assert means == [1, 6, 3.5]
    cdf = chords.profile(phase="a", direction="mean", feature="cdf")
    # The step of axis 1 at length 1 lies between the multiples of the largest voxel size.
    assert cdf.x.tolist() == list(range(0, 25, 2))
    assert cdf.y.tolist() == [0, 0.5, 0.5] + [1] * 10


def test_lags_are_lengths():
    volume = mc.as_volume(random_volume().values, voxel_size="0.5,1,2um")
    result = TwoPointCorrelation(r_max="4um")(volume)
    assert result.profile(phase="1", direction="0").x.tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4]
    assert result.profile(phase="1", direction="2").x.tolist() == [0, 2, 4]
    assert result.profile(phase="1", direction="mean").x.tolist() == [0, 2, 4]
    assert result.profile(phase="1", direction="2").x_unit == "um"


# --- in the ensemble ---------------------------------------------------------


def test_voxels_drawn_alone():
    fraction, lags = 0.6, np.arange(6)
    s2, radial, g2, path, chords = [], [], [], [], []
    for seed in range(REALISATIONS):
        volume = mc.as_volume((np.random.default_rng(seed).random((40, 40, 40)) < fraction).astype(np.uint8))
        s2.append(directional(volume, TwoPointCorrelation(r_max=5), "mean"))
        radial.append(directional(volume, TwoPointCorrelation(r_max=5), "radial"))
        g2.append(directional(volume, PairCorrelation(r_max=5), "1"))
        path.append(directional(volume, LinealPath(r_max=5), "mean"))
        found = ChordLengthDistribution(periodic=ALL)(volume)
        chords.append(found.profile(phase="1", direction="mean", feature="density").y[:12])
    apart = np.where(lags > 0, fraction**2, fraction)
    assert_is_the_truth(s2, apart, resolution=1e-3)
    assert_is_the_truth(radial, apart, resolution=1e-3)
    # The ratio's bias, about 4 (1 - p) / (p N) < 1e-4, is a fifth of its resolution.
    assert_is_the_truth(g2, apart / fraction**2, resolution=2e-3)
    assert_is_the_truth(path, fraction ** (lags + 1), resolution=1e-3)
    lengths = np.arange(12)
    assert_is_the_truth(chords, np.where(lengths > 0, (1 - fraction) * fraction ** (lengths - 1.0), 0), resolution=1e-3)


def test_overlapping_spheres():
    radius, fraction, lags = 5.0, 0.4, np.arange(25)
    density = -np.log(fraction) / (4 / 3 * np.pi * radius**3)
    volumes = [
        overlapping_spheres((64, 72, 80), radius=radius, void_fraction=fraction, seed=seed)
        for seed in range(REALISATIONS)
    ]
    near = np.minimum(lags / radius, 2)  # two spheres further apart do not meet
    union = 1 + 3 * near / 4 - near**3 / 16
    truth = fraction**union
    s2 = [
        directional(volume, TwoPointCorrelation(r_max=24, radial=False, periodic=ALL), "mean", "void")
        for volume in volumes
    ]
    assert_is_the_truth(s2, truth, resolution=4e-3)
    # A segment of voxels is a row of points: each further one must find no centre in what its sphere adds to that of
    # the point before. That is the ratio S2(1)/S2(0); the continuum's exp(-rho pi R^2) is smaller by
    # 1/(12 R^2) of its exponent, 1 % of L at the longest lag here.
    step = truth[1] / truth[0]
    assert step == pytest.approx(np.exp(-density * np.pi * radius**2), rel=1e-3)
    path = [directional(volume, LinealPath(r_max=24, periodic=ALL), "mean", "void") for volume in volumes]
    assert_is_the_truth(path, fraction * step**lags, resolution=4e-3)
    # So chord lengths are geometric: their mean is 1/(1 - step), which is 4 phi/s plus half a voxel.
    chords = [
        ChordLengthDistribution(periodic=ALL)(v).value(phase="void", direction="mean", feature="mean_length").value
        for v in volumes
    ]
    assert_is_the_truth(chords, 1 / (1 - step), resolution=0.1)
    surface = 3 * -np.log(fraction) * fraction / radius
    assert 1 / (1 - step) == pytest.approx(4 * fraction / surface + 0.5, rel=0.01)


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
