"""Volumes made of arrays: labels, phases, thresholds, masks, boxes, lengths, against obvious NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microchar as mc
from microchar.core.grey_values import distinct, slabs
from microchar.core.grid import Grid
from microchar.core.units import canonical_unit, convert, parse_length, parse_voxel_size, power_unit, pretty_unit
from microchar.core.volume import OUTSIDE, Volume, parse_phases

INTEGERS = [np.uint8, np.int8, np.uint16, np.int16, ">u2", np.int32, np.uint32, np.int64, np.uint64]
SHAPES = [(1, 7, 13), (4, 5, 6), (7, 1, 13), (7, 13, 1), (1, 1, 1)]


def random(shape, greys, dtype, seed):
    return np.random.default_rng(seed).choice(np.array(greys), shape).astype(dtype)


# --- labels ------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [*INTEGERS, np.float32, np.float64], ids=str)
@pytest.mark.parametrize("greys", [(0, 1), (0, 1, 2), (87, 101), (3, 4, 9, 100)])
@settings(deadline=None, max_examples=5)
@given(shape=st.sampled_from(SHAPES), seed=st.integers(0, 2**20))
def test_a_label_is_the_position_of_the_grey_value(dtype, greys, shape, seed):
    image = random(shape, greys, dtype, seed)
    volume = mc.as_volume(image)
    found = np.unique(image)
    assert volume.grey_values == tuple(found.astype(int))
    labels = volume.read()
    assert labels.dtype == np.uint8
    assert labels.flags.c_contiguous
    assert np.array_equal(found[labels], image)


@pytest.mark.parametrize(
    ("dtype", "greys"),
    [
        (np.int16, (-1000, -3, 0, 30000)),
        (np.int64, (-(2**40), 2**40)),
        (np.uint64, (0, 2**63)),
        (np.uint32, (0, 70000)),
        (np.float32, (-5, 200)),
        (bool, (0, 1)),
    ],
)
def test_grey_values_of_any_size(dtype, greys):
    image = np.array(greys, dtype)[np.random.default_rng(0).integers(0, len(greys), (4, 5, 6))]
    volume = mc.as_volume(image)
    assert volume.grey_values == greys
    assert np.array_equal(np.array(greys, dtype)[volume.read()], image)


def test_the_largest_number_of_phases():
    image = np.arange(16, dtype=np.uint8).reshape(4, 4) * 7
    assert np.array_equal(mc.as_volume(image).read()[0], np.arange(16).reshape(4, 4))


def test_named_phases_that_are_absent_have_no_voxels():
    image = np.array([[0, 255], [255, 0]], np.uint8)
    volume = mc.as_volume(image, phases={"ghost": -4, "pore": 0, "solid": 255, "binder": 300})
    assert volume.phases == ("ghost", "pore", "solid", "binder")
    assert volume.read().tolist() == [[[1, 2], [2, 1]]]


def test_the_order_of_names_does_not_matter_and_text_will_do():
    image = np.array([[0, 255]], np.uint8)
    by_mapping = mc.as_volume(image, phases={"solid": 255, "pore": 0})
    for phases in (["pore", "solid"], "pore,solid", "solid=255, pore=0"):
        volume = mc.as_volume(image, phases=phases)
        assert (volume.phases, volume.grey_values) == (by_mapping.phases, by_mapping.grey_values)
    assert parse_phases("a=-1,b=2") == {"a": -1, "b": 2}


def test_the_input_is_neither_copied_nor_changed():
    image = random((4, 5, 6), (0, 3), np.uint8, 0)
    before = image.copy()
    mask = random((4, 5, 6), (0, 1), np.uint8, 1)
    volume = mc.as_volume(image, mask=mask)
    assert np.shares_memory(volume.values, image)
    assert np.shares_memory(volume.mask, mask)
    labels = volume.read()
    labels[:] = 9
    assert np.array_equal(image, before)


class Tensor:
    """Stands for the array of another library."""

    def __init__(self, array):
        self._array = array

    def __array__(self, dtype=None, copy=None):
        return np.array(self._array, dtype=dtype)


def test_anything_with_array_protocol_will_do():
    image = random((4, 5, 6), (0, 1), np.int64, 2)
    volume = mc.as_volume(Tensor(image), mask=Tensor(image), grey=Tensor(image))
    assert np.array_equal(volume.read()[image == 1], np.zeros((image == 1).sum()))
    assert volume.phases == ("1",)  # the mask leaves one phase


def test_a_torch_tensor_will_do():
    torch = pytest.importorskip("torch")
    image = random((4, 5, 6), (0, 1), np.uint8, 2)
    assert np.array_equal(mc.as_volume(torch.from_numpy(image)).read(), image)
    with pytest.raises(mc.InputError, match=r"detach\(\)\.cpu\(\)"):
        mc.as_volume(torch.zeros(4, 4, requires_grad=True))


def test_a_volume_is_returned_with_what_is_given_replaced():
    volume = mc.as_volume(np.array([[0, 2], [2, 0]]), voxel_size="1um", name="a", notes=["one"])
    assert mc.as_volume(volume) is volume
    other = mc.as_volume(
        volume, voxel_size="2nm", phases="pore,solid", mask=np.eye(2), grey=np.ones((2, 2)), name="b", notes=["two"]
    )
    assert isinstance(other, Volume)
    assert (other.voxel_size, other.unit) == ((2.0, 2.0, 2.0), "nm")
    assert other.phases == ("pore", "solid")
    assert other.mask.tolist() == [[[True, False], [False, True]]]
    assert (other.name, other.notes) == ("b", ("one", "two"))
    assert other.grey.shape == (1, 2, 2)


# --- mask and grey image -----------------------------------------------------


@pytest.mark.parametrize("mask_type", [bool, np.uint8, np.int16, np.float32])
@pytest.mark.parametrize("inside", [1, 255])
def test_outside_the_mask_nothing_is_looked_at(mask_type, inside):
    image = random((4, 5, 6), (0, 1), np.uint8, 3)
    mask = np.random.default_rng(4).random(image.shape) < 0.5
    spoiled = np.where(mask, image, 77)
    code = min(inside, 127) if mask_type is np.int16 else inside
    volume = mc.as_volume(spoiled, mask=mask.astype(mask_type) * mask_type(code))
    assert volume.grey_values == (0, 1)
    assert np.array_equal(volume.read(), np.where(mask, image, OUTSIDE))
    assert volume.mask.dtype == bool


def test_nan_outside_the_mask_is_no_matter():
    image = random((4, 5, 6), (0, 1), np.float32, 3)
    mask = np.random.default_rng(4).random(image.shape) < 0.5
    image[~mask] = np.nan
    volume = mc.as_volume(image, mask=mask, grey=image)
    assert np.array_equal(volume.read(), np.where(mask, image, OUTSIDE))
    assert np.isfinite(volume.grey_levels()).all()
    assert np.array_equal(volume.grey[mask], image[mask])


def test_grey_levels_are_the_image_or_the_phases_spread_evenly():
    image = np.array([[0, 3, 9]], np.int32)
    assert mc.as_volume(image).grey_levels().tolist() == [[[0, 127, 255]]]
    assert mc.as_volume(image[:, :2]).grey_levels().tolist() == [[[0, 255]]]
    grey = np.array([[0.5, 2.5, -1.0]], np.float32)
    levels = mc.as_volume(image, grey=grey).grey_levels((0, 0, 1), (1, 1, 4))
    assert levels.tolist() == [[[2.5, -1.0, 0.5]]]
    assert levels.dtype == np.float32


# --- thresholds --------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, ">u2", np.int16, np.int32, np.float32, np.float64], ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_otsu_is_that_of_scikit_image(dtype, seed):
    filters = pytest.importorskip("skimage.filters")
    rng = np.random.default_rng(seed)
    image = (rng.normal(90, 15, (6, 30, 31)) + 60 * rng.integers(0, 2, (6, 30, 31))).astype(dtype)
    volume = mc.as_volume(image, threshold="otsu")
    cut = filters.threshold_otsu(image)
    assert np.array_equal(volume.read(), image > cut)
    assert np.array_equal(volume.grey, image)
    assert f"{cut:g} (Otsu)" in volume.notes[-1]
    assert volume.phases == ("0", "1")


def test_otsu_looks_inside_the_mask_only():
    filters = pytest.importorskip("skimage.filters")
    rng = np.random.default_rng(5)
    image = rng.integers(0, 250, (9, 20, 22)).astype(np.uint8)
    mask = image < 120
    volume = mc.as_volume(image, threshold="otsu", mask=mask)
    cut = filters.threshold_otsu(image[mask])
    assert np.array_equal(volume.read(), np.where(mask, image > cut, OUTSIDE))


@pytest.mark.parametrize("threshold", [100, "100", 100.0])
def test_above_a_threshold_is_strictly_greater(threshold):
    volume = mc.as_volume(np.array([[99, 100, 101]]), threshold=threshold, phases="pore,solid")
    assert volume.read().tolist() == [[[0, 0, 1]]]
    assert volume.phases == ("pore", "solid")
    assert "100" in volume.notes[-1]


def test_a_threshold_cuts_fractions_and_keeps_the_given_grey_image():
    grey = np.zeros((1, 3))
    volume = mc.as_volume(np.array([[0.1, 0.5, 0.9]]), threshold=0.4, phases={"solid": 1, "pore": 0}, grey=grey)
    assert volume.read().tolist() == [[[0, 1, 1]]]
    assert volume.phases == ("pore", "solid")
    assert np.array_equal(volume.grey[0], grey)


def test_a_threshold_on_a_constant_image_leaves_one_phase_absent():
    volume = mc.as_volume(np.full((3, 3), 7), threshold="otsu")
    assert volume.n_phases == 2
    assert not volume.read().any()


# --- boxes -------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(
    shape=st.sampled_from([(1, 7, 13), (4, 5, 6)]),
    start=st.tuples(*[st.integers(-9, 9)] * 3),
    size=st.tuples(*[st.integers(1, 17)] * 3),
    masked=st.booleans(),
)
def test_a_box_beyond_the_end_wraps_around(shape, start, size, masked):
    image = random(shape, (5, 6), np.uint8, 1)
    mask = random(shape, (0, 1), np.uint8, 2) if masked else None
    if masked:
        mask.flat[0] = 1
    volume = mc.as_volume(image, phases={"a": 5, "b": 6}, mask=mask, grey=image)
    stop = [a + n for a, n in zip(start, size, strict=True)]
    index = np.ix_(*[np.arange(a, b) % n for a, b, n in zip(start, stop, shape, strict=True)])
    expected = image[index] - 5
    if masked:
        expected = np.where(mask[index], expected, OUTSIDE)
    assert np.array_equal(volume.read(start, stop), expected)
    assert np.array_equal(volume.grey_levels(start, stop), image[index])


def test_a_crop_cuts_values_mask_and_grey_alike():
    rng = np.random.default_rng(0)
    image, mask, grey = (rng.integers(0, 2, (6, 7, 8)) for _ in range(3))
    piece = mc.as_volume(image, mask=mask, grey=grey, phases={"a": 0, "b": 1}, voxel_size="2um").crop(
        (1, 0, 3), (4, 7, 5)
    )
    box = np.s_[1:4, 0:7, 3:5]
    assert piece.shape == (3, 7, 2)
    assert np.array_equal(piece.read(), np.where(mask[box] == 1, image[box], OUTSIDE))
    assert np.array_equal(piece.grey_levels(), grey[box])
    assert (piece.unit, piece.phases) == ("um", ("a", "b"))


@pytest.mark.parametrize("stop", [(6, 7, 9), (1, 7, 8), (6, 7, 0)])
def test_a_crop_outside_is_refused(stop):
    with pytest.raises(mc.InputError, match=r"does not lie in the shape \(6, 7, 8\)"):
        mc.as_volume(np.zeros((6, 7, 8), int)).crop((1, 0, 0), stop)


def test_a_memory_mapped_volume_stays_on_disk(tmp_path):
    image = random((9, 10, 11), (0, 1, 2), np.uint16, 0)
    np.save(tmp_path / "a.npy", image)
    volume = mc.as_volume(np.load(tmp_path / "a.npy", mmap_mode="r"))
    assert isinstance(volume.values.base, np.memmap)
    assert np.array_equal(volume.read(), image)


@settings(deadline=None, max_examples=40)
@given(shape=st.tuples(*[st.integers(1, 9)] * 3), voxels=st.integers(1, 200))
def test_slabs_cover_a_shape_once(shape, voxels):
    seen = np.zeros(shape, int)
    for slab in slabs(shape, voxels):
        seen[slab] += 1
        assert seen[slab].size <= max(voxels, seen.size // max(shape))
    assert (seen == 1).all()


def test_more_grey_values_than_a_table_holds():
    image = np.arange(70000, dtype=np.int64).reshape(1, 700, 100) * 1000
    assert len(distinct(image, None, "a")) > 65536


# --- lengths -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_size", "size", "unit"),
    [
        (None, (1, 1, 1), "voxel"),
        ("0.398um", (0.398,) * 3, "um"),
        ("0.398 µm", (0.398,) * 3, "um"),
        ("0.398 μm", (0.398,) * 3, "um"),
        (" 3e-6 m", (3e-6,) * 3, "m"),
        ("15.2 microns", (15.2,) * 3, "um"),
        ("15.2 micrometres", (15.2,) * 3, "um"),
        ("1, 1, 2 um", (1, 1, 2), "um"),
        ("1um,1um,500nm", (1000, 1000, 500), "nm"),
        (("1um", "2um", "3um"), (1, 2, 3), "um"),
        ((1, 1, "2um"), (1, 1, 2), "um"),
        (np.array([1, 2, 3]), (1, 2, 3), "voxel"),
        (3.0, (3, 3, 3), "voxel"),
        (np.float64(3.0), (3, 3, 3), "voxel"),
        ("1,1,2.5", (1, 1, 2.5), "voxel"),
    ],
)
def test_voxel_sizes_are_read(given_size, size, unit):
    assert parse_voxel_size(given_size) == (size, unit)


@pytest.mark.parametrize(
    ("given_size", "message"),
    [
        ("0um", "greater than 0"),
        (-1.0, "greater than 0"),
        (float("nan"), "greater than 0"),
        ("1,2um", "expected one length or three, found 2"),
        ("3 parsec", "unknown length unit 'parsec': expected one of pm, nm, um"),
        ("three", "cannot read 'three' as a length"),
        ("1e999um", "cannot read"),
        ("", "cannot read"),
        ("1um,1,1", "some lengths have a unit and some have none"),
        ({"x": 1}, "expected a number or a length|cannot read"),
        ((1, None, 1), "found None, expected a number"),
    ],
)
def test_what_is_no_voxel_size_is_refused(given_size, message):
    with pytest.raises(mc.InputError, match=message):
        parse_voxel_size(given_size)


def test_lengths_convert_by_whole_powers_of_ten():
    assert convert(1, "um", "nm") == 1000
    assert convert(0.398, "um", "nm") == 398
    assert convert(398, "nm", "um") == 0.398
    assert convert(2, "voxel", "voxel") == 2
    with pytest.raises(mc.InputError, match="the voxel size is not known; give it with voxel_size="):
        convert(2, "um", "voxel")


def test_units_are_written_for_files_and_for_people():
    assert [power_unit("um", power) for power in (-1, 0, 1, 2)] == ["um^-1", "", "um", "um^2"]
    assert [pretty_unit(unit) for unit in ("um^-1", "", "um", "voxel^2")] == ["µm⁻¹", "", "µm", "voxel²"]
    assert [canonical_unit(unit) for unit in ("µm", "Micron", "px", "nanometers", "mm")] == [
        "um",
        "um",
        "voxel",
        "nm",
        "mm",
    ]
    assert parse_length("5") == (5.0, "voxel")


GRID = Grid((10, 20, 1), (0.5, 2.0, 1.0), "um")


@pytest.mark.parametrize(
    ("length", "voxels"),
    [
        (3, (3, 3, 0)),
        (3.0, (3, 3, 0)),
        (np.int64(3), (3, 3, 0)),
        ("3", (3, 3, 0)),
        ("4um", (8, 2, 0)),
        ("4000 nm", (8, 2, 0)),
        ([1, 2, 3], (1, 2, 0)),
        ("1,4um,7", (1, 2, 0)),
        (["1um", 5, 0], (2, 5, 0)),
    ],
)
def test_lengths_become_voxels_along_each_axis(length, voxels):
    assert GRID.to_voxels(length, "r_max") == voxels


@pytest.mark.parametrize(
    ("length", "message"),
    [
        (0, "r_max=0: expected at least one voxel, found 0"),
        (-2, "expected at least one voxel, found -2"),
        ("0.1um", "expected at least one voxel, found 0"),
        (2.5, "expected whole voxels or a length such as '5um'"),
        ("2.5", "expected whole voxels"),
        (float("nan"), "expected whole voxels"),
        (True, "expected whole voxels"),
        (None, "expected whole voxels"),
        ([1, 2], "expected one length or one for each of the 3 axes, found 2"),
        ("5 parsec", "r_max='5 parsec': unknown length unit 'parsec'"),
        ("far", "r_max='far': cannot read 'far' as a length"),
    ],
)
def test_what_is_no_length_in_voxels_is_refused(length, message):
    with pytest.raises(mc.InputError, match=message):
        GRID.to_voxels(length, "r_max")


def test_a_length_with_a_unit_needs_a_voxel_size():
    with pytest.raises(mc.InputError, match=r"window='5um': .* the voxel size is not known"):
        Grid((4, 4, 4)).to_voxels("5um", "window")


def test_the_voxel_volume_leaves_out_axes_of_length_one():
    assert GRID.axes == (0, 1)
    assert GRID.voxel_volume == 1.0
    assert Grid((4, 4, 4), (1.0, 2.0, 3.0)).voxel_volume == 6.0
