"""Volumes in Zarr stores: whoever makes the tiles, and however often they are interrupted, the store is the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from microchar.core.errors import InputError
from microchar.core.material import Material
from microchar.generation.tiled import generate_tiled, partial_folder
from microchar.generators.gaussian_field import GaussianField
from microchar.generators.overlapping_spheres import OverlappingSpheres
from microchar.generators.shuffle import Shuffle
from microchar.io import read_volume
from microchar.measurement.executors import opened

pytestmark = pytest.mark.property
zarr = pytest.importorskip("zarr")

SHAPE, TILE = (45, 40, 33), 20
SPHERES = OverlappingSpheres(radius=4.0, volume_fraction=0.4)


def content(store):
    return {str(path.relative_to(store)): path.read_bytes() for path in store.rglob("*") if path.is_file()}


def make(path, generator=SPHERES, shape=SHAPE, **how):
    generate_tiled(generator, path, shape, **{"seed": 3, "tile": TILE, **how})
    return path


class Stop(Exception):
    pass


def stopping_after(tiles):
    """Raise before a tile, when as many have been made."""

    def progress(fraction, text):
        if text.startswith(f"tile {tiles + 1} "):
            raise Stop

    return progress


# --- one volume, whoever makes it ---------------------------------------------


@pytest.mark.parametrize("periodic", [(), (0, 2)])
def test_processes_make_what_one_process_makes(tmp_path, periodic):
    alone = make(tmp_path / "alone.zarr", periodic=periodic)
    with opened("processes:2") as executor:
        together = make(tmp_path / "together.zarr", periodic=periodic, executor=executor)
    assert content(alone) == content(together)
    whole = SPHERES.generate(SHAPE, seed=3, periodic=periodic)
    np.testing.assert_array_equal(read_volume(alone).values, whole.values)
    assert 0.2 < whole.values.mean() < 0.6
    assert not list(tmp_path.glob("*.partial"))


def test_a_dask_cluster_makes_what_one_process_makes(tmp_path):
    pytest.importorskip("distributed")
    with opened("dask") as executor:
        together = make(tmp_path / "together.zarr", executor=executor)
    assert content(together) == content(make(tmp_path / "alone.zarr"))


def test_each_tile_is_a_chunk(tmp_path):
    array = zarr.open_array(str(make(tmp_path / "a.zarr") / "0"), mode="r")
    assert array.chunks == (TILE,) * 3
    assert array.shape == SHAPE


def test_the_division_into_tiles_changes_nothing(tmp_path):
    for tile in (7, 100):
        path = make(tmp_path / f"{tile}.zarr", tile=tile, periodic=(1,))
        np.testing.assert_array_equal(read_volume(path).values, SPHERES.generate(SHAPE, seed=3, periodic=(1,)).values)


def test_an_image_has_one_plane(tmp_path):
    path = make(tmp_path / "a.zarr", shape=(50, 30))
    np.testing.assert_array_equal(read_volume(path).values, SPHERES.generate((50, 30), seed=3).values)


def test_the_store_tells_phases_and_voxel_size(tmp_path):
    fitted = OverlappingSpheres().fit(SPHERES.generate((32, 32, 32), seed=1))
    fitted.material = Material(phases=("pore", "solid"), grey_values=(7, 200), voxel_size=(1.0, 1.0, 1.0), unit="um")
    back = read_volume(make(tmp_path / "a.zarr", fitted))
    made = fitted.generate(SHAPE, seed=3)
    np.testing.assert_array_equal(back.values, made.values)
    assert (back.voxel_size, back.unit, back.phases, back.grey_values) == (
        (1.0, 1.0, 1.0), "um", ("pore", "solid"), (7, 200),
    )  # fmt: skip


# --- interruptions ------------------------------------------------------------


def test_a_resumed_volume_is_that_of_one_run_and_no_tile_is_made_twice(tmp_path, monkeypatch):
    path = tmp_path / "a.zarr"
    with pytest.raises(Stop):
        make(path, progress=stopping_after(4))
    assert not path.exists()
    made = []
    original = OverlappingSpheres.make_box

    def counting(self, box, *arguments):
        made.append(tuple(part.start for part in box))
        return original(self, box, *arguments)

    monkeypatch.setattr(OverlappingSpheres, "make_box", counting)
    make(path, resume=True)
    tiles = [(a, b, c) for a in (0, 20, 40) for b in (0, 20) for c in (0, 20)]
    assert made == tiles[4:]
    assert content(path) == content(make(tmp_path / "whole.zarr"))
    assert not partial_folder(path).exists()


COMMAND = ["generate", "overlapping-spheres", "--shape", "120,120,120", "--radius", "5", "--seed", "3", "--tile", "20"]


def killed(home):
    """Kill a run of two processes when it has made some tiles; return it and the processes that it has begun."""
    arguments = [sys.executable, "-m", "microchar", *COMMAND, "-o", "a.zarr", "--executor", "processes:2"]
    process = subprocess.Popen(arguments, cwd=home)
    done = home / "a.zarr.partial" / "done"
    while process.poll() is None and (not done.is_dir() or len(os.listdir(done)) < 20):
        time.sleep(0.01)
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as children:
        begun = [int(child) for child in children.read().split()]
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    return begun


def ended(process):
    try:
        with open(f"/proc/{process}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_a_killed_run_goes_on_where_it_was_and_leaves_no_process(tmp_path):
    begun = killed(tmp_path)
    for _ in range(2000):
        if all(map(ended, begun)):
            break
        time.sleep(0.01)
    assert all(map(ended, begun))
    partial = tmp_path / "a.zarr.partial"
    finished = {int(name) for name in os.listdir(partial / "done")}
    assert 20 <= len(finished) < 216
    chunks = {
        number: partial / "a.zarr" / "0" / "c" / str(number // 36) / str(number // 6 % 6) / str(number % 6)
        for number in finished
    }
    before = {number: chunk.stat().st_mtime_ns for number, chunk in chunks.items()}
    resume = [sys.executable, "-m", "microchar", *COMMAND, "-o", "a.zarr", "--resume", "--executor", "processes:2"]
    assert subprocess.run(resume, cwd=tmp_path, check=False).returncode == 0
    whole = OverlappingSpheres(radius=5.0)
    generate_tiled(whole, tmp_path / "whole.zarr", (120, 120, 120), seed=3, tile=20)
    assert content(tmp_path / "a.zarr") == content(tmp_path / "whole.zarr")
    after = {number: tmp_path / "a.zarr" / chunk.relative_to(partial / "a.zarr") for number, chunk in chunks.items()}
    assert {number: chunk.stat().st_mtime_ns for number, chunk in after.items()} == before


# --- refusals -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 4}, "seed 3, now 4"),
        ({"shape": (45, 40, 34)}, r"shape \[45, 40, 33\], now \[45, 40, 34\]"),
        ({"periodic": (1,)}, r"periodic \[\], now \[1\]"),
        ({"tile": 10}, r"tile \[20, 20, 20\], now \[10, 10, 10\]"),
        ({"generator": OverlappingSpheres(radius=4.5, volume_fraction=0.4)}, "model 'overlapping-spheres .*, now"),
        ({"resume": False}, "continue it with resume=True"),
    ],
)
def test_another_volume_is_not_resumed(tmp_path, changes, message):
    path = tmp_path / "a.zarr"
    with pytest.raises(Stop):
        make(path, progress=stopping_after(1))
    before = content(tmp_path)
    with pytest.raises(InputError, match=message):
        make(path, **{"resume": True, **changes})
    assert content(tmp_path) == before


def test_a_folder_that_cannot_be_read_is_not_resumed(tmp_path):
    partial = partial_folder(tmp_path / "a.zarr")
    partial.mkdir()
    with pytest.raises(InputError, match="holds no volume to resume"):
        make(tmp_path / "a.zarr", resume=True)
    (partial / "request.json").write_text(json.dumps([]))
    with pytest.raises(InputError, match="cannot be read"):
        make(tmp_path / "a.zarr", resume=True)


@pytest.mark.parametrize(
    ("generator", "name", "how", "message"),
    [
        (GaussianField(), "a.zarr", {}, "Fourier transforms of the whole volume"),
        (Shuffle(), "a.zarr", {}, "it makes volumes as a whole; write TIFF"),
        (SPHERES, "a.tif", {}, "a name ending in .zarr"),
        (SPHERES, "a.zarr", {"tile": 0}, "tile=0"),
        (SPHERES, "a.zarr", {"seed": -1}, "seed=-1"),
        (SPHERES, "a.zarr", {"shape": (0, 4, 4)}, "at least one voxel"),
        (SPHERES, "a.zarr", {"resume": True}, "holds no volume to resume"),
        (SPHERES, "missing/a.zarr", {}, "cannot be made"),
        (OverlappingSpheres(radius=30.0), "a.zarr", {"periodic": (0,)}, "overlaps itself around axis 0"),
    ],
)
def test_refusals_leave_nothing_behind(tmp_path, generator, name, how, message):
    with pytest.raises(InputError, match=message):
        make(tmp_path / name, generator, **how)
    assert not list(tmp_path.iterdir())


def test_a_store_is_replaced_only_on_request(tmp_path):
    path = make(tmp_path / "a.zarr")
    before = content(path)
    with pytest.raises(InputError, match="exists; choose another name"):
        make(path, seed=4)
    assert content(path) == before
    make(path, seed=4, overwrite=True)
    assert content(path) == content(make(tmp_path / "b.zarr", seed=4))
    (tmp_path / "c.zarr").write_text("")
    with pytest.raises(InputError, match="expected a folder"):
        make(tmp_path / "c.zarr")
