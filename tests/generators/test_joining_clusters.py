"""Annealing that joins clusters: ways across gaps, counts that equal a recount, C2 nearer to the target."""

from __future__ import annotations

import numpy as np
import pytest

import microchar as mc
from microchar.core.errors import InputError
from microchar.generation.training import TrainingData
from microchar.generators.annealing import Annealing
from microchar.generators.annealing.joining import Joining, gaps_between
from microchar.generators.annealing.run import Run
from microchar.generators.annealing.targets import connected_share, tally
from microchar.generators.gaussian_field import cut_gaussian_field
from microchar.testing import check_generator


def volume(labels):
    return mc.as_volume(labels, phases={"0": 0, "1": 1})


def slabs(*occupied, length=16):
    """Phase 1 in planes normal to axis 0, the rest phase 0."""
    labels = np.zeros((length, 6, 5), np.uint8)
    labels[list(occupied)] = 1
    return labels


@pytest.fixture(scope="module")
def connected():
    """A medium whose rarer phase is one cluster: a web of channels and some cut Gaussian field on it."""
    labels = cut_gaussian_field((40, 40, 40), correlation_length=3, volume_fraction=0.2, seed=3).read()
    web = np.zeros(labels.shape, bool)
    for axis in range(3):
        lines = np.moveaxis(web, axis, 0)
        lines[:, 4::12, 4::12] = True
    both = (np.asarray(labels) == 1) | web
    return both.astype(np.uint8)


def test_the_way_across_a_gap_is_the_shortest():
    labels = slabs(3, 4, 8)
    (way,) = gaps_between(volume(labels), 1, ())
    places = np.array(np.unravel_index(way, labels.shape)).T
    # Planes 5 to 7 lie between, and the voxel of the second cluster ends the way.
    assert sorted(set(places[:, 0]) - {8, 4}) == [5, 6, 7]
    assert len(set(map(tuple, places[:, 1:]))) == 1


def test_gaps_reach_around_periodic_axes_and_end_at_eight_voxels():
    labels = slabs(0, 14, length=24)
    assert gaps_between(volume(slabs(0, 14, length=15)), 1, ()) == []
    # 13 voxels one way, 9 the other.
    assert gaps_between(volume(labels), 1, (0,)) == []
    labels = slabs(0, 20, length=24)
    (way,) = gaps_between(volume(labels), 1, (0,))
    assert set(np.unravel_index(way, labels.shape)[0]) - {0, 20} == {21, 22, 23}
    assert gaps_between(volume(slabs(0, 1, 2)), 1, ()) == []


@pytest.mark.oracle
@pytest.mark.parametrize("periodic", [(), (0, 2)])
def test_counts_after_filling_equal_a_recount(periodic):
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, (12, 10, 8)).astype(np.uint8)
    target = np.full((2, 3, 3, 5), 0.1)
    run = Run(labels=labels, target=target, lags=np.array([4, 4, 4]), periodic=periodic, tries=1, temperature=0, seed=3)
    voxels = rng.choice(labels.size, 40, replace=False)
    run.fill(voxels, 2)
    assert (run.labels.ravel()[voxels] == 2).mean() > 0.9  # a later swap may take one of them again
    assert np.array_equal(np.bincount(run.labels.ravel()), np.bincount(labels.ravel()))
    counts, _ = tally(run.volume(), run.lag_triple, periodic)
    assert np.array_equal(run.counts, counts)


def test_rounds_that_do_not_help_are_undone():
    labels = slabs(2, 8)
    share = connected_share(volume(labels), (8, 3, 2))
    run = Run(
        labels=labels.copy(), target=np.full((2, 2, 3, 9), 0.2), lags=np.array([8, 3, 2]), periodic=(), tries=1,
        temperature=0, seed=0,
    )  # fmt: skip
    joining = Joining(run, share)
    assert joining.error() == 0
    assert joining.finished()
    joining.advance()
    assert np.array_equal(run.labels, labels)


@pytest.mark.analytic
def test_joining_brings_c2_to_the_target_and_leaves_the_rest(connected):
    plain, joined = (Annealing(r_max=12, join_clusters=join, tolerance=2e-4) for join in (False, True))
    first, second = (one.fit(connected).generate((40, 40, 40), seed=1) for one in (plain, joined))
    goal, before, after = (connected_share(one, (12, 12, 12)) for one in (volume(connected), first, second))
    error = [float(np.sqrt(np.mean((share - goal) ** 2))) for share in (before, after)]
    assert error[1] < 0.5 * error[0]
    assert second.source["remarks"]["RMS error of C2 / S2"] == pytest.approx(error[1], rel=1e-6)
    assert np.count_nonzero(first.values) == np.count_nonzero(second.values)
    errors = [[one.source["remarks"][f"RMS error of {name}"] for name in ("S2", "L")] for one in (first, second)]
    assert max(errors[1]) < max(errors[0]) + 5e-4


def test_contract(connected):
    check_generator(Annealing(sweeps=0.2, r_max=8, join_clusters=True), connected[:32, :32, :32])


def test_what_does_not_show_clusters_is_refused(connected):
    with pytest.raises(InputError, match="join_clusters=True: needs a 3D volume"):
        Annealing(r_max=8, join_clusters=True).fit(TrainingData.from_slices({0: [connected[0], connected[9]]}))
    with pytest.raises(InputError, match="join_clusters=1: expected True or False"):
        Annealing(r_max=8, join_clusters=1).fit(connected)
