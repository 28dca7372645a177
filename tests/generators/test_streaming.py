"""Volumes written block by block: the content of the file, refusals, and that failures leave nothing behind."""

from __future__ import annotations

import errno
import tracemalloc
from collections import namedtuple
from dataclasses import dataclass
from itertools import product
from typing import ClassVar

import numpy as np
import pytest

from microchar.core.errors import InputError, MicrocharError
from microchar.core.material import Material
from microchar.generation.catalogue import GENERATORS
from microchar.generation.spec import GeneratorSpec
from microchar.generation.streaming import StreamingGenerator
from microchar.generators.shuffle import Shuffle
from microchar.io import read_volume, write_blocks, write_volume
from microchar.io.formats import tiff
from microchar.testing.generators import _check_written, check_generator

pytestmark = pytest.mark.property

SPEC = GeneratorSpec(
    id="tiles",
    factory=f"{__name__}:Tiles",
    title="Tiles",
    summary="a hash of the coordinates, tile by tile",
    inputs=("parameters",),
    streams=True,
)


@dataclass(kw_only=True)
class Tiles(StreamingGenerator):
    """Labels are a function of the seed and the place, so that tiles are independent of each other."""

    spec: ClassVar[GeneratorSpec] = SPEC

    edge: int = 8
    forget: int = 0
    greys: tuple[int, ...] = (0, 255)

    def learn(self, data, rng, progress):
        return {}

    def default_material(self):
        return Material(phases=("pore", "solid"), grey_values=self.greys, voxel_size=(1.0, 2.0, 3.0), unit="um")

    def make_blocks(self, shape, rng, periodic, progress):
        key = int(rng.integers(1, 1000))
        self.remarks["key"] = key
        starts = list(product(*(range(0, n, self.edge) for n in shape)))
        for number, start in enumerate(starts[self.forget :]):
            progress(number / len(starts), f"tile {number}")
            box = tuple(slice(a, min(a + self.edge, n)) for a, n in zip(start, shape, strict=True))
            i, j, k = np.ogrid[box]
            yield box, ((i * 7 + j * 13 + k * 29) * key // 5 % 2).astype(np.uint8)


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    monkeypatch.setitem(vars(GENERATORS), "plugins", {**GENERATORS.plugins, "tiles": SPEC})


@pytest.mark.parametrize("shape", [(24, 20, 16), (20, 16)])
def test_contract(shape):
    check_generator(Tiles(), shape=shape)


def test_a_class_that_does_not_stream_as_its_spec_says_is_caught():
    class Silent(Shuffle):
        spec = GeneratorSpec(**{**vars(Shuffle.spec), "streams": True})

    with pytest.raises(AssertionError, match="streams: the spec says one thing"):
        _check_written(Silent(), None, (8, 8, 8))


@pytest.mark.parametrize("greys", [(0, 255), (0, 70000), (-3, 4)])
@pytest.mark.parametrize("shape", [(9, 17, 21), (13, 10)])
def test_the_file_is_the_one_that_write_volume_makes(tmp_path, shape, greys):
    tiles = Tiles(greys=greys)
    tiles.generate_to(tmp_path / "streamed.tif", shape, seed=3)
    made = tiles.generate(shape, seed=3)
    write_volume(made, tmp_path / "whole.tif")
    if made.values.dtype == np.uint8:  # OME-TIFF, for what ImageJ's variant cannot hold, has a random identifier
        assert (tmp_path / "streamed.tif").read_bytes() == (tmp_path / "whole.tif").read_bytes()
    back = read_volume(tmp_path / "streamed.tif")
    assert np.array_equal(back.values, made.values)
    assert back.values.dtype == made.values.dtype
    assert (back.voxel_size, back.unit) == ((1.0, 2.0, 3.0), "um")
    assert made.notes == tiles.remarked() == (f"key: {tiles.remarks['key']}",)


def test_generators_that_do_not_stream_write_what_they_make(tmp_path):
    fitted = Shuffle().fit(np.random.default_rng(0).integers(0, 3, (8, 8, 8)))
    fitted.generate_to(tmp_path / "a.npy", (4, 5, 6), seed=2)
    assert np.array_equal(np.load(tmp_path / "a.npy"), fitted.generate((4, 5, 6), seed=2).values)


def test_beyond_4_gb_the_file_is_a_bigtiff(tmp_path, monkeypatch):
    monkeypatch.setattr(tiff, "_CLASSIC_LIMIT", 1000)
    Tiles().generate_to(tmp_path / "large.tif", (20, 20, 20), seed=3)
    assert b"<OME" in (tmp_path / "large.tif").read_bytes()
    back = read_volume(tmp_path / "large.tif")
    assert np.array_equal(back.values, Tiles().generate((20, 20, 20), seed=3).values)
    assert (back.voxel_size, back.unit) == ((1.0, 2.0, 3.0), "um")


def test_memory_is_that_of_blocks(tmp_path):
    shape = (160, 160, 160)
    Tiles(edge=32).generate_to(tmp_path / "warm.tif", (8, 8, 8))
    tracemalloc.start()
    Tiles(edge=32).generate_to(tmp_path / "large.tif", shape)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # A block holds 32³ voxels; its coordinates need 8 bytes each, several times. The volume has 125 blocks.
    assert peak < 32**3 * 8 * 6 < 160**3


@pytest.mark.parametrize("when", ["progress", "incomplete", "disk", "no room", "suffix", "folder"])
def test_nothing_is_left_behind(tmp_path, monkeypatch, when):
    tiles, path, error, message = Tiles(), tmp_path / "a.tif", InputError, None

    def stop(fraction, what):
        if when == "progress" and fraction > 0.5:
            raise KeyboardInterrupt

    if when == "progress":
        error = KeyboardInterrupt
    elif when == "incomplete":
        tiles, error, message = Tiles(forget=1), MicrocharError, "blocks of 3584 voxels were made for a volume of 4096"
    elif when == "disk":
        usage = namedtuple("usage", "total used free")
        monkeypatch.setattr("shutil.disk_usage", lambda folder: usage(9, 9, 4000))
        message = r"a.tif: needs 0.0 GB, the disk has 0.0 GB free"
    elif when == "no room":

        def full(*arguments):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("os.posix_fallocate", full)
        message = "a.tif: cannot be written .No space left on device"
    elif when == "suffix":
        path, message = tmp_path / "a.png", "only .tif and .tiff are written block by block"
    else:
        path, message = tmp_path / "nowhere" / "a.tif", "a.tif: the folder .*nowhere does not exist"
    with pytest.raises(error, match=message):
        tiles.generate_to(path, (16, 16, 16), progress=stop)
    assert not list(tmp_path.iterdir())


def test_an_incomplete_volume_is_not_handed_out():
    with pytest.raises(MicrocharError, match="made blocks of 3584 voxels for a volume of 4096"):
        Tiles(forget=1).generate((16, 16, 16))


def test_a_file_system_that_cannot_reserve_will_do(tmp_path, monkeypatch):
    def unsupported(*arguments):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr("os.posix_fallocate", unsupported)
    values = np.arange(8, dtype=np.uint8).reshape(2, 2, 2)
    box = (slice(0, 2),) * 3
    write_blocks([(box, values)], tmp_path / "a.tif", shape=(2, 2, 2), dtype=np.uint8)
    assert np.array_equal(read_volume(tmp_path / "a.tif").values, values)
