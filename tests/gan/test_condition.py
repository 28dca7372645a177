"""The conditional model: a slice given to the generator at its place, and volumes made around it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from microchar.core.errors import InputError
from microchar_gan.gan import UnetGan
from microchar_gan.networks.conditioning import KEPT_SLICES, one_hot, write_condition
from microchar_gan.settings import settings_of
from microchar_gan.training.checkpoint import load_checkpoint, save_checkpoint
from microchar_gan.training.conditions import Conditions
from microchar_gan.training.gan_training import GanTrainer
from microchar_gan.training.slicing import RealSlices

CPU = torch.device("cpu")
GIVEN = {
    "input": "slice", "l1_match": "conditional", "width": 4, "mhfa_kernels": (), "msca_kernels": (), "cbam": False,
    "slices_per_axis": 2, "critic_width": 2,
}  # fmt: skip


def trainer_of(labels, seed=1, **changes):
    settings = settings_of("tiny", GIVEN | changes)
    real = RealSlices(labels, int(labels.max()) + 1, settings.slice_size, CPU, isotropic=True)
    return GanTrainer(settings, real, device=CPU, half=False, seed=seed)


@pytest.fixture(scope="module")
def real(field):
    return field((40, 36, 36), seed=5)


@pytest.fixture(scope="module")
def model(real):
    return UnetGan(preset="tiny", steps=2, **GIVEN).fit(real, seed=1)


@pytest.mark.parametrize("axis", range(3))
def test_a_slice_is_spread_along_its_normal_and_the_mask_marks_its_place(axis):
    noise = torch.randn(2, 6, 5, 5, 5)
    before = noise.clone()
    image = one_hot(torch.randint(3, (1, 5, 5)), 3)
    write_condition(noise[:1], image, [axis], [4])
    assert torch.equal(noise[1], before[1])
    assert torch.equal(noise[0, :2], before[0, :2])
    for place in range(5):
        assert torch.equal(noise[0, 2:5].select(1 + axis, place), image[0])
        assert (noise[0, 5].select(axis, place) == (place == 4)).all()


def test_conditions_are_real_slices_at_any_axis_and_place(real):
    conditions = Conditions(RealSlices(real, 2, 16, CPU, isotropic=False), edge=32)
    source = torch.Generator().manual_seed(0)
    axes, positions = set(), set()
    for _ in range(20):
        noise = torch.randn(4, 5, 32, 32, 32)
        conditions.draw(noise, source)
        axes |= set(conditions.axes)
        positions |= set(conditions.positions)
        assert (noise[:, -1].sum(dim=(1, 2, 3)) == 32 * 32).all()
    assert axes == {0, 1, 2}
    assert len(positions) > 20
    for image, axis in zip(conditions.images, conditions.axes, strict=True):
        label = image[1].numpy().astype(np.uint8)
        planes = np.moveaxis(real, axis, 0)
        windows = np.lib.stride_tricks.sliding_window_view(planes, (32, 32), axis=(1, 2))
        assert (windows == label).all(axis=(-2, -1)).any()


def test_the_l1_term_is_the_distance_to_the_given_slice(real):
    conditions = Conditions(RealSlices(real, 2, 32, CPU, isotropic=True), edge=32)
    conditions.draw(torch.randn(3, 4, 32, 32, 32), torch.Generator().manual_seed(3))
    given = list(zip(conditions.images, conditions.axes, conditions.positions, strict=True))
    volumes = torch.rand(3, 2, 32, 32, 32)
    by_hand = [
        np.abs(volume.take(place, 1 + axis) - image.numpy()).mean()
        for volume, (image, axis, place) in zip(volumes.numpy(), given, strict=True)
    ]
    assert conditions.l1(volumes).item() == pytest.approx(np.mean(by_hand))
    for volume, (image, axis, place) in zip(volumes, given, strict=True):
        volume.select(1 + axis, place).copy_(image)
    assert conditions.l1(volumes) == 0


def test_the_generator_learns_to_keep_the_slice(real):
    trainer = trainer_of(real, lambda_w=0.0, rate=1e-2)
    found = [trainer.step().l1 for _ in range(20)]
    # Of two phases of .3 and .7 independent slices differ in .42 of their voxels.
    assert found[0] > 0.3
    assert np.mean(found[-3:]) < 0.1


def test_training_goes_on_exactly(real, tmp_path):
    whole = trainer_of(real, batch=2)
    expected = [whole.step() for _ in range(6)]
    first = trainer_of(real, batch=2)
    found = [first.step() for _ in range(3)]
    save_checkpoint(tmp_path, first.tensors(), {"steps": 3, "rng": first.rng.bit_generator.state})
    tensors, about = load_checkpoint(tmp_path, {})
    second = trainer_of(real, batch=2, seed=5)
    second.restore(tensors, about["steps"], about["rng"])
    assert found + [second.step() for _ in range(3)] == expected


def test_the_model_keeps_real_slices(model, real):
    kept = model.state["slices"]
    assert kept.shape == (KEPT_SLICES, 32, 32)
    assert kept.dtype == np.uint8
    for image in kept:
        planes = [np.moveaxis(real, axis, 0) for axis in range(3)]
        windows = [np.lib.stride_tricks.sliding_window_view(p, (32, 32), axis=(1, 2)) for p in planes]
        assert any((w == image).all(axis=(-2, -1)).any() for w in windows)


def test_volumes_are_made_around_one_of_them_and_repeat_with_their_seed(model, tmp_path):
    made = [model.generate((32, 24, 31), seed=seed).values for seed in (0, 0, 1)]
    assert made[0].shape == (32, 24, 31)
    np.testing.assert_array_equal(made[0], made[1])
    assert (made[0] != made[2]).any()
    model.save(tmp_path / "model.safetensors")
    loaded = UnetGan.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.generate((32, 24, 31), seed=0).values, made[0])
    model.generate_to(tmp_path / "volume.tif", (32, 24, 31), seed=0)
    assert (tmp_path / "volume.tif").stat().st_size > 32 * 24 * 31


def test_the_slice_lies_in_the_middle(real, monkeypatch):
    # A network that hands its condition on: logits are the slice where the mask is, and phase 0 elsewhere.
    model = UnetGan(preset="tiny", steps=1, **GIVEN).fit(real, seed=1)
    network = model._network
    monkeypatch.setattr(network, "forward", lambda noise: noise[:, -3:-1] * noise[:, -1:])
    volume = model.generate((20, 32, 16), seed=4).read()
    assert not volume[:10].any()
    assert not volume[11:].any()
    assert any((volume[10] == image[:32, :16]).all() for image in model.state["slices"])


def test_what_cannot_be_made_around_a_slice_is_refused(model, tmp_path):
    with pytest.raises(InputError, match=r"at most 32 along each axis.*input='noise'"):
        model.generate((33, 32, 32))
    with pytest.raises(InputError, match=r"periodic=\(1,\).*does not repeat"):
        model.generate((32, 32, 32), periodic=(1,))
    with pytest.raises(InputError, match="at most 32"):
        model.generate_to(tmp_path / "volume.tif", (64, 64, 64))
    assert not list(tmp_path.iterdir())


def test_a_damaged_slice_is_refused(model, tmp_path):
    path = tmp_path / "model.safetensors"
    model.save(path)
    with safe_open(path, framework="numpy") as file:
        about = file.metadata()
    save_file(load_file(path) | {"slices": np.full((KEPT_SLICES, 32, 32), 7, np.uint8)}, path, about)
    with pytest.raises(InputError, match="found label 7, the model has 2 phases"):
        UnetGan.load(path).generate((16, 16, 16))
    save_file({k: v for k, v in load_file(path).items() if k != "slices"}, path, about)
    with pytest.raises(InputError, match="missing"):
        UnetGan.load(path)


def test_data_smaller_than_the_field_are_refused(field):
    with pytest.raises(InputError, match=r"smaller than slices of 48 × 48 voxels.*field="):
        UnetGan(preset="tiny", steps=1, field=48, slice_size=32, **GIVEN).fit(field((40, 40, 40), seed=0))
