"""Bootstrap: what blocks of the real volume side by side preserve and what they lose."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microchar.core.errors import InputError
from microchar.core.volume import as_volume
from microchar.generators.bootstrap import Bootstrap, _positions
from microchar.generators.gaussian_field import cut_gaussian_field
from microchar.testing import check_generator


@pytest.mark.analytic
def test_the_contract():
    rng = np.random.default_rng(0)
    check_generator(Bootstrap(), rng.integers(2, size=(30, 20, 26)))
    check_generator(Bootstrap(block=(5, 6, 7)), rng.integers(3, size=(12, 14, 16)))


@pytest.mark.analytic
def test_each_block_is_a_copy_of_a_place():
    real = np.arange(6 * 7 * 8).reshape(6, 7, 8) % 16
    made = Bootstrap(block=(2, 3, 4)).fit(real).generate((4, 5, 10), seed=1).values
    windows = {w.tobytes() for w in np.lib.stride_tricks.sliding_window_view(real, (2, 3, 4)).reshape(-1, 2, 3, 4)}
    for i in (0, 2):
        for k in (0, 4):
            assert made[i : i + 2, 0:3, k : k + 4].astype(real.dtype).tobytes() in windows
    cut = {w.tobytes() for w in np.lib.stride_tricks.sliding_window_view(real, (2, 2, 2)).reshape(-1, 2, 2, 2)}
    assert made[2:4, 3:5, 8:10].astype(real.dtype).tobytes() in cut


@pytest.mark.analytic
def test_all_places_come_up_alike():
    real = np.zeros((4, 1, 1), int)
    real[0] = 1
    made = Bootstrap(block=(2, 1, 1)).fit(np.broadcast_to(real, (4, 4, 4))).generate((2, 100, 100), seed=1).values
    # Blocks start at 0, 1 or 2, and only from 0 do they hold the ones: a third, of 10^4 draws, within 5 sigma.
    assert made[0].mean() == pytest.approx(1 / 3, abs=5 * np.sqrt(2 / 9 / 1e4))
    assert not made[1].any()


@pytest.mark.analytic
def test_s2_is_that_of_the_real_volume_within_blocks():
    real = cut_gaussian_field((64, 64, 64), correlation_length=5.0, seed=1).values
    generator = Bootstrap(block=16).fit(real)
    fraction, lag = real.mean(), 3
    s2 = np.mean(real[lag:] * real[:-lag])
    found = []
    for seed in range(24):
        made = generator.generate((64, 64, 64), seed=seed).values
        found.append([made.mean(), np.mean(made[lag:] * made[:-lag])])
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    share = 1 - lag / 16
    # Places near the faces are in fewer blocks: 0.02 for what that weighs, out of a fall of S2 by 0.07 at the seams.
    assert np.abs(mean - [fraction, share * s2 + (1 - share) * fraction**2]) == pytest.approx(0, abs=0.02)
    assert error.max() < 0.005


@pytest.mark.analytic
def test_blocks_come_from_inside_the_mask():
    labels = np.ones((20, 20, 20), int)
    labels[:10, :, ::2] = 0
    mask = np.ones(labels.shape, bool)
    mask[10:] = False
    made = Bootstrap(block=4).fit(as_volume(labels, mask=mask)).generate((24, 24, 24), seed=0).values
    assert made.mean() == pytest.approx(0.5, abs=1e-9)  # only the striped half is inside


@pytest.mark.analytic
@pytest.mark.parametrize(
    ("block", "message"),
    [(0, "at least 1"), ((2, 2), "one or three"), (2.5, "numbers of voxels"), (9, "larger than the training volume")],
)
def test_blocks_that_cannot_be_are_refused(block, message):
    with pytest.raises(InputError, match=message):
        Bootstrap(block=block).fit(np.indices((8, 8, 8)).sum(axis=0) % 2)


@pytest.mark.analytic
def test_a_mask_without_room_for_a_block_is_refused():
    labels = np.indices((8, 8, 8)).sum(axis=0) % 2
    with pytest.raises(InputError, match="inside the mask"):
        Bootstrap(block=4).fit(as_volume(labels, mask=np.indices((8, 8, 8))[0] % 3 > 0))


@pytest.mark.analytic
def test_images_and_slices_are_no_volumes():
    with pytest.raises(InputError, match="made from volume, found slices"):
        Bootstrap().fit(np.eye(8, dtype=int))


@pytest.mark.oracle
@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), block=st.tuples(*[st.integers(1, 3)] * 3))
def test_places_of_blocks_inside_a_mask(seed, block):
    labels = np.where(np.random.default_rng(seed).random((5, 3, 6)) < 0.1, 255, 1).astype(np.uint8)
    found = _positions(labels, block)
    assert found.shape == tuple(n - b + 1 for n, b in zip(labels.shape, block, strict=True))
    for start in np.ndindex(found.shape):
        box = tuple(slice(s, s + b) for s, b in zip(start, block, strict=True))
        assert found[start] == (labels[box] != 255).all()
