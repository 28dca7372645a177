"""Candidates sorted by their score."""

from __future__ import annotations

import numpy as np
import pytest

from blobs import CUBE, FEW, blobs
from microchar.comparison.held_out import HeldOut
from microchar.comparison.ranking import rank
from microchar.core.errors import InputError
from microchar.core.volume import as_volume
from microchar.generation.catalogue import create_generator
from microchar.generation.training import TrainingData

pytestmark = pytest.mark.property


def test_a_generator_of_solids_is_ranked_by_images_of_oblong_shape():
    made = blobs((40, 32, 64), 0).values
    images = {axis: [np.take(made, place, axis) for place in (2, 30)] for axis in range(3)}
    data = TrainingData.from_slices(images)
    held_out = HeldOut(data, (16, 12, 24), FEW)
    assert held_out.shape == (16, 12, 24)
    fitted = create_generator("gaussian-field").fit(blobs((40, 32, 64), 1))
    found = rank(data, fitted, shape=(16, 12, 24), samples=2, metrics=FEW)
    assert found.entries[0].score.n_samples == 2 * 3 * 3  # samples, directions, slices
    assert found.entries[0].score.total < 2


def test_candidates_are_sorted_and_those_that_saw_the_held_out_voxels_are_named():
    real = blobs((48, 48, 48), 0)
    fitted, shuffled = (create_generator(name).fit(real) for name in ("gaussian-field", "shuffle"))
    other = create_generator("shuffle").fit(blobs(CUBE, 3))
    seen = []
    found = rank(
        real,
        [shuffled, fitted, other, blobs((48, 48, 48), 2)],
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
    table = found.to_pandas()
    assert [name for name in table.index if name != "(another real piece)"] == order
    assert table.loc["(another real piece)", "total"] == 1
    assert ((table["lower"] <= table["total"]) & (table["total"] <= table["upper"])).all()
    assert found.entries[0].rank == 1
    assert table["total"].is_monotonic_increasing
    plain = found.to_dict()
    assert plain["held_out"]["blocks"] == found.held_out.blocks()
    assert [candidate["name"] for candidate in plain["candidates"]] == order


def test_a_mask_says_what_is_held_out():
    real = blobs((48, 48, 48), 0)
    train = np.arange(48)[:, None, None] < 24
    fitted = create_generator("shuffle").fit(as_volume(real, mask=np.broadcast_to(train, real.shape)))
    found = rank(real, fitted, mask=np.broadcast_to(~train, real.shape), shape=CUBE, metrics=FEW)
    assert [block.partition(",")[0] for block in found.held_out.blocks()] == ["24:48"] * 4
    assert not found.entries[0].notes
    again = rank(real, fitted, mask=np.broadcast_to(train, real.shape), shape=CUBE, metrics=FEW)
    assert again.entries[0].notes


def test_the_shape_is_chosen_so_that_several_blocks_fit():
    real = blobs((48, 48, 48), 0)
    assert rank(real, [blobs(CUBE, 1)], metrics=FEW).held_out.shape == CUBE
    assert rank(real, [blobs((48, 48, 48), 1)], metrics=FEW).held_out.shape == CUBE
    assert rank(real, [blobs((16, 32, 24), 1)], metrics=FEW).held_out.shape == (16, 32, 24)
    assert rank(blobs((1, 64, 64), 0), [blobs((64, 64, 64), 1)], metrics=FEW).held_out.shape == (1, 32, 32)


def test_solids_of_a_generator_are_judged_by_images():
    found = rank(
        blobs((1, 64, 64), 0), {"a": create_generator("gaussian-field").fit(blobs((48, 48, 48), 1))}, metrics=FEW
    )
    assert found.entries[0].score.total < 3


def test_nothing_to_rank_is_refused():
    with pytest.raises(InputError, match="no candidates"):
        rank(blobs(CUBE, 0), [])
    with pytest.raises(InputError, match="samples=0"):
        rank(blobs(CUBE, 0), blobs(CUBE, 1), samples=0)
    with pytest.raises(InputError, match="must be fitted"):
        rank(blobs(CUBE, 0), create_generator("shuffle"), shape=(12, 12, 12))


@pytest.mark.parametrize(
    ("fitted_at", "real_at", "says"),
    [
        ("2um", "3um", r"mine has voxel size 2 × 2 × 2 um, real has voxel size 3 × 3 × 3 um"),
        ("2um", None, r"mine has voxel size 2 × 2 × 2 um, real has no voxel size"),
    ],
)
def test_a_model_of_another_voxel_size_is_refused_after_one_sample(fitted_at, real_at, says):
    fitted = create_generator("shuffle").fit(as_volume(blobs(CUBE, 1), voxel_size=fitted_at))
    real = as_volume(blobs((48, 48, 24), 0), voxel_size=real_at, name="real")
    seen = []
    with pytest.raises(InputError, match=says):
        rank(real, {"mine": fitted}, shape=CUBE, metrics=FEW, samples=4, progress=lambda f, text: seen.append(f))
    assert max(seen) < 0.5


def test_a_model_without_voxel_size_takes_that_of_the_real_volume_with_one_note():
    fitted = create_generator("shuffle").fit(blobs(CUBE, 1))
    real = as_volume(blobs((48, 48, 24), 0), voxel_size="3um", name="real")
    found = rank(real, {"mine": fitted}, shape=CUBE, metrics=FEW, samples=2)
    assert found.entries[0].notes == ("mine has no voxel size; that of real, 3 × 3 × 3 um, is used",)


def test_a_candidate_that_lost_a_phase_is_named_and_stands_behind_noise():
    real = blobs((48, 48, 48), 0)
    noise = create_generator("shuffle").fit(real)
    empty = [np.zeros(CUBE, np.uint8)] * 4
    found = rank(real, {"empty": empty, "noise": noise}, shape=CUBE)
    assert [entry.name for entry in found.entries] == ["noise", "empty"]
    assert "lost phase solid: the total is at least that of noise" in found.entries[1].notes
