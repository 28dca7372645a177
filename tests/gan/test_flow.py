"""The generator sdf-flow: its contract, exact resumption, tiles that make the whole, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from gan.trainings import (
    CPU,
    check_that_a_stopped_fit_goes_on,
    check_that_checkpoints_are_exact,
    flow_model_of,
    rows,
)
from microchar.core.errors import InputError
from microchar.generation.training import TrainingData
from microchar.testing import check_generator
from microchar_gan import flow
from microchar_gan.flow import SdfFlow
from microchar_gan.networks import flow_unet
from microchar_gan.networks.flow_unet import reach_of
from microchar_gan.settings import flow_settings_of
from microchar_gan.tiling.flow_sampling import labelled, sampled
from microchar_gan.tiling.halo import impulse_halo
from microchar_gan.training.distance_crops import DistanceCrops
from microchar_gan.training.flow_matching import FlowTrainer


def crops_of(labels, *, isotropic=True, voxel_size=(1.0, 1.0, 1.0), edge=32):
    return DistanceCrops(labels, int(labels.max()) + 1, edge, isotropic=isotropic, voxel_size=voxel_size)


def trainer_of(labels, seed=1, **changes):
    return FlowTrainer(flow_settings_of("tiny", changes), crops_of(labels), device=CPU, half=False, seed=seed)


@pytest.fixture(scope="module")
def rock(field):
    return field((40, 36, 36), seed=5, sigma=3.0)


@pytest.fixture(scope="module")
def trained(rock):
    return SdfFlow(preset="tiny", steps=8).fit(rock, seed=2)


# --- the contract -----------------------------------------------------------------


@pytest.mark.parametrize("what", ["two phases", "three phases", "masked"])
def test_contract(materials, what):
    check_generator(SdfFlow(preset="tiny", steps=2), materials[what], shape=(32, 24, 16))


def test_nothing_touches_the_random_state_of_pytorch(rock):
    before = torch.get_rng_state()
    SdfFlow(preset="tiny", steps=1).fit(rock).generate((16, 16, 16))
    assert torch.equal(before, torch.get_rng_state())


def test_volumes_of_typical_local_fractions_have_those_of_the_material(field, monkeypatch):
    monkeypatch.setattr(flow, "_CALIBRATING", 4)
    monkeypatch.setattr(flow, "_CROPS", 2)
    labels = field((40, 40, 40), seed=8, sigma=3.0, fractions=(0.5, 0.3, 0.2))
    model = SdfFlow(preset="tiny", steps=20).fit(labels)._model
    states = [sampled(model, (16, 16, 16), seed=seed, typical=True) for seed in range(10, 14)]
    made = [block for state in states for _, block in labelled(model, state, (64, 64, 64))]
    np.testing.assert_allclose(np.bincount(np.ravel(made), minlength=3) / np.size(made), [0.5, 0.3, 0.2], atol=0.05)


# --- training ---------------------------------------------------------------------


def test_a_training_lowers_its_loss(rock):
    trainer = trainer_of(rock)
    losses = [trainer.step(i / 60)["loss"] for i in range(60)]
    # Standardised data and noise differ by 2 on average, which a network that says nothing is charged.
    assert np.mean(losses[:3]) == pytest.approx(2, rel=0.3)
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:5])


def test_steps_are_the_same_after_a_checkpoint_to_the_bit(rock, tmp_path):
    check_that_checkpoints_are_exact(partial(trainer_of, rock), tmp_path, 8)


def test_a_fit_that_was_stopped_goes_on_as_if_it_had_not_been(rock, tmp_path):
    check_that_a_stopped_fit_goes_on(lambda: SdfFlow(preset="tiny", steps=56), rock, tmp_path, at=52)
    assert [row["step"] for row in rows(tmp_path / "whole")] == ["50", "56"]
    with pytest.raises(InputError, match=r"another training \(settings: rate"):
        SdfFlow(preset="tiny", steps=56, rate=1e-4).fit(rock, seed=3, folder=tmp_path / "parts", resume=True)


# --- crops ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "orders"),
    [({}, 6), ({"voxel_size": (1.0, 1.0, 2.0)}, 2), ({"voxel_size": (1.0, 3.0, 2.0)}, 1), ({"isotropic": False}, 1)],
)
def test_axes_of_unlike_voxels_are_not_exchanged(options, orders):
    # Planes normal to axis 0: a crop tells by its variation how its axes were exchanged.
    labels = np.zeros((32, 32, 32), np.uint8)
    labels[10:16], labels[22:], labels[:, :4], labels[:, :, 30:] = 1, 1, 1, 1
    crops, rng = crops_of(labels, **options), np.random.default_rng(0)
    seen = {tuple(np.argsort([float(crop.diff(dim=axis).abs().mean()) for axis in (2, 3, 4)]))
            for crop in (crops.draw(1, rng)[0] for _ in range(60))}  # fmt: skip
    assert len(seen) == orders


def test_crops_are_standardised_distances_and_know_their_local_fractions(field):
    labels = field((64, 64, 64), seed=1, sigma=3.0)
    labels[:, 32:] |= field((64, 32, 64), seed=2, sigma=3.0)
    crops = crops_of(labels)
    drawn, local = crops.draw(200, np.random.default_rng(0))
    assert (drawn.shape, local.shape) == ((200, 8, 8, 8, 8), (200, 1, 8, 8, 8))
    # Sum and details each by themselves.
    assert abs(drawn.mean(dim=(0, 2, 3, 4))).max() < 0.2
    assert abs(drawn.std(dim=(0, 2, 3, 4)) - 1).max() < 0.2
    # Where there is more of phase 0, its distance is larger.
    means = drawn[:, 0].mean(dim=(1, 2, 3)), local.mean(dim=(1, 2, 3, 4))
    assert float(torch.corrcoef(torch.stack(means))[0, 1]) > 0.8


def test_crops_lie_inside_the_mask(field):
    labels = field((32, 32, 80), seed=1)
    labels[:, :, :40] = 255
    crops = DistanceCrops(labels, 2, 32, isotropic=False, voxel_size=(1, 1, 1))
    rng = np.random.default_rng(0)
    assert {crops._start(rng)[2] for _ in range(30)} <= set(range(40, 49))
    labels[16] = 255
    with pytest.raises(InputError, match=r"no crop of 32 × 32 × 32 voxels inside the mask.*smaller crop_size="):
        DistanceCrops(labels, 2, 32, isotropic=False, voxel_size=(1, 1, 1)).draw(1, rng)


def test_the_face_of_a_mask_is_no_surface(field):
    labels = np.full((48, 32, 32), 255, np.uint8)
    labels[:40] = field((40, 32, 32), seed=1)
    labels[30:40] = 1
    crops = DistanceCrops(labels, 2, 32, isotropic=False, voxel_size=(1, 1, 1))
    # Six voxels and more behind the last other phase, the distance is cut: it would not be beside a surface.
    assert float(crops._middles[:, 37:40].std()) == pytest.approx(0, abs=1e-5)


# --- sampling ---------------------------------------------------------------------


@pytest.mark.oracle
@pytest.mark.parametrize("blocks", [(1,), (1, 1), (1, 2), (1, 1, 1)])
def test_the_reach_is_what_an_impulse_says(blocks):
    model = flow_model_of(widths=(4,) * len(blocks), blocks=blocks)
    network, align = model.network, 2 ** (len(blocks) - 1)
    time = torch.tensor([0.3])
    found = impulse_halo(lambda x: network(x, time), network.channels, align=align, shortest=align)
    assert network.reach == reach_of(blocks)
    assert (found.halo, found.exact) == (network.reach, True)


@pytest.mark.parametrize("phases", [2, 3])
def test_tiles_make_the_whole(phases):
    model = flow_model_of(phases, sampling_steps=2)
    assert model.halo == 12
    cells = (48, 32, 8)
    whole = sampled(model, cells, seed=4)
    tiled = sampled(model, cells, seed=4, tile=(12, 6, 8))
    np.testing.assert_allclose(tiled, whole, atol=1e-4)
    shape = tuple(4 * n for n in cells)
    first, second = (np.concatenate([block for _, block in labelled(model, state, shape)]) for state in (whole, tiled))
    # Ties of float rounding: one voxel in 10^5.
    assert np.count_nonzero(first != second) <= 1e-5 * first.size
    assert 0.02 < np.mean(first == 0) < 0.98


def test_tiles_make_the_whole_in_half_precision():
    # Products of bfloat16 are added in float32, in an order that a tile does not change: nothing but a tie may differ.
    model = replace(flow_model_of(sampling_steps=3), half=True)
    cells = (32, 16, 8)
    whole, tiled = (sampled(model, cells, seed=4, tile=tile) for tile in (cells, (8, 8, 8)))
    first, second = (np.concatenate([b for _, b in labelled(model, s, (128, 64, 32))]) for s in (whole, tiled))
    assert np.mean(first != second) < 1e-4
    assert np.mean(first != np.roll(second, 4, axis=0)) > 0.01


def test_the_halo_that_is_felt_is_enough(trained):
    model = trained._model
    assert 0 < model.halo <= model.network.reach
    cells = (48, 8, 8)
    whole, tiled = (sampled(model, cells, seed=4, tile=tile) for tile in (cells, (8, 8, 8)))
    np.testing.assert_allclose(tiled, whole, atol=1e-3)


@pytest.mark.parametrize("blocks", [(1,), (1, 1)])
def test_slabs_of_the_highest_level_make_the_whole(blocks, monkeypatch):
    network = flow_model_of(widths=(8,) * len(blocks), blocks=blocks).network
    x, time = torch.randn(1, 9, 24, 8, 8, generator=torch.Generator().manual_seed(1)), torch.tensor([0.4])
    whole = network(x, time)
    monkeypatch.setattr(flow_unet, "_SLAB", 5)
    torch.testing.assert_close(network(x, time), whole, atol=1e-4, rtol=1e-4)


def test_noise_depends_on_seed_and_step_and_place():
    model = flow_model_of(sampling_steps=2)
    one, again, other = (sampled(model, (8, 8, 8), seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.2


def test_slabs_are_labelled_as_the_whole(trained, monkeypatch):
    from microchar_gan.tiling import flow_sampling

    whole = trained.generate((40, 20, 30), seed=1).values
    monkeypatch.setattr(flow_sampling, "_SLAB", 1)
    np.testing.assert_array_equal(trained.generate((40, 20, 30), seed=1).values, whole)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"widths": (8, 8), "blocks": (1,)}, "as many of both"),
        ({"widths": ()}, "widths=.*whole numbers of at least 1"),
        ({"blocks": (1, 0)}, "blocks=.*whole numbers of at least 1"),
        ({"crop_size": 36}, "crop_size=36: expected a multiple of 8"),
        ({"fresh_noise": 1.0}, "fresh_noise=1.0.*less than 1"),
        ({"sampling_steps": 0}, "sampling_steps=0: expected at least 1"),
        ({"minutes": 0}, "minutes=0: expected a number greater than 0"),
        ({"preset": "paper"}, "preset='paper': expected default or tiny"),
    ],
)
def test_settings_that_make_no_network_are_refused(parameters, message):
    with pytest.raises(InputError, match=message):
        SdfFlow(**{"preset": "tiny"} | parameters)


def test_what_it_cannot_learn_from_is_refused(field):
    with pytest.raises(InputError, match=r"shape \(40, 30, 36\): smaller than crops of 32 × 32 × 32"):
        SdfFlow(preset="tiny", steps=1).fit(field((40, 30, 36), seed=1))
    with pytest.raises(InputError, match="slices"):
        SdfFlow(preset="tiny", steps=1).fit(TrainingData.from_slices({0: [field((40, 40), seed=1)]}))


def test_periods_are_multiples_of_the_lowest_level(trained):
    with pytest.raises(InputError, match=r"axis 1 is periodic and 33 voxels long.*multiples of 8 voxels.*use 32 or 40"):
        trained.generate((32, 33, 32), periodic=(1,))


def test_an_anisotropic_material_is_pointed_at(field):
    labels = np.repeat(field((10, 60, 60), seed=1), 6, axis=0)
    assert "use anisotropic=True" in str(SdfFlow(preset="tiny", steps=1).fit(labels).history["warnings"])
    assert "warnings" not in SdfFlow(preset="tiny", steps=1, anisotropic=True).fit(labels).history
