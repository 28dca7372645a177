"""Files of NumPy that are damaged or hostile, and voxel sizes that no voxel has."""

from __future__ import annotations

import io
import struct
import zipfile

import numpy as np
import pytest
import tifffile
from PIL import Image

import microchar as mc

pytestmark = pytest.mark.property


def npy(header, data=b""):
    """Return a file of NumPy with a header that NumPy itself would not write."""
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def described(shape, dtype="|u1"):
    return f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}}}"


def refusal(path):
    with pytest.raises(mc.InputError) as caught:
        mc.read_volume(path)
    message = str(caught.value)
    assert path.name in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    "header",
    [
        described("(-8, 8, 8)"),
        described("(8, -1, -8)"),
        described(f"({10**30}, 8, 8)"),
        described("(8.0, 8, 8)"),
        "{[]: 1}",
        "{",
        "[" * 100,
        "(" * 60 + ")" * 60,
        "{'descr': [], 'fortran_order': False, 'shape': (8, 8, 8)}",
        "{'descr': {}, 'fortran_order': False, 'shape': (8, 8, 8)}",
    ],
)
def test_an_impossible_header_is_refused(tmp_path, header):
    (tmp_path / "a.npy").write_bytes(npy(header, bytes(512)))
    refusal(tmp_path / "a.npy")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", npy(header, bytes(512)))
    refusal(tmp_path / "a.npz")


def test_a_member_that_is_no_array_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "holds 0 arrays" in refusal(tmp_path / "a.npz")


def test_an_encrypted_archive_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", np.eye(8, dtype=np.uint8))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    for sign, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(sign) + at] |= 1
    (tmp_path / "a.npz").write_bytes(content)
    assert "encrypted" in refusal(tmp_path / "a.npz")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damaged_compression_is_refused(tmp_path, method):
    buffer = io.BytesIO()
    np.save(buffer, np.random.default_rng(0).integers(0, 2, (8, 8, 8)).astype(np.uint8))
    with zipfile.ZipFile(tmp_path / "a.npz", "w", method) as archive:
        archive.writestr("a.npy", buffer.getvalue())
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[60:90] = bytes(b ^ 255 for b in content[60:90])
    (tmp_path / "a.npz").write_bytes(content)
    refusal(tmp_path / "a.npz")


@pytest.mark.parametrize(("size", "found"), [(511, "511 bytes"), (513, "more"), (10_000_000, "more")])
def test_no_more_is_unpacked_than_the_header_says(tmp_path, size, found):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", npy(described("(8, 8, 8)"), bytes(size)))
    assert f"512 bytes, found {found}" in refusal(tmp_path / "a.npz")


def test_a_voxel_size_of_no_length_is_refused_unless_another_is_given(tmp_path):
    description = "ImageJ=1.54f\nimages=6\nslices=6\nunit=um\nspacing=1e-320\n"
    image = np.indices((6, 7, 8)).sum(0).astype(np.uint8) % 2
    tifffile.imwrite(
        tmp_path / "a.tif",
        image,
        photometric="minisblack",
        metadata=None,
        description=description,
        resolution=(1, 1),
        resolutionunit=1,
    )
    assert "from 1e-15 to 1e6 m" in refusal(tmp_path / "a.tif")
    assert mc.read_volume(tmp_path / "a.tif", voxel_size="2um").voxel_size == (2.0, 2.0, 2.0)


@pytest.mark.parametrize("size", ["1e-15m", "1e6m", "1e-3pm", "1e12um", 1e-15, 1e6])
def test_voxel_sizes_at_the_limits_are_taken(size):
    volume = mc.as_volume(np.eye(4, dtype=np.uint8), voxel_size=size)
    assert np.prod(volume.voxel_size) > 0


@pytest.mark.parametrize("size", ["9e-16m", "2e6m", "1e-4pm", "1e13um", "0um", 1e-16, 1e7, float("inf"), 10**400])
def test_voxel_sizes_beyond_the_limits_are_refused(size):
    with pytest.raises(mc.InputError, match="voxel_size"):
        mc.as_volume(np.eye(4, dtype=np.uint8), voxel_size=size)


