"""Tiles make what the whole would be, integer maps to the bit; the halo is what toy networks are known to need."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from microchar.core.errors import InputError
from microchar.generation.streaming import tiles_of
from microchar_gan.tiling.halo import felt_halo, impulse_halo, seam_mismatch
from microchar_gan.tiling.lattice_noise import noise
from microchar_gan.tiling.tiles import Field, blocks, labels_in, tile_of

# --- maps of integers: exact, so that tiled and whole must agree to the bit ----


def box_filter(values):
    """Majority of thresholded noise over 5³, on a torus."""
    total = (values[0] > 0.1).astype(int)
    for axis in range(3):
        total = sum(np.roll(total, step, axis) for step in range(-2, 3))
    return (total > 57).astype(np.uint8)


def strided(values):
    """Two levels of stride two, as a U-net has: sums over aligned 4³ blocks, their neighbours', and what is fine."""
    fine = (values[0] > 0).astype(int) + (values[1] > 1)
    coarse = np.add.reduceat(np.add.reduceat(np.add.reduceat(fine, range(0, fine.shape[0], 4), 0),
                             range(0, fine.shape[1], 4), 1), range(0, fine.shape[2], 4), 2)  # fmt: skip
    for axis in range(3):
        coarse = coarse + np.roll(coarse, 1, axis) + np.roll(coarse, -1, axis)
    for axis in range(3):
        coarse = np.repeat(coarse, 4, axis)
    return ((coarse // 30 + 5 * fine) % 3).astype(np.uint8)


def doubled(values):
    """Two voxels for a cell, on a torus."""
    labels = strided(values)
    for axis in range(3):
        labels = np.repeat(labels, 2, axis)
    return labels


def trimming(values):
    """Eight voxels for a cell, from the sum over its neighbours; trims one cell at each side."""
    total = (values[0] > 0).astype(int)
    for axis in range(3):
        n = total.shape[axis]
        total = sum(total.take(range(i, n - 2 + i), axis) for i in range(3))
    for axis in range(3):
        total = np.repeat(total, 8, axis)
    place = np.indices(total.shape).sum(axis=0) % 8
    return ((total + place) % 4).astype(np.uint8)


BOX = Field(box_filter, channels=1, halo=2)
STRIDED = Field(strided, channels=2, halo=4, align=4)
DOUBLED = Field(doubled, channels=2, scale=2, halo=4, align=4)
TRIMMING = Field(trimming, channels=1, scale=8, halo=1, trims=True)


def made(field, shape, **options):
    volume, covered = np.full(shape, 99, np.uint8), np.zeros(shape, int)
    for where, labels in blocks(field, shape, **options):
        assert labels.dtype == np.uint8
        volume[where] = labels
        covered[where] += 1
    assert (covered == 1).all()
    return volume


def endless(field, shape, seed, periodic=()):
    """The volume from one forward pass, cut out by hand."""
    cells = [-(-n // field.unit) * field.align for n in shape]
    margin = field.halo
    start, stop = [-margin] * 3, [n + margin for n in cells]
    periods = [n if axis in periodic else None for axis, n in enumerate(cells)]
    labels = field.forward(noise(seed, start, stop, field.channels, periods))
    offset = 0 if field.trims else margin * field.scale
    return labels[tuple(slice(offset, offset + n) for n in shape)]


@given(
    st.sampled_from([BOX, STRIDED, DOUBLED, TRIMMING]),
    st.tuples(*[st.integers(1, 27)] * 3),
    st.tuples(*[st.integers(1, 40)] * 3),
    st.sets(st.integers(0, 2)),
    st.integers(0, 99),
)
@settings(deadline=None, max_examples=50)
def test_tiles_make_what_one_pass_makes(field, shape, tile, periodic, seed):
    shape = tuple(-(-n // field.unit) * field.unit if axis in periodic else n for axis, n in enumerate(shape))
    tiled = made(field, shape, seed=seed, periodic=sorted(periodic), tile=tile)
    np.testing.assert_array_equal(tiled, endless(field, shape, seed, periodic))


@given(
    st.sampled_from([BOX, STRIDED, DOUBLED, TRIMMING]),
    st.tuples(*[st.integers(1, 27)] * 3),
    st.integers(1, 40),
    st.sets(st.integers(0, 2)),
)
@settings(deadline=None, max_examples=30)
def test_tiles_made_one_by_one_are_those_of_one_pass(field, shape, longest, periodic):
    shape = tuple(-(-n // field.unit) * field.unit if axis in periodic else n for axis, n in enumerate(shape))
    edges = tile_of(field, shape, sorted(periodic), longest)
    assert max(edges) <= max(longest, field.unit)
    assert all(edge % field.unit == 0 for edge in edges)
    tiled = np.full(shape, 99, np.uint8)
    for box in tiles_of(shape, edges):
        tiled[box] = labels_in(field, shape, box, seed=5, periodic=sorted(periodic))
    np.testing.assert_array_equal(tiled, endless(field, shape, 5, periodic))


def test_a_part_replaces_the_pass_of_a_tile():
    def part(values, box):
        sizes.append([edge.stop - edge.start for edge in box])
        return box_filter(values)[box]

    sizes = []
    field = replace(BOX, forward=pytest.fail, part=part, part_bytes=lambda shape, box: 1.0)
    np.testing.assert_array_equal(made(field, (12, 9, 8), seed=1, tile=8), endless(BOX, (12, 9, 8), seed=1))
    assert sizes == [[8, 8, 8], [8, 1, 8], [4, 8, 8], [4, 1, 8]]


def test_fields_of_the_tests_are_no_trivial_ones():
    for field, phases in ((BOX, 2), (STRIDED, 3), (DOUBLED, 3), (TRIMMING, 4)):
        shares = np.bincount(endless(field, (40, 40, 40), seed=1).ravel()) / 40**3
        assert len(shares) == phases
        assert shares.min() > 0.05


@pytest.mark.parametrize("field", [BOX, STRIDED, DOUBLED, TRIMMING])
def test_a_smaller_volume_is_a_corner_of_a_larger_one(field):
    large, small = made(field, (33, 20, 25), seed=6, tile=16), made(field, (9, 20, 3), seed=6)
    np.testing.assert_array_equal(small, large[:9, :, :3])


@pytest.mark.parametrize("field", [BOX, STRIDED, DOUBLED, TRIMMING])
def test_a_periodic_volume_has_no_seam_where_it_repeats(field):
    volume = made(field, (24, 24, 24), seed=2, periodic=(0, 2), tile=8)
    repeated = np.concatenate([volume, volume], axis=0)
    # The same field of twice the length, with noise that repeats after 24.
    cells = [n // field.scale for n in (48, 24, 24)]
    start, stop = [-field.halo] * 3, [n + field.halo for n in cells]
    labels = field.forward(noise(2, start, stop, field.channels, (cells[0] // 2, None, cells[2])))
    offset = 0 if field.trims else field.halo * field.scale
    np.testing.assert_array_equal(repeated, labels[tuple(slice(offset, offset + n) for n in (48, 24, 24))])


def recording(field, limit=None, error=MemoryError):
    """The field and a list of the shapes its forward passes get; those of more cells than the limit run out."""
    seen = []

    def forward(values):
        seen.append(values.shape[1:])
        if limit is not None and values[0].size > limit:
            raise error
        return field.forward(values)

    changed = {name: getattr(field, name) for name in ("channels", "scale", "halo", "align", "trims", "shortest")}
    return changed, forward, seen


def test_a_whole_period_goes_through_without_a_halo():
    options, forward, seen = recording(STRIDED)
    made(Field(forward, **options), (24, 24, 10), seed=0, periodic=(0,))
    assert seen == [(24, 32, 20)]


def test_a_period_too_short_for_the_network_is_repeated():
    options, forward, seen = recording(STRIDED)
    volume = made(Field(forward, **options | {"shortest": 10}), (4, 16, 16), seed=0, periodic=(0, 1, 2))
    assert seen == [(12, 16, 16)]
    np.testing.assert_array_equal(volume, endless(STRIDED, (4, 16, 16), 0, (0, 1, 2)))


def test_tiles_fill_the_memory_they_may_take_and_no_more():
    options, forward, seen = recording(STRIDED)
    field = Field(forward, **options, bytes_per_voxel=100.0)
    tiled = made(field, (90, 40, 13), seed=3, memory=100 * 24**3)
    np.testing.assert_array_equal(tiled, endless(STRIDED, (90, 40, 13), 3))
    assert max(np.prod(shape) for shape in seen) <= 24**3
    # Not slivers: more than half of what is allowed is used.
    assert max(np.prod(shape) for shape in seen) > 24**3 / 2


def test_without_memory_the_smallest_tile_is_tried():
    options, forward, seen = recording(STRIDED)
    made(Field(forward, **options), (8, 8, 8), seed=0, memory=1)
    assert set(seen) == {(12, 12, 12)}


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
    ids=["python", "cuda", "cpu"],
)
@pytest.mark.parametrize("periodic", [(), (0, 1, 2)])
def test_out_of_memory_halves_the_tile_and_goes_on(error, periodic):
    options, forward, seen = recording(STRIDED, limit=20 * 20 * 20, error=error)
    said = []
    field = Field(forward, **options)
    volume = made(field, (48, 24, 24), seed=8, periodic=periodic, tile=48, progress=lambda *what: said.append(what))
    np.testing.assert_array_equal(volume, endless(STRIDED, (48, 24, 24), 8, periodic))
    sizes = [np.prod(shape) for shape in seen]
    first = next(i for i, size in enumerate(sizes) if size <= 20**3)
    # Once a tile has passed, none is tried that is too large.
    assert max(sizes[first:]) <= 20**3
    assert first < 8
    assert any("out of memory" in text for _, text in said)
    fractions = [fraction for fraction, _ in said]
    assert fractions[-1] == 1


def test_the_smallest_tile_out_of_memory_is_an_error_that_says_what_to_do():
    options, forward, seen = recording(STRIDED, limit=12**3 - 1)
    with pytest.raises(InputError, match=r"smallest tile, \(4, 4, 4\) voxels.*device"):
        made(Field(forward, **options), (16, 16, 16), seed=0)
    assert seen[-1] == (12, 12, 12)


def test_other_errors_of_the_network_reach_the_caller():
    options, forward, _ = recording(STRIDED, limit=0, error=RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes do not match"):
        made(Field(forward, **options), (16, 16, 16), seed=0)


def test_progress_goes_up_to_one_and_an_error_of_the_callback_ends_the_work():
    said = []
    made(BOX, (10, 10, 10), seed=0, tile=5, progress=lambda *what: said.append(what))
    assert [fraction for fraction, _ in said] == [i / 8 for i in range(9)]
    assert said[2][1] == "tile 3 of 8"

    def stop(fraction, text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(BOX, (10, 10, 10), seed=0, progress=stop)


@pytest.mark.parametrize(
    ("field", "shape", "message"),
    [
        (STRIDED, (16, 30, 16), "axis 1 is periodic and 30 voxels long.*multiples of 4 .*28 or 32"),
        (TRIMMING, (16, 5, 16), "axis 1 is periodic and 5 voxels long.*multiples of 8 .*use 8,"),
    ],
)
def test_a_period_that_does_not_suit_the_network_is_refused_with_those_that_do(field, shape, message):
    with pytest.raises(InputError, match=message):
        blocks(field, shape, seed=0, periodic=(1,))


@pytest.mark.parametrize("wrong", [{"shape": (4, 4)}, {"shape": (4, 0, 4)}, {"tile": 0}, {"tile": (4, 4)}])
def test_shapes_and_tiles_that_make_no_sense_are_refused(wrong):
    with pytest.raises(InputError, match=f"{next(iter(wrong))}=.*expected three numbers"):
        blocks(**{"field": BOX, "shape": (4, 4, 4), "seed": 0} | wrong)


def test_a_halo_off_the_alignment_is_refused():
    with pytest.raises(InputError, match="multiple of align"):
        Field(strided, channels=2, halo=6, align=4)


# --- networks ---------------------------------------------------------------------


class Conv(nn.Module):
    """Circular convolution, odd kernel."""

    def __init__(self, inputs, outputs, kernel, dilation=1):
        super().__init__()
        self.convolution = nn.Conv3d(
            inputs, outputs, kernel, dilation=dilation, padding="same", padding_mode="circular"
        )

    def forward(self, x):
        return torch.relu(self.convolution(x))


class Skip(nn.Module):
    """One level of a U-net: stride two down, something there, transposed convolution up, beside the skip."""

    def __init__(self, width, inner):
        super().__init__()
        self.down = nn.Conv3d(width, width, 4, 2)
        self.inner = inner
        self.up = nn.ConvTranspose3d(width, width, 4, 2, padding=3)

    def forward(self, x):
        low = self.inner(torch.relu(self.down(nn.functional.pad(x, [1] * 6, mode="circular"))))
        return x + self.up(nn.functional.pad(low, [1] * 6, mode="circular"))


def seeded(make):
    torch.manual_seed(0)
    return make().eval()


# An impulse that fills a whole aligned block reaches so many voxels beyond the block, level by level:
# down k4 s2 p1 from r to ceil((r + 1) / 2) coarse ones (outputs o see 2o - 1 to 2o + 2), a kernel k adds k // 2,
# up k4 s2 p1 from r to 2 r + 1 fine ones.
NETS = {
    "3³": (lambda: Conv(2, 3, 3), 1, 1, 1),
    "7³": (lambda: Conv(2, 3, 7), 1, 3, 3),
    "stack": (lambda: nn.Sequential(Conv(2, 4, 3), Conv(4, 4, 5), Conv(4, 2, 3)), 1, 4, 2),
    "dilated": (lambda: nn.Sequential(Conv(2, 4, 3, dilation=9), Conv(4, 2, 3)), 1, 10, 9),
    "one axis": (lambda: Conv(2, 3, (1, 1, 9)), 1, 4, 4),
    "pointwise": (lambda: nn.Conv3d(2, 2, 1), 1, 0, 1),
    # Down: 1; up: 3; rounded up to 4.
    "one level": (lambda: Skip(2, nn.Identity()), 2, 4, 2),
    # 1, then 2; 5 in the end: 6.
    "one level, 3³": (lambda: Skip(2, Conv(2, 2, 3)), 2, 6, 2),
    # Stem 1, down to 1, down to 1, 5³ to 3, up to 7, up to 15, head 16.
    "two levels": (
        lambda: nn.Sequential(Conv(2, 2, 3), Skip(2, Skip(2, Conv(2, 2, 5))), Conv(2, 2, 3)), 4, 16, 8,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NETS)
def test_the_impulse_finds_the_known_reach(name):
    make, align, halo, shortest = NETS[name]
    found = impulse_halo(seeded(make), 2, align=align, shortest=shortest, maximum=32)
    assert found == (halo, True)


def test_every_phase_of_the_alignment_is_tried():
    def odd_ones_moved_by_six(x):
        return x[:, :, 1::2].roll(3, 2).repeat_interleave(2, 2)

    assert impulse_halo(odd_ones_moved_by_six, 2, align=2, maximum=8) == (6, True)


def test_units_that_are_shut_off_count():
    net = seeded(lambda: nn.Sequential(Conv(2, 4, 3), Conv(4, 4, 5)))
    for parameter in net.parameters():
        parameter.data.fill_(-1.0)
    assert impulse_halo(net, 2, shortest=2, maximum=8) == (3, True)


def test_a_reach_beyond_the_maximum_is_said():
    net = seeded(lambda: nn.Sequential(*[Conv(2, 2, 3) for _ in range(12)]))
    assert impulse_halo(net, 2, maximum=12) == (12, True)
    assert impulse_halo(net, 2, maximum=11) == (11, False)
    assert impulse_halo(net, 2, align=4, maximum=11) == (12, True)

    def with_pool(x):
        return x - x.mean(dim=(2, 3, 4), keepdim=True)

    assert impulse_halo(with_pool, 2, maximum=8) == (8, False)


def test_weights_that_are_not_numbers_are_refused():
    net = seeded(lambda: Conv(2, 2, 3))
    next(net.parameters()).data[0] = torch.nan
    with pytest.raises(InputError, match="weights are damaged"):
        impulse_halo(net, 2)


def faint(first, kernel=15):
    """A convolution along axis 1 whose weights fall by ten per voxel from the middle, to zero after `first`."""
    net = nn.Conv3d(1, 2, (1, kernel, 1), padding="same", padding_mode="circular")
    distance = torch.arange(kernel) - kernel // 2
    net.weight.data[:] = (10.0 ** -distance.abs() * (distance.abs() <= first))[:, None]
    return net


def test_what_rounds_away_is_not_felt():
    # A change of weight 10^-d by noise of some four standard deviations is felt at 1e-3 up to d = 3 at least, and
    # is not beyond d = 5.
    assert impulse_halo(faint(7), 1, shortest=8, maximum=16) == (7, True)
    found = felt_halo(faint(7), 1, shortest=8, maximum=16, tolerance=1e-3)
    assert found.exact
    assert 3 <= found.halo <= 5
    # Without weights beyond two voxels, two suffice for any tolerance.
    assert felt_halo(faint(2), 1, shortest=8, maximum=16, tolerance=0.0) == (2, True)
    assert felt_halo(faint(7), 1, shortest=8, maximum=2, tolerance=1e-3) == (2, False)


def test_the_felt_halo_of_a_unet_is_never_longer_than_that_of_the_impulse():
    net = seeded(NETS["two levels"][0])
    reach, felt = (find(net, 2, align=4, shortest=8, maximum=32) for find in (impulse_halo, felt_halo))
    assert felt.exact
    assert 0 < felt.halo <= reach.halo
    assert felt_halo(net, 2, align=4, shortest=8, maximum=32, tolerance=0.01).halo <= felt.halo


def unet_field(halo):
    make, align, _, shortest = NETS["two levels"]
    net = seeded(make).double()

    def forward(values):
        with torch.inference_mode():
            return net(torch.from_numpy(values)[None].double())[0].argmax(dim=0).to(torch.uint8).numpy()

    return Field(forward, channels=2, halo=halo, align=align, shortest=shortest)


@pytest.mark.parametrize("periodic", [(), (1,), (1, 2)])
def test_tiles_of_a_unet_make_what_it_makes_whole(periodic):
    # In double precision rounding would have to meet a tie within 1e-16.
    field = unet_field(halo=16)
    shape = (22, 56, 12)  # the period of axis 1 is longer than a tile and its halos
    whole = made(field, shape, seed=1, periodic=periodic, tile=56)
    np.testing.assert_array_equal(made(field, shape, seed=1, periodic=periodic, tile=20), whole)
    assert 0.1 < whole.mean() < 0.9


def test_transposed_convolutions_that_trim_make_the_same_in_tiles():
    # As SliceGAN's: k4 s2 p2 makes 2n - 2 of n, three times 8n - 14; trimmed to 8 (n - 2) by one voxel at each side.
    torch.manual_seed(1)
    layers = nn.Sequential(*[nn.ConvTranspose3d(3, 3, 4, 2, padding=2) for _ in range(3)]).double().eval()

    def forward(values):
        with torch.inference_mode():
            logits = layers(torch.from_numpy(values)[None].double())[0, :, 1:-1, 1:-1, 1:-1]
        return logits.argmax(dim=0).to(torch.uint8).numpy()

    field = Field(forward, channels=3, scale=8, halo=1, trims=True)
    for shape, periodic in itertools.product([(40, 24, 32)], [(), (0, 1, 2)]):
        whole = made(field, shape, seed=4, periodic=periodic, tile=40)
        np.testing.assert_array_equal(made(field, shape, seed=4, periodic=periodic, tile=16), whole)
    np.testing.assert_array_equal(made(field, (13, 9, 30), seed=4), made(field, (40, 24, 32), seed=4)[:13, :9, :30])


# --- halos that are too short -----------------------------------------------------


def test_seams_show_where_the_halo_is_too_short_and_only_there():
    exact = seam_mismatch(unet_field(halo=16), (64, 16, 16), (16, 16, 16), seed=2)
    assert exact.mismatch == 0
    assert exact.at_seams == exact.whole_at_seams
    assert exact.pairs == 4 * 16 * 16
    none = seam_mismatch(unet_field(halo=0), (64, 16, 16), (16, 16, 16), seed=2)
    assert none.mismatch > 0.001


def test_unlike_neighbours_are_counted_across_the_faces_of_tiles():
    # Each forward pass is of one label: every pair across a face is unlike, every other one alike.
    counter = itertools.count()

    def forward(values):
        return np.full(values.shape[1:], next(counter) % 16, np.uint8)

    found = seam_mismatch(Field(forward, channels=1), (12, 8, 4), (4, 4, 4))
    assert found.at_seams == 1
    assert found.elsewhere == 0
    assert found.whole_at_seams == 0
    # The whole has label 0, the six tiles 1 to 6.
    assert found.mismatch == 1
    # Three planes of 8 × 4 along axis 0, two of 12 × 4 along axis 1, none along axis 2.
    assert found.pairs == 3 * 32 + 2 * 48


def test_no_seam_is_refused():
    with pytest.raises(InputError, match="there is no seam"):
        seam_mismatch(BOX, (8, 8, 8), 8)
