"""Scores in units of the noise floor: what is known of them, and what they refuse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blobs import CUBE, FEW, blobs
from microchar.comparison.held_out import DEFAULT_METRICS, HeldOut
from microchar.core.errors import InputError
from microchar.core.volume import as_volume
from microchar.measurement.measuring import measure

pytestmark = pytest.mark.property

RNG = np.random.default_rng(5)


def test_samples_of_the_same_process_are_at_the_noise_floor(held_out):
    score = held_out.score([blobs(CUBE, seed) for seed in range(1, 17)])
    assert held_out.n_blocks == 8
    assert set(score.ratios) == set(DEFAULT_METRICS)
    # 16 samples against 8 blocks: the scatter of a ratio is about that of the mean of 8 blocks, a third of the floor.
    assert all(0.6 < ratio < 1.7 for ratio in score.ratios.values()), score.ratios
    # Their scatter is that of the blocks, so that little is left of the excess.
    assert 0.85 < score.total < 1.2
    assert 0.5 < score.spread < 2
    assert all(abs(scalar.z) < 3 for scalar in score.scalars if scalar.z is not None)


def test_the_real_blocks_themselves_score_the_floor_less_their_distances_to_themselves(held_out):
    real = blobs((48, 48, 48), 0)
    own = [
        real.crop(start, [a + 24 for a in start]) for start in np.ndindex(2, 2, 2) for start in [np.array(start) * 24]
    ]
    score = held_out.score(own)
    # 56 of the 64 pairs are the pairs of the floor, 8 have no distance.
    assert score.ratios == pytest.approx(dict.fromkeys(DEFAULT_METRICS, 7 / 8))
    assert score.total == pytest.approx(7 / 8)
    assert score.spread == pytest.approx(1)
    assert all(scalar.z == pytest.approx(0) for scalar in score.scalars if scalar.z is not None)


def test_the_ratio_is_the_mean_distance_over_the_mean_distance_of_the_blocks():
    real, sample = blobs((24, 24, 48), 0), blobs(CUBE, 1)
    blocks = [real.crop((0, 0, 24 * i), (24, 24, 24 * i + 24)) for i in range(2)]
    a, b, c = (measure(v, "volume_fraction")["volume_fraction"].value(phase="pore").value for v in (*blocks, sample))
    score = HeldOut(real, CUBE, "volume_fraction").score(sample)
    assert score.ratios["volume_fraction"] == pytest.approx((abs(c - a) + abs(c - b)) / 2 / abs(a - b))


def test_shuffled_voxels_and_an_empty_block_are_far_off(held_out):
    sample = blobs(CUBE, 1)
    shuffled = replace(sample, values=np.random.default_rng(0).permutation(sample.values.ravel()).reshape(CUBE))
    empty = replace(sample, values=np.zeros_like(sample.values))
    good, noise, nothing = (held_out.score([one]) for one in (sample, shuffled, empty))
    assert noise.ratios["volume_fraction"] == pytest.approx(good.ratios["volume_fraction"])
    assert noise.ratios["euler_characteristic"] > 10
    # The phase that is not there has no chords: that is a difference, too.
    assert nothing.ratios["chord_length_distribution"] > 3
    assert min(noise.total, nothing.total) > 2 * good.total


@pytest.mark.parametrize("number", [1, 4])
@pytest.mark.parametrize("size", [12, 24])
def test_a_volume_that_lost_a_phase_never_beats_noise_with_the_right_volume_fraction(number, size):
    real = blobs((48, 48, 48), 0)
    shape, share = (size,) * 3, real.read().mean()
    held_out = HeldOut(real, shape)
    rng = np.random.default_rng(7)
    noises = [(255 * (rng.random(shape) < share)).astype(np.uint8) for _ in range(number)]
    noise = held_out.score(noises, errors=False)
    assert noise.lost == ()
    for grey, lost in ((0, "solid"), (255, "pore")):
        uniform = held_out.score([np.full(shape, grey, np.uint8)] * number, errors=False)
        nearly = np.full(shape, grey, np.uint8)
        nearly[0, 0, :2] = 255 - grey
        few = held_out.score([nearly] * number, errors=False)
        assert uniform.lost == few.lost == (lost,)
        assert min(uniform.total, few.total) > noise.total


def test_a_lost_phase_leaves_the_ratios_as_measured_and_the_excesses_at_those_of_noise(held_out):
    share = np.mean([blobs((48, 48, 48), 0).read().mean()])
    rng = np.random.default_rng(3)
    noise = held_out.score([(255 * (rng.random(CUBE) < share)).astype(np.uint8) for _ in range(4)], errors=False)
    found = held_out.score([np.zeros(CUBE, np.uint8)] * 4)
    assert found.ratios["euler_characteristic"] < 3 < noise.ratios["euler_characteristic"]
    for metric, excess in found.excesses.items():
        expected = max(found.ratios[metric] - 1, noise.excesses[metric])
        assert excess > 0.8 * expected, metric
    assert found.interval[0] <= found.total <= found.interval[1]
    assert found.to_dict()["lost"] == ["solid"]


def test_a_phase_that_only_some_samples_lack_is_not_lost(held_out):
    with_it = blobs(CUBE, 1)
    found = held_out.score([with_it, np.zeros(CUBE, np.uint8)])
    assert found.lost == ()
    assert held_out.score([with_it]).lost == ()


def test_images_lose_phases_too():
    held_out = HeldOut(blobs((1, 96, 96), 0), CUBE, FEW)
    share = blobs((1, 96, 96), 0).read().mean()
    noise = (255 * (np.random.default_rng(1).random(CUBE) < share)).astype(np.uint8)
    uniform = held_out.score([np.zeros(CUBE, np.uint8)])
    assert uniform.lost == ("solid",)
    assert uniform.total > held_out.score([noise]).total


def test_a_phase_that_is_not_everywhere_is_a_difference():
    labels = blobs((24, 24, 48), 0).values.astype(np.uint8)
    labels[:6, :6, :6] = 2
    # One real block has three phases, the other two; of those that a block lacks no profile is given.
    held_out = HeldOut(as_volume(labels), CUBE, "local_thickness")
    assert held_out.floors["local_thickness"] == pytest.approx(1)
    with_it, without, empty = (replace(as_volume(labels), values=values) for values in (
        labels[..., :24], labels[..., 24:], np.zeros(CUBE, np.uint8)))  # fmt: skip
    # At 0 from itself and 1 from the other; an empty one is at 1 from both.
    assert held_out.score([with_it]).ratios["local_thickness"] == pytest.approx(0.5)
    assert held_out.score([without]).ratios["local_thickness"] == pytest.approx(0.5)
    assert held_out.score([empty]).ratios["local_thickness"] == pytest.approx(1)


def test_samples_that_are_all_one_have_no_spread_and_gain_nothing_by_it(held_out):
    varied = [blobs(CUBE, seed) for seed in range(1, 17)]
    totals, ratios = zip(*((s.total, s.ratios) for s in (held_out.score([one] * 4) for one in varied)), strict=True)
    # Distances to a typical sample are small; what counts is that the others are the same.
    assert min(max(found.values()) for found in ratios) < 1
    assert min(totals) > held_out.score(varied).total
    assert held_out.score([varied[0]] * 4).spread == pytest.approx(0, abs=1e-12)
    alone = held_out.score(varied[0])
    assert alone.excesses == pytest.approx({name: ratio - 1 for name, ratio in alone.ratios.items()})
    few = held_out.score([blobs(CUBE, 1), blobs(CUBE, 2)])
    assert few.spread is None
    assert {scalar.status for scalar in few.scalars} <= {"too_few", "constant", "undefined"}


def test_blocks_that_are_all_alike_divide_nothing_by_zero():
    board = as_volume(np.indices((32, 32, 32)).sum(0) // 4 % 2)
    held_out = HeldOut(board, (16, 16, 16), FEW)
    assert held_out.score(board).ratios == dict.fromkeys(FEW, 0.0)
    assert held_out.score(board).total == 1
    assert {scalar.status for scalar in held_out.score(board).scalars} == {"constant"}
    assert held_out.score(blobs((16, 16, 16), 0).values).total > 5


def test_samples_that_cannot_be_compared_are_refused(held_out):
    with pytest.raises(InputError, match="shape 16 × 16 × 16 holds no block of 24 × 24 × 24"):
        held_out.score(blobs((16, 16, 16), 1))
    with pytest.raises(InputError, match="3 phases"):
        held_out.score(as_volume(RNG.integers(0, 3, CUBE)))
    with pytest.raises(InputError, match="voxel size"):
        HeldOut(as_volume(blobs(CUBE, 0), voxel_size="2um"), (12, 12, 12)).score(
            as_volume(blobs(CUBE, 1), voxel_size="3um")
        )
    with pytest.raises(InputError, match="no samples"):
        held_out.score([])
    with pytest.raises(InputError, match="no two disjoint blocks of 8 × 8 × 8"):
        HeldOut(blobs((12, 12, 12), 0), (12, 12, 12))


def test_equal_phases_under_other_grey_values_are_one(held_out):
    sample = blobs(CUBE, 1)
    coded = as_volume((sample.values > 0).astype(np.int16) * 3 + 1)
    assert held_out.score(coded) == held_out.score(sample)


def test_threads_change_nothing():
    real, samples = blobs((24, 48, 24), 0), [blobs(CUBE, seed) for seed in range(3)]
    one, many = (HeldOut(real, CUBE, FEW, threads=threads).score(samples) for threads in (1, 3))
    assert one == many
