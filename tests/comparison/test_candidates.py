"""Candidates in the forms in which other codes hold volumes."""

from __future__ import annotations

import numpy as np
import pytest

import microchar as mc
from microchar.comparison.candidates import volumes_of

pytestmark = pytest.mark.property

RNG = np.random.default_rng(4)
REAL = RNG.integers(0, 3, (6, 7, 8)).astype(np.uint8) * 100
BATCH = RNG.integers(0, 3, (4, 6, 7, 8))


def fractions(candidates, reference=REAL, **arguments):
    """Return the shares of the phases of each candidate, by its name."""
    found = mc.compare(reference, candidates, ["volume_fraction"], **arguments)
    return {m.volume.name: [value.value for value in m["volume_fraction"].values] for m in found.candidates}


def shares(labels):
    return [float((labels == phase).mean()) for phase in range(3)]


NUMBERED = {f"candidate {number}": shares(labels) for number, labels in enumerate(BATCH, 1)}


@pytest.mark.parametrize(
    "form",
    [
        lambda: BATCH,
        lambda: BATCH[:, None],
        lambda: BATCH.astype(np.float32)[:, None],
        lambda: list(BATCH),
        lambda: (labels for labels in BATCH),
        lambda: iter([*BATCH[:2, None], *BATCH[2:, None]]),
    ],
)
def test_batches_lists_and_generators_are_several_candidates(form):
    assert fractions(form()) == NUMBERED


def test_a_batch_of_one_is_one_candidate():
    assert fractions(BATCH[:1, None]) == {"candidate": shares(BATCH[0])}


@pytest.mark.parametrize("dtype", ["int64", "bfloat16"])
def test_tensors(dtype):
    torch = pytest.importorskip("torch")
    assert fractions(torch.tensor(BATCH[:, None]).to(getattr(torch, dtype))) == NUMBERED


def test_the_keys_of_a_mapping_are_names():
    found = fractions({"gan": BATCH[0], "spheres": mc.as_volume(BATCH[1], name="other"), "many": BATCH[2:]})
    assert found == {
        "gan": shares(BATCH[0]),
        "spheres": shares(BATCH[1]),
        "many 1": shares(BATCH[2]),
        "many 2": shares(BATCH[3]),
    }


def test_one_hot_phases_are_phases_even_if_no_voxel_has_them():
    labels = np.where(BATCH == 1, 2, BATCH)  # phase 1 is absent
    hot = np.stack([labels == phase for phase in range(3)], axis=1)
    soft = hot * 0.6 + RNG.random(hot.shape) * 0.1
    for form in (hot, soft.astype(np.float32)):
        assert list(fractions(form, one_hot=True).values()) == [shares(each) for each in labels]
    assert fractions(hot[0], one_hot=True) == {"candidate": shares(labels[0])}
    assert fractions([hot[0], hot[1]], one_hot=True)["candidate 2"] == shares(labels[1])


def test_scores_and_rankings_take_batches_as_samples():
    material = (np.random.default_rng(0).random((16, 32, 32)) < 0.3).astype(np.uint8)
    batch = np.stack([material[:, :16, :16], material[:, 16:, 16:]])
    held_out = mc.HeldOut(material, (16, 16, 16), ["volume_fraction"])
    assert held_out.score(batch[:, None]) == held_out.score(list(batch))
    ranking = mc.rank(material, {"batch": batch}, shape=(16, 16, 16), metrics=["volume_fraction"])
    assert ranking.entries[0].score.n_samples == 2


@pytest.mark.parametrize(
    ("data", "arguments", "message"),
    [
        (np.zeros((2, 3, 4, 4, 4), int), {}, r"batch of shape \(2, 3, 4, 4, 4\), expected .*argmax\(1\)"),
        (np.zeros((0, 4, 4, 4), int), {}, r"the batch of shape \(0, 4, 4, 4\) holds no volume"),
        (np.zeros((2, 1, 2, 4, 4, 4), int), {}, "expected a 3D volume or a 2D image, found 6 axes"),
        (np.zeros((4, 4, 4), int), {"one_hot": True}, r"one-hot phases have the shape .* found \(4, 4, 4\)"),
        (np.zeros((3, 4, 4, 4)), {"one_hot": True}, "no single phase has the largest number"),
        (np.eye(3, dtype=np.float32)[RNG.integers(0, 3, (4, 4, 4))].transpose(3, 0, 1, 2), {}, r"one-hot.*argmax\(0\)"),
        (np.full((3, 4, 4, 4), np.nan), {"one_hot": True}, "no single phase has the largest number"),
        (np.zeros((99, 4, 4, 4)), {"one_hot": True}, "found 99 phases along the first axis, expected at most 16"),
    ],
)
def test_other_shapes_are_refused(data, arguments, message):
    with pytest.raises(mc.InputError, match=f"sample: .*{message}"):
        volumes_of(data, "sample", **arguments)


@pytest.mark.parametrize("nothing", [[], {}, iter(())])
def test_no_candidates_are_refused(nothing):
    with pytest.raises(mc.InputError, match="no candidates were given"):
        mc.compare(REAL, nothing)
