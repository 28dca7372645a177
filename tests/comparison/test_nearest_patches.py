"""Nearest patches against brute force, and what copies and fresh samples must give."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microchar import InputError, as_volume
from microchar.comparison.nearest_patches import memorisation


def nearest(patch, volume):
    windows = np.lib.stride_tricks.sliding_window_view(volume, patch.shape)
    return np.mean(windows != patch, axis=(3, 4, 5)).min()


def smooth(seed, shape=(48, 48, 48), threshold=0.0):
    """Periodic Gaussian field, cut at a level: fresh samples of one material."""
    noise = np.random.default_rng(seed).standard_normal(shape)
    squared = sum(k**2 for k in np.meshgrid(*[np.fft.fftfreq(n) for n in shape], indexing="ij"))
    field = np.fft.ifftn(np.fft.fftn(noise) * np.exp(-80 * squared)).real
    return (field > threshold * field.std()).astype(np.uint8)


@given(
    st.tuples(*[st.integers(1, 9)] * 3),
    st.tuples(*[st.integers(1, 5)] * 3),
    st.integers(1, 3),
    st.integers(0, 2**32 - 1),
)
@settings(deadline=None, max_examples=50)
def test_distances_are_those_of_brute_force(shape, patch, n_phases, seed):
    patch = tuple(min(p, n) for p, n in zip(patch, shape, strict=True))
    rng = np.random.default_rng(seed)
    names = {str(i): i for i in range(n_phases)}
    generated, training, unseen = (
        as_volume(rng.integers(0, n_phases, size), phases=names) for size in (patch, shape, shape)
    )
    found = memorisation(generated, training, unseen, patch=patch, threads=1)
    assert found.patches == 1
    assert found.to_training == pytest.approx([nearest(generated.read(), training.read())], abs=1e-12)
    assert found.to_unseen == pytest.approx([nearest(generated.read(), unseen.read())], abs=1e-12)


def test_single_precision_is_enough_for_large_patches():
    training, unseen = smooth(0, (96, 96, 96)), smooth(1, (96, 96, 96))
    generated = training[10:42, 20:52, 30:62].copy()
    generated[5, 6, 7] ^= 1
    found = memorisation(generated, training, unseen, patch=32)
    assert found.to_training.tolist() == [1 / 32**3]


def test_copies_of_the_training_volume_are_nearer_to_it():
    training, unseen = smooth(0), smooth(1)
    noisy = training[4:44, 4:44, 4:44] ^ (np.random.default_rng(2).random((40, 40, 40)) < 0.02)
    found = memorisation(noisy, training, unseen, patch=12)
    assert found.patches == 27
    assert found.nearer_to_training == 1
    # Two in a hundred voxels are changed.
    assert found.medians[0] == pytest.approx(0.02, abs=0.005)
    assert found.medians[1] > 0.05


def test_fresh_samples_are_as_near_to_both():
    fresh = [smooth(seed, (32, 32, 32)) for seed in range(10, 22)]
    found = memorisation(fresh, smooth(0), smooth(1), patch=16, patches=96)
    assert found.patches == 96
    # Four standard errors; the two volumes add to it what they differ by.
    assert found.nearer_to_training == pytest.approx(0.5, abs=4 * found.standard_error)
    assert found.medians[0] == pytest.approx(found.medians[1], rel=0.1)


def test_exchanging_the_volumes_exchanges_the_distances():
    generated, training, unseen = smooth(3, (32, 32, 32)), smooth(0), smooth(1)
    one, other = memorisation(generated, training, unseen, patch=8), memorisation(generated, unseen, training, patch=8)
    np.testing.assert_array_equal(one.to_training, other.to_unseen)
    assert one.nearer_to_training == pytest.approx(1 - other.nearer_to_training)


def test_equally_near_counts_half():
    found = memorisation(smooth(3, (32, 32, 32)), smooth(0), smooth(0), patch=8)
    assert found.nearer_to_training == 0.5


def test_patches_do_not_overlap_and_equal_seeds_draw_equal_ones():
    generated, training, unseen = smooth(3, (21, 21, 21)), smooth(0), smooth(1)
    assert memorisation(generated, training, unseen, patch=8).patches == 8
    draws = [memorisation(generated, training, unseen, patch=4, patches=20, seed=seed) for seed in (1, 1, 2)]
    assert [draw.patches for draw in draws] == [20, 20, 20]
    np.testing.assert_array_equal(draws[0].to_unseen, draws[1].to_unseen)
    assert (draws[0].to_unseen != draws[2].to_unseen).any()


def test_slices_and_images_are_compared_as_they_are():
    training, unseen = smooth(0), smooth(1)
    found = memorisation(training[7:8, :32, 3:35], training, unseen, patch=(1, 16, 16))
    assert found.patches == 4
    assert (found.to_training == 0).all()
    found = memorisation(training[7, :32, 3:35], training[7], unseen[7], patch=16)
    assert found.patch == (1, 16, 16)
    assert (found.to_training == 0).all()


def test_voxels_outside_the_mask_are_like_none():
    training, unseen = smooth(0, (16, 16, 16)), smooth(1, (16, 16, 16))
    mask = np.ones(training.shape, bool)
    mask[8] = False
    masked = as_volume(training, mask=mask)
    found = memorisation(training[4:12, :8, :8], masked, unseen, patch=8)
    assert found.to_training[0] > 0
    # The masked plane leaves no patch of eight among the generated ones but above it or below it.
    assert memorisation(masked, training, unseen, patch=8).patches == 4


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"unseen": smooth(1, (16, 16, 20))}, "cut both to the same shape"),
        ({"unseen": smooth(1, (16, 16, 16)) * 2}, "phases.*segment all alike"),
        ({"patch": 17}, "patch=17.*fit into"),
        ({"patch": 0}, "patch=0"),
        ({"patch": (4, 4)}, "expected one or three edges"),
        ({"patches": 0}, "patches=0"),
        ({"generated": smooth(1, (4, 16, 16)), "patch": 8}, "no patch of .* fits"),
    ],
)
def test_what_cannot_be_compared_is_refused(wrong, message):
    right = {
        "generated": smooth(2, (16, 16, 16)),
        "training": smooth(0, (16, 16, 16)),
        "unseen": smooth(1, (16, 16, 16)),
    }
    with pytest.raises(InputError, match=message):
        memorisation(**right | wrong)
