"""CCSIM: the cross-correlation decides, patches are put down whole, and the contract holds."""

from __future__ import annotations

import numpy as np
import pytest

from microchar.core.errors import InputError
from microchar.generation.training import TrainingData
from microchar.generators.gaussian_field import cut_gaussian_field
from microchar.generators.multiple_point import MultiplePoint
from microchar.generators.multiple_point.cover import UNKNOWN
from microchar.generators.multiple_point.search import Search
from microchar.testing import check_generator


def field(shape, seed, fraction=0.3):
    return cut_gaussian_field(shape, correlation_length=3, volume_fraction=fraction, seed=seed).read()


def test_contract():
    check_generator(MultiplePoint(mode="ccsim", patch=10), field((32, 28, 24), 1))


def test_contract_images_from_slices():
    data = TrainingData.from_slices({0: [field((1, 48, 40), 1)[0]]})
    check_generator(MultiplePoint(mode="ccsim", patch=10), data, shape=(40, 36))


@pytest.mark.oracle
def test_the_best_position_is_that_of_the_largest_cross_correlation():
    rng = np.random.default_rng(0)
    image = rng.choice(3, (13, 11, 12), p=(0.6, 0.3, 0.1)).astype(np.uint8)
    search = Search(image, (5, 4, 6), 3, lambda: None, balanced=False)
    search.move(rng)
    old = rng.integers(3, size=(5, 4, 6)).astype(np.uint8)
    old[2:] = UNKNOWN
    correlation = {
        origin: sum(int(((search.box(origin) == phase) & (old == phase)).sum()) for phase in range(3))
        for origin in np.ndindex(*search.shape)
    }
    allowed = np.zeros(search.shape, bool)
    found = search.choose(old, np.zeros(3, int), [], allowed, 1, rng)
    assert correlation[found] == max(correlation.values())
    # Of several candidates each is drawn, and no other.
    best = sorted(correlation.values(), reverse=True)[2]
    drawn = {search.choose(old, np.zeros(3, int), [], allowed, 3, rng) for _ in range(60)}
    assert len(drawn) > 1
    assert all(correlation[origin] >= best for origin in drawn)


def test_patches_are_put_down_whole():
    # In the raster order nothing covers the last patch: it is a box of the training image, which no cut would leave.
    image = field((40, 40, 40), 2)
    made = MultiplePoint(mode="ccsim", patch=12, overlap=4, candidates=8).fit(image).generate((28, 28, 28), seed=1)
    last = made.read()[-12:, -12:, -12:]
    windows = np.lib.stride_tricks.sliding_window_view(image, (12, 12, 12))
    assert (windows == last).all(axis=(3, 4, 5)).any()


def test_an_unknown_mode_is_refused():
    with pytest.raises(InputError, match="mode='mps': expected one of quilting, ccsim"):
        MultiplePoint(mode="mps").fit(field((24, 24, 24), 1))
