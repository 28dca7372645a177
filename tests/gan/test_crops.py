"""The volume critic: crops of the data and of generated volumes, and trainings with either kind of critic, or both."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view

from gan.trainings import SMALL, trainer_of
from microchar.core.errors import InputError
from microchar.core.volume import OUTSIDE
from microchar.generation.training import TrainingData
from microchar_gan.gan import UnetGan
from microchar_gan.networks.critic import SliceCritic, VolumeCritic
from microchar_gan.settings import settings_of
from microchar_gan.training.crops import real_crops, volume_crops

#: So many labels that no two crops are alike by chance.
LABELS = 200


def unlike(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, LABELS, shape, dtype=np.uint8)


def drawn(volume, edge, count=100, turn=False):
    crops = real_crops(torch.from_numpy(volume), LABELS, edge, turn=turn).draw(count, np.random.default_rng(1))
    return crops.argmax(dim=1).to(torch.uint8).numpy()


def test_real_crops_are_cubes_of_the_volume():
    volume = unlike(6, 7, 8)
    cubes = {cube.tobytes() for cube in sliding_window_view(volume, (4, 4, 4)).reshape(-1, 4, 4, 4)}
    found = [crop.tobytes() for crop in drawn(volume, 4)]
    assert set(found) <= cubes
    assert len(set(found)) > 30


def test_crops_of_one_batch_are_turned_apart_into_the_48_orientations():
    # Volumes as large as the crops: all are the same cube.
    cube = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    found = Counter(crop.tobytes() for crop in drawn(cube, 3, count=4800, turn=True))
    assert len(found) == 48
    assert min(found.values()) > 60
    crops = drawn(unlike(5, 5, 5), 5, turn=True)
    assert len({crop.tobytes() for crop in crops}) > 20
    assert len({np.sort(crop, axis=None).tobytes() for crop in crops}) == 1


def test_masked_voxels_are_in_no_crop():
    volume = unlike(12, 12, 12)
    volume[:6, :5] = OUTSIDE
    assert (drawn(volume, 4, turn=True) != OUTSIDE).all()
    volume[::3] = OUTSIDE
    with pytest.raises(InputError, match=r"no crop of 4 × 4 × 4 voxels inside the mask.*slice_size="):
        drawn(volume, 4)


@pytest.mark.parametrize("periodic", [True, False])
def test_crops_of_generated_volumes_are_cubes_that_wrap_if_the_volume_does(periodic):
    edge, size = 4, 6
    place = torch.arange(size**3, dtype=torch.float32).reshape(size, size, size)
    volume = torch.stack([torch.stack([torch.full_like(place, float(b)), place]) for b in range(2)])
    starts = set()
    for seed in range(60):
        crops = volume_crops(volume, 3, edge, np.random.default_rng(seed), periodic).numpy().astype(int)
        assert crops.shape == (6, 2, edge, edge, edge)
        np.testing.assert_array_equal(crops[:, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1])
        at = np.array(np.unravel_index(crops[:, 1], (size,) * 3))
        for axis in range(3):
            steps = np.diff(at[axis], axis=1 + axis)
            np.testing.assert_array_equal(steps % size, 1)
            assert periodic or (steps == 1).all()
        starts |= {tuple(one) for one in at[:, :, 0, 0, 0].T.tolist()}
    assert len(starts) == (size**3 if periodic else 27) or periodic
    assert max(max(start) for start in starts) == (size - 1 if periodic else size - edge)


def test_crops_pass_gradients_on():
    volume = torch.rand(1, 2, 6, 6, 6, requires_grad=True)
    volume_crops(volume, 5, 4, np.random.default_rng(0), periodic=True).sum().backward()
    assert volume.grad.sum() == 5 * 2 * 4**3


def test_the_volume_critic_is_the_slice_critic_with_one_more_dimension():
    settings = settings_of("paper", {"critic_width": 4})
    of_slices, of_volumes = SliceCritic(settings, 3), VolumeCritic(settings, 3)
    shapes = [[tuple(weight.shape) for weight in critic.parameters()] for critic in (of_slices, of_volumes)]
    assert [shape + shape[-1:] if len(shape) == 4 else shape for shape in shapes[0]] == shapes[1]
    crops = torch.rand(2, 3, 64, 64, 64, requires_grad=True)
    scores = of_volumes(crops)
    assert scores.shape == (2,)
    (scores * torch.tensor([1.0, -2.0])).sum().backward()
    assert crops.grad.abs().amax(dim=(1, 2, 3, 4)).min() > 0


@pytest.mark.parametrize(
    ("critic", "anisotropic", "kinds"),
    [
        ("slices", False, [SliceCritic]),
        ("volume", False, [VolumeCritic]),
        ("both", False, [SliceCritic, VolumeCritic]),
        ("both", True, [SliceCritic] * 3 + [VolumeCritic]),
    ],
)
def test_each_kind_of_critic_learns_and_teaches(real, critic, anisotropic, kinds):
    trainer = trainer_of(real, critic=critic, anisotropic=anisotropic, crops=2, warm_up=0)
    assert [type(one) for one in trainer.critics] == kinds
    before = [[weight.clone() for weight in module.parameters()] for module in (trainer.critics, trainer.generator)]
    found = trainer.step()
    assert all(np.isfinite(value) for value in vars(found).values())
    # The L1 term compares slices whatever the critics see.
    assert found.l1 > 0
    for old, module in zip(before, (trainer.critics, trainer.generator), strict=True):
        assert all(not torch.equal(a, b) for a, b in zip(old, module.parameters(), strict=True) if a.ndim > 1)


def test_a_volume_critic_alone_draws_no_slices_without_an_l1_term(real):
    trainer = trainer_of(real, critic="volume", loss="wasserstein")
    (view,) = trainer.views
    assert view.generated(torch.zeros(1, 2, 32, 32, 32)).ndim == 5
    assert trainer.step().l1 == 0


def test_a_volume_critic_learns_to_tell_noise_from_rock(real):
    trainer = trainer_of(real, critic="volume", rate=0.0, critic_rate=3e-3, calibrate=False, critic_width=4)
    found = [trainer.step() for _ in range(30)]
    assert np.mean([one.critic for one in found[-5:]]) < found[0].critic - 0.5


def test_images_have_no_crops(field):
    images = TrainingData.from_slices({0: [field((40, 40), seed=0)]})
    with pytest.raises(InputError, match=r"critic='volume' or 'both': needs a volume.*use 'slices'"):
        UnetGan(preset="tiny", steps=1, critic="both", **SMALL).fit(images)


def test_a_volume_thinner_than_the_crops_is_refused(field):
    with pytest.raises(InputError, match=r"smaller than crops of 32 × 32 × 32.*critic='slices'"):
        UnetGan(preset="tiny", steps=1, critic="volume", **SMALL).fit(field((40, 40, 20), seed=0))
