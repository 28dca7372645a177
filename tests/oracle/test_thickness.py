"""Local thickness against slow painting, and against porespy."""

from __future__ import annotations

import edt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microchar as mc
from microchar.metrics import LocalThickness
from microchar.metrics.local_thickness import thickness_counts
from oracles import thickness as naive


def smooth_labels(shape, n_phases, seed):
    """Phases with bodies some voxels thick."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    field = gaussian_filter(rng.normal(size=shape), rng.uniform(0.3, 2.5), mode="nearest")
    cuts = np.quantile(field, np.sort(rng.uniform(0.05, 0.95, n_phases - 1)))
    return np.searchsorted(cuts, field.ravel()).reshape(shape).astype(np.uint8)


@settings(deadline=None, max_examples=50)
@given(
    shape=st.sampled_from([(9, 10, 12), (1, 17, 23), (14, 1, 9), (20, 3, 1), (1, 1, 30), (4, 5, 70)]),
    n_phases=st.integers(2, 3),
    voxel_size=st.sampled_from([(1, 1, 1), (0.3, 0.3, 0.3), (1, 2, 1.5), (2.1, 0.7, 1)]),
    masked=st.booleans(),
    threads=st.integers(1, 3),
    seed=st.integers(0, 2**20),
)
def test_voxels_by_thickness_are_those_of_slow_painting(shape, n_phases, voxel_size, masked, threads, seed):
    labels = smooth_labels(shape, n_phases, seed)
    if masked:
        labels[np.random.default_rng(seed).random(shape) < 0.1] = naive.OUTSIDE
    grid = mc.as_volume(np.zeros(shape, int), voxel_size=voxel_size).grid
    for phase in range(n_phases):
        if not (labels == phase).any() or set(np.unique(labels)) <= {phase, naive.OUTSIDE}:
            continue
        thickness, voxels = thickness_counts(labels, phase, grid, threads)
        expected = naive.local_thickness(labels, phase, voxel_size)[labels == phase]
        # Distances of anisotropic voxels are in single precision; nearly equal ones may be one or two.
        assert np.repeat(thickness, voxels) == pytest.approx(np.sort(expected), rel=1e-5)


def test_batches_of_spheres_do_not_matter(monkeypatch):
    labels = smooth_labels((20, 20, 20), 2, 5)
    volume = mc.as_volume(labels)
    whole = LocalThickness()(volume)
    monkeypatch.setattr("microchar.metrics.local_thickness._BATCH", 7)
    pieces = LocalThickness()(volume)
    assert pieces.values == whole.values
    assert all(np.array_equal(p.y, q.y) for p, q in zip(pieces.profiles, whole.profiles, strict=True))


def test_statistics_and_distribution_function():
    labels = smooth_labels((16, 18, 20), 2, 9)
    found = LocalThickness()(mc.as_volume(labels, voxel_size="2,2,2um"))
    for phase in "01":
        expected = naive.local_thickness(labels, int(phase), (2, 2, 2))[labels == int(phase)]
        values = {v.feature: v.value for v in found.values if v.phase == phase}
        assert values["mean"] == pytest.approx(expected.mean(), rel=1e-12)
        assert values["standard_deviation"] == pytest.approx(expected.std(), rel=1e-12)
        quantiles = np.quantile(expected, [0.1, 0.5, 0.9], method="inverted_cdf")
        assert [values[f"quantile_{q}"] for q in (0.1, 0.5, 0.9)] == pytest.approx(quantiles, rel=1e-12)
        cdf = found.profile(phase=phase, feature="cdf")
        assert cdf.y == pytest.approx([(expected <= x + 1e-9).mean() for x in cdf.x], rel=1e-12)
        assert cdf.y[-1] == 1
        assert cdf.x_unit == "um"


@pytest.mark.parametrize("seed", [0, 1])
def test_thickness_is_that_of_porespy(seed):
    filters = pytest.importorskip("porespy", minversion="3.2").filters
    labels = smooth_labels((30, 30, 30), 2, seed)
    # All radii that occur, and spheres without the voxels at exactly their radius: the same definition.
    radii = np.unique(edt.edt(labels == 1)[labels == 1])
    theirs = filters.local_thickness(labels == 1, method="legacy", sizes=radii, smooth=True)
    thickness, voxels = thickness_counts(labels, 1, mc.as_volume(labels).grid, 2)
    assert np.repeat(thickness, voxels) == pytest.approx(2 * np.sort(theirs[labels == 1]), rel=1e-6)
