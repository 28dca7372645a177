"""Scores in units of the noise floor: what is known of them, what they refuse, and how candidates are sorted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from microchar.comparison.held_out import DEFAULT_METRICS, HeldOut
from microchar.comparison.ranking import rank
from microchar.core.errors import InputError
from microchar.core.volume import Volume, as_volume
from microchar.generation.catalogue import create_generator
from microchar.generation.training import TrainingData
from microchar.measurement.measuring import measure

RNG = np.random.default_rng(5)
CUBE = (24, 24, 24)
FEW = ("volume_fraction", "two_point_correlation", "euler_characteristic")


def field(shape: tuple[int, ...], seed: int) -> Volume:
    """Make a smooth two-phase volume: noise, averaged over 5 × 5 × 5 voxels, cut so that a third is phase 1."""
    noise = np.random.default_rng(seed).standard_normal([n + 4 if n > 1 else 1 for n in shape])
    for axis in range(noise.ndim):
        if noise.shape[axis] > 1:
            noise = np.lib.stride_tricks.sliding_window_view(noise, 5, axis).mean(-1)
    # Noise of unit variance has one of 1/125 then, whatever the sample: the cut is the process's, not the sample's.
    cut = 0.4307 / 5 ** (sum(n > 1 for n in shape) / 2)
    return as_volume((noise > cut).astype(np.uint8) * 255, phases={"pore": 0, "solid": 255}, name=f"field {seed}")


@pytest.fixture(scope="module")
def held_out():
    return HeldOut(field((48, 48, 48), 0), CUBE)


def test_samples_of_the_same_process_are_at_the_noise_floor(held_out):
    score = held_out.score([field(CUBE, seed) for seed in range(1, 17)])
    assert held_out.n_blocks == 8
    assert set(score.ratios) == set(DEFAULT_METRICS)
    # 16 samples against 8 blocks: the scatter of a ratio is about that of the mean of 8 blocks, a third of the floor.
    assert all(0.6 < ratio < 1.7 for ratio in score.ratios.values()), score.ratios
    # Their scatter is that of the blocks, so that little is left of the excess.
    assert 0.85 < score.total < 1.2
    assert 0.5 < score.spread < 2
    assert all(abs(scalar.z) < 3 for scalar in score.scalars if scalar.z is not None)


def test_the_real_blocks_themselves_score_the_floor_less_their_distances_to_themselves(held_out):
    real = field((48, 48, 48), 0)
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
    real, sample = field((24, 24, 48), 0), field(CUBE, 1)
    blocks = [real.crop((0, 0, 24 * i), (24, 24, 24 * i + 24)) for i in range(2)]
    a, b, c = (measure(v, "volume_fraction")["volume_fraction"].value(phase="pore").value for v in (*blocks, sample))
    score = HeldOut(real, CUBE, "volume_fraction").score(sample)
    assert score.ratios["volume_fraction"] == pytest.approx((abs(c - a) + abs(c - b)) / 2 / abs(a - b))


def test_shuffled_voxels_and_an_empty_block_are_far_off(held_out):
    sample = field(CUBE, 1)
    shuffled = replace(sample, values=np.random.default_rng(0).permutation(sample.values.ravel()).reshape(CUBE))
    empty = replace(sample, values=np.zeros_like(sample.values))
    good, noise, nothing = (held_out.score([one]) for one in (sample, shuffled, empty))
    assert noise.ratios["volume_fraction"] == pytest.approx(good.ratios["volume_fraction"])
    assert noise.ratios["euler_characteristic"] > 10
    # The phase that is not there has no chords: that is a difference, too.
    assert nothing.ratios["chord_length_distribution"] > 3
    assert min(noise.total, nothing.total) > 2 * good.total


def test_a_phase_that_is_not_everywhere_is_a_difference():
    labels = field((24, 24, 48), 0).values.astype(np.uint8)
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
    varied = [field(CUBE, seed) for seed in range(1, 17)]
    totals, ratios = zip(*((s.total, s.ratios) for s in (held_out.score([one] * 4) for one in varied)), strict=True)
    # Distances to a typical sample are small; what counts is that the others are the same.
    assert min(max(found.values()) for found in ratios) < 1
    assert min(totals) > held_out.score(varied).total
    assert held_out.score([varied[0]] * 4).spread == pytest.approx(0, abs=1e-12)
    alone = held_out.score(varied[0])
    assert alone.excesses == pytest.approx({name: ratio - 1 for name, ratio in alone.ratios.items()})
    few = held_out.score([field(CUBE, 1), field(CUBE, 2)])
    assert few.spread is None
    assert {scalar.status for scalar in few.scalars} <= {"too_few", "constant", "undefined"}


def test_blocks_that_are_all_alike_divide_nothing_by_zero():
    board = as_volume(np.indices((32, 32, 32)).sum(0) // 4 % 2)
    held_out = HeldOut(board, (16, 16, 16), FEW)
    assert held_out.score(board).ratios == dict.fromkeys(FEW, 0.0)
    assert held_out.score(board).total == 1
    assert {scalar.status for scalar in held_out.score(board).scalars} == {"constant"}
    assert held_out.score(field((16, 16, 16), 0).values).total > 5


def test_one_block_that_fits_is_halved_and_said():
    held_out = HeldOut(field((30, 24, 24), 0), CUBE, FEW)
    assert held_out.shape == (12, 12, 12)
    assert held_out.n_blocks == 8
    assert "12 × 12 × 12 instead of 24 × 24 × 24" in held_out.notes[0]
    assert held_out.score(field(CUBE, 1)).n_samples == 8
    two = HeldOut(field((48, 24, 24), 0), CUBE, FEW)
    assert two.shape == CUBE
    assert "only 2 reference blocks" in two.notes[0]
    assert two.score([field(CUBE, seed) for seed in range(4)]).spread is None


def test_blocks_lie_inside_the_mask():
    mask = np.zeros((40, 40, 40), bool)
    mask[3:, 5:38] = True
    real = as_volume(field((40, 40, 40), 0), mask=mask)
    held_out = HeldOut(real, (16, 16, 16), FEW)
    assert held_out.blocks()[0] == "3:19,5:21,0:16"
    assert held_out.n_blocks == 8
    same = HeldOut(field((40, 40, 40), 0).crop((3, 5, 0), (40, 38, 40)), (16, 16, 16), FEW)
    assert held_out.score(field(CUBE, 1)) == same.score(field(CUBE, 1))


def test_images_judge_the_slices_of_samples():
    squeezed = field((48, 48, 192), 0).values[:, :, ::4]
    images = {axis: [np.take(squeezed, place, axis) for place in (2, 16, 30, 44)] for axis in range(3)}
    held_out = HeldOut(TrainingData.from_slices(images), CUBE, ("lineal_path",), most=16)
    assert held_out.n_blocks == 4 * 4
    assert "image 0 normal to 0" in held_out.blocks()[0]
    assert held_out.shape == CUBE
    other = field((48, 48, 192), 1).values[:, :, ::4]
    good, turned = held_out.score(other), held_out.score(np.ascontiguousarray(other.T))
    assert good.ratios["lineal_path"] < 1.5
    assert turned.ratios["lineal_path"] > 1.7


def test_a_generator_of_solids_is_ranked_by_images_of_oblong_shape():
    made = field((40, 32, 64), 0).values
    images = {axis: [np.take(made, place, axis) for place in (2, 30)] for axis in range(3)}
    data = TrainingData.from_slices(images)
    held_out = HeldOut(data, (16, 12, 24), FEW)
    assert held_out.shape == (16, 12, 24)
    fitted = create_generator("gaussian-field").fit(field((40, 32, 64), 1))
    found = rank(data, fitted, shape=(16, 12, 24), samples=2, metrics=FEW)
    assert found.entries[0].score.n_samples == 2 * 3 * 3  # samples, directions, slices
    assert found.entries[0].score.total < 2


def test_images_of_one_direction_stand_for_all():
    held_out = HeldOut(field((1, 64, 64), 0), (24, 24, 24), FEW)
    assert held_out.shape == (1, 24, 24)
    solid = held_out.score([field(CUBE, seed) for seed in range(3)])
    assert solid.n_samples == 3 * 3 * 3  # samples, directions, slices of each
    image = held_out.score(field((1, 24, 24), 1))
    assert image.n_samples == 1
    with pytest.raises(InputError, match="descriptors"):
        HeldOut(
            TrainingData.from_descriptors({"lineal_path": {0: [[0.5, 0.2], [0.5, 0.2]]}}, volume_fraction=[0.5, 0.5]),
            CUBE,
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metrics": ("ssim",)}, "ssim: cannot be part of a score; samples are not registered"),
        ({"metrics": ("volume_fraction", "psnr")}, "psnr: cannot be part of a score"),
        ({"metrics": ("volume_fractions",)}, "did you mean 'volume_fraction'"),
        ({"shape": (24,)}, "expected two or three lengths"),
        ({"shape": (1, 24, 24)}, "the held-out volume is 3D"),
    ],
)
def test_what_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        HeldOut(field((24, 24, 24), 0), **{"shape": (12, 12, 12), **arguments})


def test_samples_that_cannot_be_compared_are_refused(held_out):
    with pytest.raises(InputError, match="shape 16 × 16 × 16 holds no block of 24 × 24 × 24"):
        held_out.score(field((16, 16, 16), 1))
    with pytest.raises(InputError, match="3 phases"):
        held_out.score(as_volume(RNG.integers(0, 3, CUBE)))
    with pytest.raises(InputError, match="voxel size"):
        HeldOut(as_volume(field(CUBE, 0), voxel_size="2um"), (12, 12, 12)).score(
            as_volume(field(CUBE, 1), voxel_size="3um")
        )
    with pytest.raises(InputError, match="no samples"):
        held_out.score([])
    with pytest.raises(InputError, match="no two disjoint blocks of 8 × 8 × 8"):
        HeldOut(field((12, 12, 12), 0), (12, 12, 12))


def test_equal_phases_under_other_grey_values_are_one(held_out):
    sample = field(CUBE, 1)
    coded = as_volume((sample.values > 0).astype(np.int16) * 3 + 1)
    assert held_out.score(coded) == held_out.score(sample)


def test_threads_change_nothing():
    real, samples = field((24, 48, 24), 0), [field(CUBE, seed) for seed in range(3)]
    one, many = (HeldOut(real, CUBE, FEW, threads=threads).score(samples) for threads in (1, 3))
    assert one == many


# --- rank --------------------------------------------------------------------


def test_candidates_are_sorted_and_those_that_saw_the_held_out_voxels_are_named():
    real = field((48, 48, 48), 0)
    fitted, shuffled = (create_generator(name).fit(real) for name in ("gaussian-field", "shuffle"))
    other = create_generator("shuffle").fit(field(CUBE, 3))
    seen = []
    found = rank(
        real,
        [shuffled, fitted, other, field((48, 48, 48), 2)],
        samples=2,
        shape=CUBE,
        progress=lambda fraction, text: seen.append(fraction),
    )
    order = [entry.name for entry in found.entries]
    assert sorted(order) == ["field 2", "gaussian-field", "shuffle", "shuffle (2)"]
    assert set(order[:2]) == {"field 2", "gaussian-field"}
    notes = {entry.name: entry.notes for entry in found.entries}
    assert "was trained on the voxels" in notes["shuffle"][0]
    assert not notes["shuffle (2)"]
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0, 1)
    table = found.table()
    assert list(table.index) == order
    assert table["total"].is_monotonic_increasing
    plain = found.to_dict()
    assert plain["held_out"]["blocks"] == found.held_out.blocks()
    assert [candidate["name"] for candidate in plain["candidates"]] == order


def test_a_mask_says_what_is_held_out():
    real = field((48, 48, 48), 0)
    train = np.arange(48)[:, None, None] < 24
    fitted = create_generator("shuffle").fit(as_volume(real, mask=np.broadcast_to(train, real.shape)))
    found = rank(real, fitted, mask=np.broadcast_to(~train, real.shape), shape=CUBE, metrics=FEW)
    assert [block.partition(",")[0] for block in found.held_out.blocks()] == ["24:48"] * 4
    assert not found.entries[0].notes
    again = rank(real, fitted, mask=np.broadcast_to(train, real.shape), shape=CUBE, metrics=FEW)
    assert again.entries[0].notes


def test_the_shape_is_chosen_so_that_several_blocks_fit():
    real = field((48, 48, 48), 0)
    assert rank(real, [field(CUBE, 1)], metrics=FEW).held_out.shape == CUBE
    assert rank(real, [field((48, 48, 48), 1)], metrics=FEW).held_out.shape == CUBE
    assert rank(real, [field((16, 32, 24), 1)], metrics=FEW).held_out.shape == (16, 32, 24)
    assert rank(field((1, 64, 64), 0), [field((64, 64, 64), 1)], metrics=FEW).held_out.shape == (1, 32, 32)


def test_solids_of_a_generator_are_judged_by_images():
    found = rank(
        field((1, 64, 64), 0), {"a": create_generator("gaussian-field").fit(field((48, 48, 48), 1))}, metrics=FEW
    )
    assert found.entries[0].score.total < 3


def test_nothing_to_rank_is_refused():
    with pytest.raises(InputError, match="no candidates"):
        rank(field(CUBE, 0), [])
    with pytest.raises(InputError, match="samples=0"):
        rank(field(CUBE, 0), field(CUBE, 1), samples=0)
    with pytest.raises(InputError, match="must be fitted"):
        rank(field(CUBE, 0), create_generator("shuffle"), shape=(12, 12, 12))
