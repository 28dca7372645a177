"""Volumes made of arrays: labels, phases, masks, grey images and boxes, against obvious NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microchar as mc
from images import BINARY_SHAPE, assert_says, binary_voxels
from microchar.core.phases import parse_phases
from microchar.core.volume import OUTSIDE, Volume

INTEGERS = [np.uint8, np.int8, np.uint16, np.int16, ">u2", np.int32, np.uint32, np.int64, np.uint64]
SHAPES = [(1, 7, 13), (4, 5, 6), (7, 1, 13), (7, 13, 1), (1, 1, 1)]


def random_image(shape, greys, dtype, seed):
    return np.random.default_rng(seed).choice(np.array(greys), shape).astype(dtype)


class Tensor:
    """Stands for the array of another library."""

    def __init__(self, array):
        self._array = array

    def __array__(self, dtype=None, copy=None):
        return np.array(self._array, dtype=dtype)


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", [*INTEGERS, np.float32, np.float64], ids=str)
@pytest.mark.parametrize("greys", [(0, 1), (0, 1, 2), (87, 101), (3, 4, 9, 100)])
@settings(deadline=None, max_examples=5)
@given(shape=st.sampled_from(SHAPES), seed=st.integers(0, 2**20))
def test_a_label_is_the_position_of_the_grey_value(dtype, greys, shape, seed):
    image = random_image(shape, greys, dtype, seed)
    volume = mc.as_volume(image)
    found = np.unique(image)
    assert volume.grey_values == tuple(found.astype(int))
    labels = volume.read()
    assert labels.dtype == np.uint8
    assert labels.flags.c_contiguous
    assert np.array_equal(found[labels], image)


@pytest.mark.oracle
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


@pytest.mark.oracle
def test_the_largest_number_of_phases():
    image = np.arange(16, dtype=np.uint8).reshape(4, 4) * 7
    assert np.array_equal(mc.as_volume(image).read()[0], np.arange(16).reshape(4, 4))


@pytest.mark.oracle
def test_named_phases_that_are_absent_have_no_voxels():
    image = np.array([[0, 255], [255, 0]], np.uint8)
    volume = mc.as_volume(image, phases={"ghost": -4, "pore": 0, "solid": 255, "binder": 300})
    assert volume.phases == ("ghost", "pore", "solid", "binder")
    assert volume.read().tolist() == [[[1, 2], [2, 1]]]


@pytest.mark.oracle
def test_the_order_of_names_does_not_matter_and_text_will_do():
    image = np.array([[0, 255]], np.uint8)
    by_mapping = mc.as_volume(image, phases={"solid": 255, "pore": 0})
    for phases in (["pore", "solid"], "pore,solid", "solid=255, pore=0"):
        volume = mc.as_volume(image, phases=phases)
        assert (volume.phases, volume.grey_values) == (by_mapping.phases, by_mapping.grey_values)
    assert parse_phases("a=-1,b=2") == {"a": -1, "b": 2}


@pytest.mark.oracle
def test_a_colon_names_a_grey_value_as_well():
    image = np.array([[0, 255]], np.uint8)
    for phases in ("solid:255,pore:0", "solid: 255, pore=0", "pore : 0,solid:+255"):
        volume = mc.as_volume(image, phases=phases)
        assert (volume.phases, volume.grey_values) == (("pore", "solid"), (0, 255))
    assert mc.as_volume(image, phases="phase:a=0,phase:b=255").phases == ("phase:a", "phase:b")
    assert mc.as_volume(image, phases="phase:a,phase:b").phases == ("phase:a", "phase:b")
    assert mc.as_volume(image, phases="0,255").phases == ("0", "255")


@pytest.mark.property
@pytest.mark.parametrize(
    "phases",
    [
        "255,0",
        "+255,pore",
        ["255", "0"],
        {"255": 0, "0": 255},
        ["solid:255", "pore:0"],
        ["solid = 255", "pore"],
        {"solid:255": 0, "pore": 255},
    ],
)
def test_a_name_that_looks_like_another_grey_value_is_refused(phases):
    for image in (np.array([[0, 255]], np.uint8), mc.as_volume(np.array([[0, 255]], np.uint8))):
        with pytest.raises(mc.InputError, match=r"would be the name of the grey value .*together, as 'A=0,B=255'"):
            mc.as_volume(image, phases=phases)


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("greys", "middle"),
    [((0, 1, 254, 255), 127), ((0, 255, 254), 127), ((3, 100, 101, 102), 51), ((-5, -4, 200), 98)],
)
def test_near_binary_images_are_noted(greys, middle):
    image = np.array(greys, np.int16).reshape(1, -1)
    (note,) = mc.as_volume(image).notes
    assert f"are {len(greys)} phases: if they should be two, use threshold={middle}" in note
    assert "outside=GREY" in note
    assert mc.as_volume(image, threshold=middle).read().ravel().tolist() == [int(grey > middle) for grey in greys]
    assert mc.as_volume(image, phases={f"p{grey}": grey for grey in greys}).notes == ()  # named: on purpose


@pytest.mark.oracle
@pytest.mark.parametrize("greys", [(0, 255), (0, 1), (0, 1, 2), (0, 128, 255), (0, 20, 255), (0, 1, 2, 3, 30)])
def test_other_grey_values_are_phases(greys):
    assert mc.as_volume(np.array(greys, np.uint8).reshape(1, -1)).notes == ()


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
@pytest.mark.parametrize("scale", [1, 10**6])
def test_stray_voxels_are_noted(dtype, scale):
    image = np.zeros((30, 30, 30), np.int64)
    image[15:] = 2
    image[0, 0, :2] = 1
    image *= scale if dtype == np.int64 else 1
    volume = mc.as_volume(image.astype(dtype), phases="pore,stray,solid")
    (note,) = volume.notes  # 2 / 27000 < 1e-4
    assert note.startswith("phase 'stray' has 2 of 27000 voxels")
    assert note.endswith(f"outside={volume.grey_values[1]}")
    image[0, 0, 2] = image[0, 0, 1]  # 3 / 27000 > 1e-4
    assert mc.as_volume(image.astype(dtype)).notes == ()


@pytest.mark.oracle
def test_the_input_is_neither_copied_nor_changed():
    image = random_image((4, 5, 6), (0, 3), np.uint8, 0)
    before = image.copy()
    mask = random_image((4, 5, 6), (0, 1), np.uint8, 1)
    volume = mc.as_volume(image, mask=mask)
    assert np.shares_memory(volume.values, image)
    assert np.shares_memory(volume.mask, mask)
    labels = volume.read()
    labels[:] = 9
    assert np.array_equal(image, before)


@pytest.mark.oracle
def test_anything_with_array_protocol_will_do():
    image = random_image((4, 5, 6), (0, 1), np.int64, 2)
    volume = mc.as_volume(Tensor(image), mask=Tensor(image), grey=Tensor(image))
    assert np.array_equal(volume.read()[image == 1], np.zeros((image == 1).sum()))
    assert volume.phases == ("1",)  # the mask leaves one phase


@pytest.mark.oracle
def test_a_torch_tensor_will_do():
    torch = pytest.importorskip("torch")
    image = random_image((4, 5, 6), (0, 1), np.uint8, 2)
    assert np.array_equal(mc.as_volume(torch.from_numpy(image)).read(), image)
    with pytest.raises(mc.InputError, match=r"detach\(\)\.cpu\(\)"):
        mc.as_volume(torch.zeros(4, 4, requires_grad=True))


@pytest.mark.oracle
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


@pytest.mark.oracle
@pytest.mark.parametrize("mask_type", [bool, np.uint8, np.int16, np.float32])
@pytest.mark.parametrize("inside", [1, 255])
def test_outside_the_mask_nothing_is_looked_at(mask_type, inside):
    image = random_image((4, 5, 6), (0, 1), np.uint8, 3)
    mask = np.random.default_rng(4).random(image.shape) < 0.5
    spoiled = np.where(mask, image, 77)
    code = min(inside, 127) if mask_type is np.int16 else inside
    volume = mc.as_volume(spoiled, mask=mask.astype(mask_type) * mask_type(code))
    assert volume.grey_values == (0, 1)
    assert np.array_equal(volume.read(), np.where(mask, image, OUTSIDE))
    assert volume.mask.dtype == bool


@pytest.mark.oracle
def test_nan_outside_the_mask_is_no_matter():
    image = random_image((4, 5, 6), (0, 1), np.float32, 3)
    mask = np.random.default_rng(4).random(image.shape) < 0.5
    image[~mask] = np.nan
    volume = mc.as_volume(image, mask=mask, grey=image)
    assert np.array_equal(volume.read(), np.where(mask, image, OUTSIDE))
    assert np.isfinite(volume.grey_levels()).all()
    assert np.array_equal(volume.grey[mask], image[mask])


@pytest.mark.oracle
def test_grey_levels_are_the_image_or_the_phases_spread_evenly():
    image = np.array([[0, 3, 9]], np.int32)
    assert mc.as_volume(image).grey_levels().tolist() == [[[0, 127, 255]]]
    assert mc.as_volume(image[:, :2]).grey_levels().tolist() == [[[0, 255]]]
    grey = np.array([[0.5, 2.5, -1.0]], np.float32)
    levels = mc.as_volume(image, grey=grey).grey_levels((0, 0, 1), (1, 1, 4))
    assert levels.tolist() == [[[2.5, -1.0, 0.5]]]
    assert levels.dtype == np.float32


@pytest.mark.oracle
@settings(deadline=None, max_examples=40)
@given(
    shape=st.sampled_from([(1, 7, 13), (4, 5, 6)]),
    start=st.tuples(*[st.integers(-9, 9)] * 3),
    size=st.tuples(*[st.integers(1, 17)] * 3),
    masked=st.booleans(),
)
def test_a_box_beyond_the_end_wraps_around(shape, start, size, masked):
    image = random_image(shape, (5, 6), np.uint8, 1)
    mask = random_image(shape, (0, 1), np.uint8, 2) if masked else None
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


@pytest.mark.oracle
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


@pytest.mark.oracle
@pytest.mark.parametrize("stop", [(6, 7, 9), (1, 7, 8), (6, 7, 0)])
def test_a_crop_outside_is_refused(stop):
    with pytest.raises(mc.InputError, match=r"does not lie in the shape \(6, 7, 8\)"):
        mc.as_volume(np.zeros((6, 7, 8), int)).crop((1, 0, 0), stop)


@pytest.mark.oracle
def test_a_memory_mapped_volume_stays_on_disk(tmp_path):
    image = random_image((9, 10, 11), (0, 1, 2), np.uint16, 0)
    np.save(tmp_path / "a.npy", image)
    volume = mc.as_volume(np.load(tmp_path / "a.npy", mmap_mode="r"))
    assert isinstance(volume.values.base, np.memmap)
    assert np.array_equal(volume.read(), image)


@pytest.mark.property
@pytest.mark.parametrize(
    ("phases", "message"),
    [
        ({"a": 0, "b": 0}, "two phases have the same grey value"),
        ({"a": 0, "b": 0.5}, "expected a whole grey value for each name"),
        ({}, "expected a whole grey value for each name"),
        (["a", "a"], "expected different names"),
        (["a", ""], "expected different names, none empty"),
        (["a", "b|c"], "none with a '|'"),
        ("a=0,b", "found 'b', expected each name once"),
        ("a=0,a=1", "found 'a=1', expected each name once"),
        ("a=0,b=x", "found 'b=x', expected each name once"),
        ({str(k): k for k in range(17)}, "found 17 distinct grey values, expected at most 16"),
    ],
)
def test_phases_that_make_no_sense(phases, message):
    with pytest.raises(mc.InputError) as caught:
        mc.as_volume(binary_voxels(), phases=phases)
    assert_says(str(caught.value), message)


@pytest.mark.property
@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 2), complex), "found the data type complex128"),
        (np.array([["a", "b"]]), "expected integer grey values, found the data type <U1"),
        ([[1, 2], [3]], "cannot make an array of a list"),
        (np.arange(4), "expected a 3D volume or a 2D image, found 1 axes"),
        (np.full((2, 2), 1e30), "fractional|expected"),
    ],
)
def test_arrays_that_are_no_volume(array, message):
    with pytest.raises(mc.InputError, match=message):
        mc.as_volume(array)


@pytest.mark.property
def test_a_grey_image_with_nan():
    grey = np.zeros(BINARY_SHAPE)
    grey[0, 0, 0] = np.nan
    with pytest.raises(mc.InputError, match="grey image: the image holds NaN"):
        mc.as_volume(binary_voxels(), grey=grey)
    with pytest.raises(mc.InputError, match="grey image: expected numbers"):
        mc.as_volume(binary_voxels(), grey=grey.astype(complex))