def test_grey_values_beyond_int64_are_counted_like_others():
    image = (np.eye(4, dtype=np.uint64) + np.uint64(2**63)).astype(np.uint64)
    volume = mc.as_volume(image)
    assert volume.grey_values == (2**63, 2**63 + 1)
    assert volume.read().tolist() == np.eye(4, dtype=int)[np.newaxis].tolist()
    with pytest.raises(mc.InputError, match="expected whole numbers below 2"):
        mc.as_volume(image, threshold="otsu")


def test_a_bitmap_of_few_colours_with_a_byte_per_pixel_is_not_read_bit_by_bit(tmp_path):
    path = tmp_path / "a.bmp"
    image = np.eye(8, dtype=np.uint8) * 255
    Image.fromarray(image).save(path)
    assert np.array_equal(mc.read_volume(path).values[0], image)
    content = bytearray(path.read_bytes())
    content[46:50] = (1).to_bytes(4, "little")  # the number of colours
    path.write_bytes(content)
    found = read_or_refused(path)
    # Old versions of Pillow read it right.
    assert "with 8 bits per pixel" in found if isinstance(found, str) else np.array_equal(found[0], image)


def read_or_refused(path):
    try:
        return mc.read_volume(path).values
    except mc.InputError as error:
        return str(error)


def test_nifti_voxels_within_the_header_are_refused(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    path = tmp_path / "a.nii"
    nibabel.save(nibabel.Nifti1Image(np.eye(8, dtype=np.uint8)[np.newaxis], np.eye(4)), path)
    assert mc.read_volume(path).values.sum() == 8
    content = bytearray(path.read_bytes())
    content[108:112] = bytes(4)
    path.write_bytes(content)
    assert "begin at byte 0, expected 352" in refusal(path)


def strips(path, change):
    """Write three pages of four strips each, and change the second page's place of the first strip."""
    image = np.random.default_rng(0).integers(0, 2, (3, 8, 8)).astype(np.uint8)
    tifffile.imwrite(path, image, photometric="minisblack", rowsperstrip=2, metadata={"axes": "ZYX"})
    with tifffile.TiffFile(path) as file:
        tag = file.pages[1].aspage().tags["StripOffsets"]
        offsets = tag.value
    content = bytearray(path.read_bytes())
    new = struct.pack("<4I" if tag.dtype == 4 else "<4H", *change(offsets))
    content[tag.valueoffset : tag.valueoffset + len(new)] = new
    path.write_bytes(content)
    return image, offsets


def test_strips_that_do_not_follow_each_other_are_refused(tmp_path):
    image, _ = strips(tmp_path / "a.tif", lambda offsets: offsets)
    assert np.array_equal(mc.read_volume(tmp_path / "a.tif").values, image)
    strips(tmp_path / "a.tif", lambda offsets: (offsets[0] + 64, *offsets[1:]))
    assert "1 of 3 pages (2)" in refusal(tmp_path / "a.tif")


def test_pages_that_do_not_follow_each_other_are_read_where_they_are(tmp_path):
    image, _ = strips(tmp_path / "a.tif", lambda offsets: [offset + 64 for offset in offsets])
    assert np.array_equal(mc.read_volume(tmp_path / "a.tif").values, image[[0, 2, 2]])


def test_ome_metadata_that_count_pages_from_the_end_are_refused(tmp_path):
    path = tmp_path / "a.tif"
    mc.write_volume(np.indices((3, 4, 5))[0].astype(np.int32) % 2, path)
    path.write_bytes(path.read_bytes().replace(b'IFD="0" ', b'IFD="-1"'))
    assert "before the first one" in refusal(path)


@pytest.mark.parametrize("start", ["+:,:,:", "z=-:5", "1:+", f"{'9' * 5000}:,:,:"])
def test_a_crop_without_numbers_is_refused(tmp_path, start):
    np.save(tmp_path / "a.npy", np.eye(4, dtype=np.uint8))
    with pytest.raises(mc.InputError, match="crop="):
        mc.read_volume(tmp_path / "a.npy", crop=start)
