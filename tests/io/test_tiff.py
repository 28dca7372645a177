"""TIFF files of any kind are read; damaged and unsuitable ones are refused, never read in part."""

from __future__ import annotations

import contextlib
import struct

import numpy as np
import pytest
import tifffile

import microchar as mc
from images import assert_says, base_of, binary_voxels, refusal, voxels
from microchar.core.errors import InputError

KINDS = {
    "contiguous": {},
    "pages": {"metadata": None},
    "BigTIFF": {"bigtiff": True},
    "zlib": {"compression": "zlib"},
    "zlib pages": {"compression": "zlib", "metadata": None},
    "tiles": {"tile": (16, 16)},
    "ImageJ": {"imagej": True, "metadata": {"axes": "ZYX", "spacing": 2, "unit": "um"}},
    "ImageJ zlib": {"imagej": True, "metadata": {"axes": "ZYX"}, "compression": "zlib"},
    "OME": {"ome": True, "metadata": {"axes": "ZYX", "PhysicalSizeX": 1.0}},
}


@pytest.mark.oracle
@pytest.mark.parametrize(
    "how",
    [
        {},
        {"metadata": None},
        {"bigtiff": True},
        {"bigtiff": True, "metadata": None, "byteorder": ">"},
        {"byteorder": ">"},
        {"compression": "zlib"},
        {"compression": "zlib", "metadata": None},
        {"compression": "zlib", "predictor": True},
        {"compression": "lzw"},
        {"compression": "packbits"},
        {"compression": "zstd"},
        {"compression": "lzma"},
        {"compression": "png"},
        {"compression": "zlib", "bigtiff": True},
        {"tile": (16, 16)},
        {"tile": (16, 16), "compression": "zlib"},
        {"rowsperstrip": 2, "metadata": None},
        {"ome": True, "metadata": {"axes": "ZYX"}},
        {"ome": True, "metadata": {"axes": "ZYX"}, "compression": "zlib"},
        {"imagej": True, "metadata": {"axes": "ZYX"}},
        {"imagej": True, "metadata": {"axes": "TYX"}},
        {"imagej": True, "metadata": {"axes": "ZYX"}, "compression": "zlib"},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff_of_any_kind_is_read(tmp_path, how, dtype):
    image = voxels(dtype=dtype)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack", **how)
    volume = mc.read_volume(tmp_path / "a.tif")
    assert np.array_equal(volume.values, image)
    assert volume.values.dtype.newbyteorder("=") == dtype
    assert np.array_equal(volume.read(), np.searchsorted([0, 3, 9], image))
    assert volume.unit == "voxel"


@pytest.mark.oracle
@pytest.mark.parametrize("how", [{}, {"bigtiff": True, "byteorder": ">"}, {"ome": True}, {"imagej": True}], ids=str)
def test_an_uncompressed_tiff_stays_on_disk(tmp_path, how):
    metadata = {"metadata": {"axes": "ZYX"}} if how.get("ome") or how.get("imagej") else {}
    image = voxels(dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack", **how, **metadata)
    volume = mc.read_volume(tmp_path / "a.tif", crop="1:5,:,2:4")
    assert isinstance(base_of(volume.values), np.memmap)
    assert not volume.values.flags.writeable
    assert np.array_equal(volume.read(), np.searchsorted([0, 3, 9], image[1:5, :, 2:4]))


@pytest.mark.oracle
def test_pages_that_do_not_lie_in_one_piece_are_read(tmp_path):
    image = voxels()
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for plane in image:
            file.write(plane, contiguous=False, metadata=None)
    volume = mc.read_volume(tmp_path / "a.tif")
    assert not isinstance(base_of(volume.values), np.memmap)
    assert np.array_equal(volume.values, image)


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", [bool, np.int8, np.int16, np.int32, np.uint32, np.float32, np.float64])
def test_tiff_of_any_type_is_read(tmp_path, dtype):
    image = voxels(dtype=dtype, greys=(0, 1))
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack")
    assert np.array_equal(mc.read_volume(tmp_path / "a.tif").read(), image)


@pytest.mark.oracle
def test_a_volume_written_as_channels_is_a_volume(tmp_path):
    image = voxels((20, 9, 11))
    tifffile.imwrite(tmp_path / "a.tif", image, imagej=True)  # without axes, ImageJ takes planes for channels
    volume = mc.read_volume(tmp_path / "a.tif")
    assert np.array_equal(volume.values, image)
    assert "the channels of the file are used as planes of the volume" in volume.notes


@pytest.mark.oracle
def test_a_tifffile_of_another_interface_is_not_blamed_on_the_file(tmp_path, monkeypatch):
    def gone(self):
        raise AttributeError("'TiffPageSeries' object has no attribute 'axes'")

    tifffile.imwrite(tmp_path / "a.tif", voxels())
    monkeypatch.setattr(tifffile.TiffPageSeries, "axes", property(gone))
    with pytest.raises(InputError, match=f"tifffile {tifffile.__version__} fails to read the file .*another version"):
        mc.read_volume(tmp_path / "a.tif")


@pytest.mark.oracle
@pytest.mark.parametrize("shape", [(7, 13, 1), (7, 1, 13), (1, 13, 1), (13, 1), (1, 13), (5, 5, 5), (1, 1, 1)])
@pytest.mark.parametrize("how", [{}, {"metadata": None}, {"metadata": {"axes": "ZYX"}}], ids=str)
def test_axes_of_length_one_stay_where_they_are(tmp_path, shape, how):
    image = voxels((1,) * (3 - len(shape)) + shape).reshape(shape)
    if len(shape) == 2 and how.get("metadata"):
        how = {"metadata": {"axes": "YX"}}
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack", **how)
    assert np.array_equal(mc.read_volume(tmp_path / "a.tif").values, image.reshape(-1, *shape[-2:]))


@pytest.mark.property
@pytest.mark.parametrize("kind", KINDS)
def test_truncated_tiff_is_never_read_in_part(tmp_path, kind):
    """What is cut off is missed, unless it is nothing that is read, such as the name of the software."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, binary_voxels(), photometric="minisblack", **KINDS[kind])
    whole = path.read_bytes()
    expected = mc.read_volume(path)
    refused = 0
    cuts = [*range(1, 40, 3), *range(40, len(whole), max(len(whole) // 60, 1)), *range(len(whole) - 30, len(whole))]
    for cut in cuts:
        path.write_bytes(whole[:cut])
        try:
            volume = mc.read_volume(path)
        except mc.InputError as error:
            message = str(error)
            refused += 1
            assert_says(message, str(path))
            assert any(word in message for word in ("truncated", "damaged", "not a TIFF", "declares"))
        else:
            assert np.array_equal(volume.values, expected.values)
            assert volume.notes == expected.notes
    assert refused > len(cuts) - 20


@pytest.mark.property
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_a_damaged_tiff_is_refused_or_read_and_nothing_else(tmp_path, kind, seed):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, binary_voxels(), photometric="minisblack", **KINDS[kind])
    whole = path.read_bytes()
    rng = np.random.default_rng(seed)
    for _ in range(30):
        damaged = bytearray(whole)
        for place in rng.integers(0, min(len(damaged), 900), 3):
            damaged[place] = rng.integers(0, 256)
        path.write_bytes(bytes(damaged))
        with contextlib.suppress(mc.InputError):
            mc.read_volume(path)


@pytest.mark.property
@pytest.mark.parametrize(("big", "compression"), [(False, 1), (False, 8), (True, 1), (True, 8)])
def test_a_header_that_promises_a_million_million_voxels(tmp_path, big, compression):
    """One page of 10^6 x 10^6 pixels, a strip of ten bytes."""
    path = tmp_path / "huge.tif"
    n, long = 10**6, 4
    tags = [(256, n), (257, n), (258, 8), (259, compression), (262, 1), (273, 500), (277, 1), (278, n), (279, 10)]
    if big:
        header = struct.pack("<2sHHHQQ", b"II", 43, 8, 0, 16, len(tags))
        entries = b"".join(struct.pack("<HHQQ", tag, long, 1, value) for tag, value in tags) + struct.pack("<Q", 0)
    else:
        header = struct.pack("<2sHIH", b"II", 42, 8, len(tags))
        entries = b"".join(struct.pack("<HHII", tag, long, 1, value) for tag, value in tags) + struct.pack("<I", 0)
    path.write_bytes((header + entries).ljust(510, b"\0"))
    message = refusal(path)
    assert_says(message, "declares", "1000000 × 1000000 = 1e+12 voxels of type uint8")
    if compression == 1:
        assert_says(message, "for which it would have 1000000000500 bytes, and has 510", "truncated or damaged")
    else:
        assert_says(message, "931.3 GiB", "into memory, of which there is", "Save it uncompressed")


@pytest.mark.property
def test_metadata_that_promise_more_planes_than_there_are(tmp_path):
    path = tmp_path / "a.tif"
    for description in ('{"shape": [90, 24, 31]}', "ImageJ=1.54f\nimages=90\nslices=90\n"):
        tifffile.imwrite(path, binary_voxels(), photometric="minisblack", metadata=None, description=description)
        assert_says(refusal(path), "truncated or damaged", "copy or export it again")


@pytest.mark.property
def test_colour_tiff(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, binary_voxels((5, 24, 31, 3)), photometric="rgb")
    assert_says(refusal(path), "found a colour image (RGB, 3 values per pixel)", "expected grey values", "8-bit grey")


@pytest.mark.property
def test_channels(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, binary_voxels((5, 2, 24, 31)), imagej=True, metadata={"axes": "ZCYX"})
    assert_says(refusal(path), "found 2 channels (axes ZCYX of shape (5, 2, 24, 31)), expected one", "save one channel")
    tifffile.imwrite(path, binary_voxels((2, 24, 31)), imagej=True, metadata={"axes": "CYX"})
    assert_says(refusal(path), "found 2 channels")


@pytest.mark.property
def test_four_axes(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, binary_voxels((2, 5, 24, 31)), imagej=True, metadata={"axes": "TZYX"})
    assert_says(refusal(path), "expected a 3D volume or a 2D image, found 4 axes TZYX", "(2, 5, 24, 31)", "time step")
    np.save(tmp_path / "a.npy", binary_voxels((2, 5, 24, 31)))
    assert_says(refusal(tmp_path / "a.npy"), "found 4 axes of shape (2, 5, 24, 31)", "select one channel or time step")


@pytest.mark.property
def test_several_images(tmp_path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(binary_voxels(), metadata=None)
        file.write(binary_voxels((8, 9)), metadata=None)
    assert_says(refusal(path), "found 2 images of different kinds (5 × 24 × 31, 8 × 9), expected one volume")
    with tifffile.TiffWriter(path) as file:
        for _ in range(2):
            file.write(binary_voxels(), photometric="minisblack", contiguous=False, metadata=None)
    assert mc.read_volume(path).shape == (10, 24, 31)  # pages without metadata are one stack
    with tifffile.TiffWriter(path) as file:
        for _ in range(2):
            file.write(binary_voxels(), photometric="minisblack", contiguous=False)
    assert_says(refusal(path), "found 2 images of different kinds (5 × 24 × 31, 5 × 24 × 31), expected one volume")


def write_by_loop(path, image, **how):
    with tifffile.TiffWriter(path) as file:
        for plane in image:
            file.write(plane, **how)


def write_by_appending(path, image):
    for plane in image:
        tifffile.imwrite(path, plane, append=True)


def write_by_imageio(path, image):
    import imageio

    imageio.mimwrite(path, list(image))


def write_by_imageio_3(path, image):
    from imageio.v3 import imopen

    with imopen(path, "w") as file:
        for plane in image:
            file.write(plane)


def write_by_pillow(path, image):
    from PIL import Image

    first, *others = (Image.fromarray(plane) for plane in image)
    first.save(path, save_all=True, append_images=others)


@pytest.mark.oracle
@pytest.mark.parametrize(
    "write",
    [
        write_by_loop,
        lambda path, image: write_by_loop(path, image, compression="zlib"),
        lambda path, image: write_by_loop(path, image, contiguous=False, tile=(16, 16)),
        lambda path, image: write_by_loop(path, image[:, np.newaxis], contiguous=False),
        lambda path, image: write_by_loop(path, image, metadata=None),
        write_by_appending,
        write_by_imageio,
        write_by_imageio_3,
        write_by_pillow,
    ],
    ids=["loop", "zlib", "tiles", "one plane each", "no metadata", "append", "imageio", "imageio 3", "Pillow"],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_stack_written_plane_by_plane_is_a_volume(tmp_path, write, dtype):
    image = voxels((6, 20, 24), dtype)
    write(tmp_path / "a.tif", image)
    assert np.array_equal(mc.read_volume(tmp_path / "a.tif").values, image)
    assert np.array_equal(mc.read_volume(tmp_path / "a.tif", crop="1:4,2:19,3:").values, image[1:4, 2:19, 3:])


@pytest.mark.oracle
def test_the_voxel_size_of_a_stack_written_plane_by_plane(tmp_path):
    how = {"resolution": (1 / 0.13, 1 / 0.13), "metadata": {"spacing": 0.2, "unit": "um"}}
    write_by_loop(tmp_path / "a.tif", voxels(), **how)
    volume = mc.read_volume(tmp_path / "a.tif")
    assert (volume.voxel_size, volume.unit) == ((0.2, 0.13, 0.13), "um")


CODECS = (None, "zlib", "lzw", "packbits", "zstd", "lzma", "png", "lerc")


@pytest.mark.property
@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("layout", [{"rowsperstrip": 16}, {"rowsperstrip": 64}, {"tile": (32, 32)}], ids=str)
@pytest.mark.parametrize("tag", ["Offsets", "ByteCounts"])
@pytest.mark.parametrize("how", [{}, {"metadata": None, "bigtiff": True, "byteorder": ">"}], ids=str)
def test_strips_and_tiles_that_were_never_written_are_not_read_as_zero(tmp_path, codec, layout, tag, how):
    """The files that GDAL calls sparse, and those of which a writer reserved the tags only."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, voxels((5, 64, 64)), photometric="minisblack", compression=codec, **layout, **how)
    whole = path.read_bytes()
    name = ("Tile" if "tile" in layout else "Strip") + tag
    with tifffile.TiffFile(path, mode="r+b") as file:
        for page in (1, 3):
            values = list(np.atleast_1d(file.pages[page].tags[name].value))
            values[len(values) // 2] = 0
            file.pages[page].tags[name].overwrite(values if len(values) > 1 else values[0])
    with tifffile.TiffFile(path) as file:  # uncompressed pages share their byte counts
        empty = [str(number) for number, page in enumerate(file.pages, 1) if not np.all(page.tags[name].value)]
    says = f"{len(empty)} of 5 pages ({', '.join(empty)}) have strips or tiles that were never written"
    assert_says(refusal(path), says, "sparse")
    path.write_bytes(whole)
    assert np.array_equal(mc.read_volume(path).values, voxels((5, 64, 64)))


@pytest.mark.oracle
def test_a_volume_spread_over_the_files_of_an_ome_set(tmp_path):
    image = voxels((4, 24, 31))
    planes = "".join(
        f'<TiffData IFD="0" FirstZ="{2 * place}" PlaneCount="2"><UUID FileName="{name}.ome.tif">urn:uuid:{name}</UUID>'
        "</TiffData>"
        for place, name in enumerate("ab")
    )
    for place, name in enumerate("ab"):
        description = (
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{name}">'
            '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="31" '
            f'SizeY="24" SizeZ="4" SizeC="1" SizeT="1">{planes}</Pixels></Image></OME>'
        )
        tifffile.imwrite(
            tmp_path / f"{name}.ome.tif",
            image[2 * place : 2 * place + 2],
            photometric="minisblack",
            metadata=None,
            description=description,
            compression="zlib",
        )
    assert np.array_equal(mc.read_volume(tmp_path / "a.ome.tif").values, image)
    assert np.array_equal(mc.read_volume(tmp_path / "a.ome.tif", crop="1:3,:,2:9").values, image[1:3, :, 2:9])
    with tifffile.TiffFile(tmp_path / "b.ome.tif", mode="r+b") as file:
        file.pages[1].tags["StripOffsets"].overwrite(0)
    with pytest.raises(
        InputError, match=r"b\.ome\.tif: 1 of 2 pages \(2\) have strips or tiles that were never written"
    ):
        mc.read_volume(tmp_path / "a.ome.tif")
