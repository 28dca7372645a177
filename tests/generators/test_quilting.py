"""The parts of patch quilting against slow, obvious versions of them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microchar.core.errors import InputError
from microchar.core.volume import OUTSIDE
from microchar.generators.multiple_point import search as searching
from microchar.generators.multiple_point.copying import continuations, copied_share
from microchar.generators.multiple_point.cover import UNKNOWN, Cover, Patch
from microchar.generators.multiple_point.joining import _ends, _minimum_cut, join
from microchar.generators.multiple_point.search import Search

pytestmark = pytest.mark.oracle


def silent():
    pass


def search_of(rng, shape, patch, n_phases, masked=0.0):
    image = rng.choice(n_phases, size=shape, p=np.arange(n_phases, 0, -1) / sum(range(n_phases + 1))).astype(np.uint8)
    image[rng.random(shape) < masked] = OUTSIDE
    search = Search(image, patch, n_phases, silent)
    search.move(rng)
    return search


def positions(search):
    return list(np.ndindex(*search.shape))


# --- the search -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "patch"),
    [((9, 11, 7), (4, 5, 3)), ((1, 13, 17), (1, 6, 4)), ((6, 12, 5), (1, 5, 5)), ((5, 5, 5), (5, 5, 5))],
)
@pytest.mark.parametrize("n_phases", [2, 3])
def test_mismatches_are_those_counted_voxel_by_voxel(shape, patch, n_phases):
    rng = np.random.default_rng(n_phases)
    search = search_of(rng, shape, patch, n_phases)
    old = rng.integers(n_phases, size=patch).astype(np.uint8)
    old[rng.random(patch) < 0.5] = UNKNOWN
    fractions = np.bincount(search.image.ravel(), minlength=n_phases) / search.image.size
    weights = np.sqrt(fractions.max() / fractions)
    known = old != UNKNOWN
    found = search.mismatches(old)
    assert found.shape == search.shape
    for origin in positions(search):
        expected = sum(weights[label] for label in old[known & (old != search.box(origin))])
        # Rounded to whole numbers.
        assert abs(found[origin] - expected) <= 0.51


def test_nothing_known_matches_everywhere():
    search = search_of(np.random.default_rng(0), (6, 6, 6), (3, 3, 3), 2)
    assert not search.mismatches(np.full((3, 3, 3), UNKNOWN, np.uint8)).any()


def test_boxes_with_masked_voxels_are_not_allowed():
    search = search_of(np.random.default_rng(0), (9, 8, 7), (2, 3, 2), 2, masked=0.05)
    for origin in positions(search):
        assert search.unmasked[origin] == (OUTSIDE not in search.box(origin))
    with pytest.raises(InputError, match="masked"):
        search_of(np.random.default_rng(0), (9, 8, 7), (5, 5, 5), 2, masked=0.5)


def test_data_missed_are_those_counted_one_by_one():
    rng = np.random.default_rng(1)
    search = search_of(rng, (8, 7, 9), (4, 3, 5), 3)
    data = [((0, 0, 0), 1), ((3, 2, 4), 0), ((1, 2, 3), 2)]
    missed = search._missed(data)
    for origin in positions(search):
        assert missed[origin] == sum(search.box(origin)[place] != label for place, label in data)


def test_the_continuations_of_neighbours_are_found_around_a_periodic_axis():
    cover = Cover.of((1, 24, 24), 8, 2, (2,))
    search = search_of(np.random.default_rng(0), (1, 40, 40), cover.patch, 2)
    placed = [Patch((0, 0, 0), (0, 10, 20)), Patch((0, 11, 12), (0, 0, 0))]
    # The last patch of the row ends before the first begins: its way from there is one step back, around the face.
    corner = (0, 0, 18)
    marked = continuations(corner, placed, search, 1, cover)
    expected = np.zeros(search.shape, bool)
    expected[0, 9:12, 13:16] = True
    np.testing.assert_array_equal(marked, expected)


def test_of_a_large_image_a_region_is_searched(monkeypatch):
    monkeypatch.setattr(searching, "_REGION", 8)
    rng = np.random.default_rng(2)
    search = search_of(rng, (30, 14, 7), (3, 2, 3), 2, masked=0.01)
    assert search.shape == (7, 7, 5)
    old = rng.integers(2, size=(3, 2, 3)).astype(np.uint8)
    old[2] = UNKNOWN
    weights = np.sqrt(np.maximum(1, search.fractions.max() / search.fractions))
    place, label = (2, 1, 2), 1
    offsets = set()
    for _ in range(20):
        search.move(rng)
        offsets.add(search.offset)
        found, missed = search.mismatches(old), search._missed([(place, label)])
        for position in positions(search):
            box = search.box(tuple(o + x for o, x in zip(search.offset, position, strict=True)))
            assert search.inside(search.unmasked)[position] == (OUTSIDE not in box)
            assert missed[position] == (box[place] != label)
            if OUTSIDE not in box:
                assert abs(found[position] - weights[old[:2][old[:2] != box[:2]]].sum()) <= 0.51
        nothing = np.zeros(search.shape, bool)
        origin = search.choose(old, np.zeros(2, int), [(place, label)], nothing, 1, rng)
        assert search.box(origin)[place] == label
        assert all(0 <= x - o < n for x, o, n in zip(origin, search.offset, search.shape, strict=True))
    assert len(offsets) > 10


def test_the_best_positions_are_drawn_and_forbidden_ones_are_not():
    rng = np.random.default_rng(4)
    search = search_of(rng, (20, 20, 20), (6, 6, 6), 2)
    old = search.box((7, 8, 9)).copy()
    old[4:] = UNKNOWN
    score = np.sort(search.mismatches(old).ravel())
    for _ in range(10):
        drawn = search.choose(old, np.array([500, 500]), [], np.zeros(search.shape, bool), 2, rng)
        # Two candidates are taken from the eight best.
        assert search.mismatches(old)[drawn] <= score[7]
    forbidden = np.zeros(search.shape, bool)
    forbidden[7:, :, :] = True
    for _ in range(10):
        assert search.choose(old, np.array([500, 500]), [], forbidden, 2, rng)[0] < 7


# --- the cover ----------------------------------------------------------------------


@settings(deadline=None, max_examples=200)
@given(st.integers(2, 90), st.integers(2, 24), st.integers(1, 12), st.booleans())
def test_every_voxel_is_covered_and_neighbours_overlap(n, patch, overlap, periodic):
    overlap = min(overlap, patch // 2)
    # Shorter periodic axes may be refused; see the analytic tests.
    n = max(n, 2 * overlap + 2) if periodic else n
    cover = Cover.of((1, 1, n), patch, overlap, (2,) if periodic else ())
    length, starts = cover.patch[2], cover.starts[2]
    assert length <= max(patch, 2)
    assert cover.patch[:2] == (1, 1)
    covered = np.zeros(n, int)
    for corner in cover.corners():
        covered[cover.box(corner, cover.patch)[2].ravel()] += 1
    assert covered.min() >= 1
    ends = [*starts[1:], starts[0] + n] if periodic else starts[1:]
    assert all(start + length - after >= overlap for start, after in zip(starts, ends, strict=False))
    if not periodic:
        assert (starts[0], starts[-1] + length) == (0, n)


def test_a_box_with_margin_wraps_on_periodic_axes_only():
    cover = Cover.of((1, 20, 20), 8, 2, (2,))
    padded = np.full((3, 22, 22), -1)
    padded[1:-1, 1:-1, 1:-1] = np.arange(400).reshape(1, 20, 20)
    box = padded[cover.box((0, 0, 0), (1, 3, 3), margin=1)]
    assert box.shape == (3, 5, 5)
    np.testing.assert_array_equal(box[[0, 2]], -1)
    np.testing.assert_array_equal(box[:, 0], -1)
    np.testing.assert_array_equal(box[1, 1], [19, 0, 1, 2, 3])


# --- the cut ------------------------------------------------------------------------


def cost_of(keeps, old, differs, keep, take):
    """What keeping the old label at some voxels costs."""
    known = old != UNKNOWN
    total = int(keep[~keeps].sum() + take[keeps].sum())
    for voxel in np.ndindex(*old.shape):
        for axis in range(3):
            other = list(voxel)
            other[axis] += 1
            other = tuple(other)
            if other[axis] < old.shape[axis] and known[voxel] and known[other] and keeps[voxel] != keeps[other]:
                total += int(differs[voxel]) + int(differs[other])
    return total


@pytest.mark.parametrize("seed", range(25))
def test_the_cut_is_the_cheapest_of_all(seed):
    rng = np.random.default_rng(seed)
    shape = [(2, 3, 3), (1, 4, 4), (3, 2, 3)][seed % 3]
    around = rng.choice([0, 1, 2, UNKNOWN], size=[n + 2 for n in shape]).astype(np.uint8)
    around[1:-1, 1:-1, -3] = UNKNOWN
    new = rng.integers(3, size=shape).astype(np.uint8)
    old = around[1:-1, 1:-1, 1:-1]
    differs = (old != UNKNOWN) & (old != new)
    assert differs.any()
    keep, take = _ends(around, differs)
    found = _minimum_cut(old, differs, keep, take)
    known = np.argwhere(old != UNKNOWN)
    best = None
    for choice in product([False, True], repeat=len(known)):
        keeps = np.zeros(shape, bool)
        keeps[tuple(known.T)] = choice
        cost = cost_of(keeps, old, differs, keep, take)
        best = cost if best is None else min(best, cost)
    assert cost_of(found, old, differs, keep, take) == best


def test_the_ends_count_neighbours_outside_and_unknown_ones_inside():
    rng = np.random.default_rng(5)
    around = rng.choice([0, 1, UNKNOWN], size=(6, 5, 6)).astype(np.uint8)
    inner = np.zeros(around.shape, bool)
    inner[1:-1, 1:-1, 1:-1] = True
    keep, take = _ends(around, np.ones((4, 3, 4), bool))
    for voxel in np.ndindex(4, 3, 4):
        outside = unknown = 0
        for axis, step in product(range(3), (-1, 1)):
            other = [x + 1 for x in voxel]
            other[axis] += step
            label, inside = around[tuple(other)], inner[tuple(other)]
            outside += not inside and label != UNKNOWN
            unknown += inside and label == UNKNOWN
        assert (keep[voxel], take[voxel]) == (outside, unknown)


@pytest.mark.parametrize("seed", range(5))
def test_a_joined_voxel_is_old_or_new_and_new_where_nothing_was(seed):
    rng = np.random.default_rng(seed)
    around = rng.integers(3, size=(10, 10, 10)).astype(np.uint8)
    around[:, 6:, 6:] = UNKNOWN
    new = rng.integers(3, size=(8, 8, 8)).astype(np.uint8)
    old = around[1:-1, 1:-1, 1:-1]
    place = (2, 2, 2)
    data = [(place, int(old[place]))]
    joined = join(around, new, data)
    assert ((joined == old) | (joined == new)).all()
    unknown = old == UNKNOWN
    np.testing.assert_array_equal(joined[unknown], new[unknown])
    assert joined[place] == old[place]
    assert join(around, new, [(place, int(new[place]))])[place] == new[place]


def test_where_all_agrees_nothing_changes():
    rng = np.random.default_rng(0)
    around = rng.integers(2, size=(6, 6, 6)).astype(np.uint8)
    new = around[1:-1, 1:-1, 1:-1].copy()
    around[..., 4:] = UNKNOWN
    np.testing.assert_array_equal(join(around, new, []), new)


# --- what was copied ------------------------------------------------------------------


@pytest.mark.parametrize("periodic", [(), (1,), (0, 1, 2)])
def test_the_copied_share_is_that_counted_window_by_window(periodic):
    rng = np.random.default_rng(len(periodic))
    cover = Cover.of((7, 9, 8), 5, 2, periodic)
    search = search_of(rng, (8, 8, 8), cover.patch, 2)
    labels = rng.integers(2, size=cover.shape).astype(np.uint8)
    placed = []
    for corner in cover.corners():
        origin = tuple(int(rng.integers(n)) for n in search.shape)
        placed.append(Patch(corner, origin))
        labels[cover.box(corner, cover.patch)] = search.box(origin)
    window = (2, 3, 2)
    total = copied = 0
    for start in np.ndindex(*cover.shape):
        if any(
            s + w > n and a not in periodic for a, (s, w, n) in enumerate(zip(start, window, cover.shape, strict=True))
        ):
            continue
        total += 1
        copied += any(brought(labels, start, window, patch, search, cover) for patch in placed)
    assert 0 < copied < total
    assert copied_share(labels, placed, search, window, cover) == pytest.approx(copied / total)


def brought(labels, start, window, patch, search, cover):
    """Whether a window is what a patch brought, all of it inside the patch."""
    box = search.box(patch.origin)
    for step in np.ndindex(*window):
        voxel, inside = [], []
        for axis in range(3):
            n = cover.shape[axis]
            first = (
                (start[axis] - patch.corner[axis]) % n if axis in cover.periodic else start[axis] - patch.corner[axis]
            )
            inside.append(first + step[axis])
            voxel.append((start[axis] + step[axis]) % n)
        if not all(0 <= x < p for x, p in zip(inside, cover.patch, strict=True)):
            return False
        if labels[tuple(voxel)] != box[tuple(inside)]:
            return False
    return True
