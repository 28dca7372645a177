"""What critics are shown: windows that really are windows of the data, masks respected, parts with a gap between."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view

from gan.trainings import trainer_of
from microchar.core.errors import InputError
from microchar.core.volume import OUTSIDE, as_volume
from microchar.generation.training import TrainingData
from microchar_gan.networks.conditioning import one_hot
from microchar_gan.training.slicing import (
    PLANES,
    RealSlices,
    as_labels,
    turned,
    volume_slices,
    with_gumbel_noise,
)
from microchar_gan.training.splitting import GAP, split
from microchar_gan.training.statistics import slice_s2

CPU = torch.device("cpu")
#: So many labels that no two windows are alike by chance.
LABELS = 200


def unlike(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, LABELS, shape, dtype=np.uint8)


def windows(planes, crop):
    """All windows of some planes, as bytes."""
    return {window.tobytes() for plane in planes for row in sliding_window_view(plane, (crop, crop)) for window in row}


def drawn(real, axis, count=200, seed=0):
    return [window.numpy().tobytes() for window in real.draw(axis, count, np.random.default_rng(seed))]


# --- labels with a gradient -------------------------------------------------------


@pytest.mark.parametrize("phases", [2, 3])
def test_labels_are_the_likeliest_phase_with_the_gradient_of_its_probability(phases):
    logits = torch.randn((2, phases, 4, 5, 6), generator=torch.Generator().manual_seed(1), requires_grad=True)
    weights = torch.randn(logits.shape, generator=torch.Generator().manual_seed(2))
    labels = as_labels(logits.softmax(dim=1))
    torch.testing.assert_close(labels, one_hot(logits.argmax(dim=1), phases))
    (ours,) = torch.autograd.grad((weights * labels).sum(), logits)
    # The derivative of a softmax, written down.
    p = logits.detach().softmax(dim=1)
    torch.testing.assert_close(ours, p * (weights - (weights * p).sum(dim=1, keepdim=True)))


def test_noise_makes_labels_as_likely_as_a_softmax_of_the_logits_over_its_scale():
    logits, scale = torch.tensor([0.3, -0.2, 0.1]), 0.5
    everywhere = logits[None, :, None, None, None].expand(1, 3, 60, 60, 60)
    noisy = with_gumbel_noise(everywhere, scale, torch.Generator().manual_seed(1))
    found = torch.bincount(noisy.argmax(dim=1).flatten(), minlength=3) / 60**3
    # Two hundred thousand draws: a standard error of a thousandth.
    torch.testing.assert_close(found, (logits / scale).softmax(dim=0), rtol=0, atol=5e-3)
    assert with_gumbel_noise(everywhere, 0.0, torch.Generator()) is everywhere


@pytest.mark.parametrize("straight_through", [False, True])
def test_volumes_of_training_are_labels_unless_probabilities_are_asked_for(field, straight_through):
    volume = trainer_of(field((40, 40, 40), seed=1), straight_through=straight_through)._volume()
    torch.testing.assert_close(volume.sum(dim=1), torch.ones_like(volume[:, 0]))
    grey = (volume > 1e-3) & (volume < 1 - 1e-3)
    assert bool(grey.any()) != straight_through


# --- slices of generated volumes --------------------------------------------------


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("crop", [4, 6])
def test_slices_of_volumes_are_windows_of_their_planes_that_may_wrap(axis, crop):
    edge, count = 6, 5
    # Two phases tell the volume and the voxel's place, so that every voxel says where it comes from.
    place = torch.arange(edge**3, dtype=torch.float32).reshape(edge, edge, edge)
    volume = torch.stack([torch.stack([torch.full_like(place, float(b)), place]) for b in range(2)])
    starts = set()
    for seed in range(20):
        slices = volume_slices(volume, axis, count, crop, np.random.default_rng(seed)).numpy().astype(int)
        assert slices.shape == (2 * count, 2, crop, crop)
        np.testing.assert_array_equal(slices[:, 0, 0, 0], [0] * count + [1] * count)
        at = np.array(np.unravel_index(slices[:, 1], (edge,) * 3))  # axis, slice, row, column
        normal, (rows, columns) = at[axis], at[list(PLANES[axis])]
        assert (normal == normal[:, :1, :1]).all()
        planes = normal[:, 0, 0]
        np.testing.assert_array_equal(planes[:count], planes[count:])
        assert len(set(planes[:count])) == count  # no plane twice while there are others
        np.testing.assert_array_equal(np.diff(rows, axis=1) % edge, 1)
        np.testing.assert_array_equal(np.diff(columns, axis=2) % edge, 1)
        starts |= {(int(rows[0, 0, 0]), int(columns[0, 0, 0]))}
    # Smaller windows begin anywhere; those as large as the volume must not show that it repeats.
    assert (len(starts) > 10) == (crop < edge)


def test_windows_of_volumes_that_do_not_repeat_end_where_they_do():
    place = torch.arange(6**3, dtype=torch.float32).reshape(1, 1, 6, 6, 6)
    starts = set()
    for seed in range(40):
        slices = volume_slices(place, 0, 6, 4, np.random.default_rng(seed), periodic=False)
        _, rows, columns = np.unravel_index(slices[:, 0].numpy().astype(int), (6, 6, 6))
        assert (np.diff(rows, axis=1) == 1).all()
        assert (np.diff(columns, axis=2) == 1).all()
        starts |= {(int(rows[0, 0, 0]), int(columns[0, 0, 0]))}
    assert starts == {(a, b) for a in range(3) for b in range(3)}


@pytest.mark.parametrize(("preset", "wraps"), [("tiny", True), ("slicegan", False)])
def test_only_volumes_that_repeat_are_cut_across_their_faces(field, preset, wraps):
    labels = field((40, 40, 40), seed=1)
    small = {"width": 32, "field": 64, "slice_size": 32, "slices_per_axis": 1, "calibrate": False}
    trainer = trainer_of(labels, preset=preset, **small)
    # Of a volume that rises along axis 1, a window falls where it goes around.
    volume = torch.linspace(0, 1, 64)[None, None, None, :, None].expand(1, 2, 64, 64, 64)
    (view,) = trainer.views
    falls = [bool((view.generated(volume)[0, 0, :, 0].diff() < 0).any()) for _ in range(30)]
    assert any(falls) == wraps


@pytest.mark.parametrize("anisotropic", [True, False])
def test_each_critic_is_shown_slices_normal_to_its_axis(anisotropic):
    # Layers along axis 0: a slice normal to it is of one phase, one normal to another axis never is.
    layers = np.zeros((40, 40, 40), np.uint8)
    layers[::2] = 1
    trainer = trainer_of(layers, anisotropic=anisotropic, slices_per_axis=8)
    volume = torch.from_numpy(layers[:32, :32, :32]).float()[None, None].expand(1, 2, 32, 32, 32)

    def plain(slices):
        return [bool((one[-1] == one[-1, 0, 0]).all()) for one in slices]

    views = trainer.views
    if anisotropic:
        assert [view.axis for view in views] == [0, 1, 2]
        assert len({id(view.critic) for view in views}) == 3
        for view in views:
            assert plain(view.generated(volume)) == plain(view.real(8)) == [view.axis == 0] * 8
    else:
        (view,) = views
        # A real slice may be turned: one of layers is of one phase in every row or in every column.
        assert plain(view.generated(volume)) == [True] * 8 + [False] * 16
        assert 0 < sum(plain(view.real(60))) < 60


def test_more_slices_than_planes_repeat_some():
    slices = volume_slices(torch.rand(1, 2, 4, 4, 4), 0, 9, 4, np.random.default_rng(0))
    assert slices.shape == (9, 2, 4, 4)


def test_slices_pass_gradients_on():
    volume = torch.rand(1, 2, 6, 6, 6, requires_grad=True)
    volume_slices(volume, 1, 6, 4, np.random.default_rng(0)).sum().backward()
    # Six planes of 4 × 4 voxels and two phases, each voxel once.
    assert volume.grad.sum() == 6 * 16 * 2
    assert set(volume.grad.unique().tolist()) == {0.0, 1.0}


def test_turning_makes_the_eight_symmetries_of_the_square_and_nothing_else():
    image = torch.arange(9.0).reshape(1, 1, 3, 3)
    alike = {tuple(torch.rot90(x, k, (-2, -1)).flatten().tolist()) for x in (image, image.flip(-1)) for k in range(4)}
    # One image many times: each copy is turned in its own way, and none is preferred.
    made = turned(image.expand(800, 1, 3, 3), np.random.default_rng(0))
    found = Counter(tuple(one.flatten().tolist()) for one in made)
    assert found.keys() == alike
    assert len(alike) == 8
    assert min(found.values()) > 60


# --- slices of the data -----------------------------------------------------------


@pytest.mark.parametrize("axis", range(3))
def test_windows_of_a_volume_are_normal_to_the_axis_asked_for(axis):
    volume = unlike(7, 8, 9)
    found = drawn(RealSlices(volume, LABELS, 5, CPU, isotropic=False), axis)
    assert set(found) <= windows(np.moveaxis(volume, axis, 0), 5)
    # Every plane comes up, and every place in it.
    assert {np.frombuffer(w, np.uint8)[0] for w in found} > set()
    assert len(set(found)) > 60


def test_windows_of_an_isotropic_volume_are_of_all_axes():
    volume = unlike(6, 7, 8)
    found = set(drawn(RealSlices(volume, LABELS, 4, CPU, isotropic=True), 0, 300))
    of_axes = [windows(np.moveaxis(volume, axis, 0), 4) for axis in range(3)]
    assert found <= set.union(*of_axes)
    assert all(len(found & of_axis) > 50 for of_axis in of_axes)


def test_a_flat_volume_gives_windows_normal_to_its_short_axis_alone():
    volume = unlike(8, 3, 9)
    real = RealSlices(volume, LABELS, 6, CPU, isotropic=True)
    assert set(drawn(real, 0)) <= windows(np.moveaxis(volume, 1, 0), 6)
    with pytest.raises(InputError, match=r"shape \(8, 3, 9\): smaller than slices of 6 × 6"):
        RealSlices(volume, LABELS, 6, CPU, isotropic=False)


def test_windows_of_images_are_of_the_direction_asked_for():
    images = {0: (unlike(9, 8), unlike(6, 7, seed=1)), 1: (unlike(8, 8, seed=2),), 2: (unlike(7, 9, seed=3),)}
    real = RealSlices(images, LABELS, 5, CPU, isotropic=False)
    for axis, group in images.items():
        assert set(drawn(real, axis)) <= windows(group, 5)
    real = RealSlices(images, LABELS, 5, CPU, isotropic=True)
    assert all(set(drawn(real, 0)) & windows(group, 5) for group in images.values())
    # All images of a group are used.
    assert all(set(drawn(real, 0)) & windows([image], 5) for image in images[0])


def test_three_critics_need_images_of_three_directions():
    with pytest.raises(InputError, match="anisotropic"):
        RealSlices({0: (unlike(9, 9),)}, LABELS, 5, CPU, isotropic=False)


@pytest.mark.parametrize("data", [unlike(5, 4, 9), {0: (unlike(9, 9), unlike(9, 4))}])
def test_data_smaller_than_the_slices_are_refused(data):
    with pytest.raises(InputError, match=r"smaller than slices of 6 × 6.*slice_size="):
        RealSlices(data, LABELS, 6, CPU, isotropic=True)


def test_masked_voxels_are_never_shown():
    volume = unlike(12, 12, 12)
    volume[:6, :5] = OUTSIDE
    real = RealSlices(volume, LABELS, 4, CPU, isotropic=True)
    shown = real.draw(0, 300, np.random.default_rng(0))
    assert (shown != OUTSIDE).all()
    inside = volume[volume != OUTSIDE]
    np.testing.assert_allclose(real.fractions, np.bincount(inside, minlength=LABELS) / inside.size)


def test_a_mask_with_no_room_is_refused():
    volume = unlike(12, 12, 12)
    volume[::3] = volume[:, ::3] = volume[:, :, ::3] = OUTSIDE
    real = RealSlices(volume, LABELS, 4, CPU, isotropic=True)
    with pytest.raises(InputError, match=r"inside the mask.*slice_size="):
        real.draw(0, 1, np.random.default_rng(0))


def test_fractions_and_s2_are_those_of_the_data(field):
    labels = field((40, 40, 40), seed=1, fractions=(0.6, 0.25, 0.15))
    real = RealSlices(labels, 3, 32, CPU, isotropic=True)
    np.testing.assert_allclose(real.fractions, [0.6, 0.25, 0.15], atol=1e-4)
    whole = slice_s2(one_hot(torch.from_numpy(labels), 3))
    # Windows near the edges come up less often than the middle of so small a volume.
    torch.testing.assert_close(real.s2, whole, rtol=0, atol=0.06)
    assert torch.equal(real.s2, RealSlices(labels, 3, 32, CPU, isotropic=True).s2)


def test_one_hot_marks_the_phase():
    labels = torch.tensor([[[0, 2], [1, 1]]], dtype=torch.uint8)
    hot = one_hot(labels, 3)
    assert hot.shape == (1, 3, 2, 2)
    assert torch.equal(hot.argmax(dim=1), labels.long())
    assert torch.equal(hot.sum(dim=1), torch.ones(1, 2, 2))


# --- train | gap | held out -------------------------------------------------------


def test_a_volume_is_parted_along_its_longest_axis_with_a_gap():
    labels = unlike(40, 150, 44) % 2
    parts = split(TrainingData.of(as_volume(labels)), crop=32)
    held = parts.held_out.volume.read()
    assert parts.clean
    train, start = parts.labels.shape[1], 150 - held.shape[1]
    assert start - train == GAP == 40
    assert min(train, held.shape[1]) >= 32
    np.testing.assert_array_equal(parts.labels, labels[:, :train])
    np.testing.assert_array_equal(held, labels[:, start:])
    assert f"0 to {train} for training, {start} to 150 held out" in parts.how


def test_data_without_room_for_a_gap_are_not_parted_and_that_is_said():
    labels = unlike(100, 40, 40) % 2
    parts = split(TrainingData.of(as_volume(labels)), crop=32)
    assert not parts.clean
    assert "too small to hold a part out" in parts.how
    np.testing.assert_array_equal(parts.labels, labels)
    parts = split(TrainingData.from_slices({0: [labels[0]]}), crop=32)
    assert not parts.clean


def test_images_are_parted_along_each_or_where_too_small_by_number():
    small = [unlike(40, 40, seed=i) % 2 for i in range(10)]
    parts = split(TrainingData.from_slices({1: small}), crop=32)
    assert parts.clean
    assert [len(parts.labels[1]), len(parts.held_out.slices[1])] == [8, 2]
    for image, expected in zip(parts.held_out.slices[1], small[8:], strict=True):
        np.testing.assert_array_equal(image, expected)
    # Many images may be planes that follow each other, alike where they lie above each other.
    for count in (1, 10):
        large = [unlike(40, 200, seed=i) % 2 for i in range(count)]
        parts = split(TrainingData.from_slices({0: large}), crop=32)
        assert len(parts.labels[0]) == len(parts.held_out.slices[0]) == count
        for kept, held, whole in zip(parts.labels[0], parts.held_out.slices[0], large, strict=True):
            np.testing.assert_array_equal(kept, whole[:, : kept.shape[1]])
            np.testing.assert_array_equal(held, whole[:, -held.shape[1] :])
            assert 200 - kept.shape[1] - held.shape[1] == GAP


def test_a_mask_stays_with_its_part():
    inside = np.ones((140, 40, 40), bool)
    inside[:, :4] = False
    parts = split(TrainingData.of(as_volume(unlike(140, 40, 40) % 2, mask=inside)), crop=32)
    assert (parts.labels[:, :4] == OUTSIDE).all()
    assert (parts.labels[:, 4:] != OUTSIDE).all()
    assert not parts.held_out.volume.mask[:, :4].any()
