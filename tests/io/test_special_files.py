"""Pipes, devices and sockets are refused by name: reading them may wait forever, or never end."""

from __future__ import annotations

import os
import socket

import numpy as np
import pytest

import microchar as mc
from microchar.core.errors import InputError
from microchar.generation.loading import load_generator
from microchar.measurement.record import Record

pytestmark = [
    pytest.mark.property,
    pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes"),
]
REFUSED = r": expected a file or a folder, found a pipe \(FIFO\); save its content to a file first"


@pytest.fixture
def pipe(tmp_path):
    """Give a function that makes a named pipe, which nobody writes to."""

    def make(name):
        os.mkfifo(tmp_path / name)
        return tmp_path / name

    return make


@pytest.mark.parametrize("name", ["a.tif", "a.npy", "a.npz", "a.png", "a.raw", "a.h5", "a.nii.gz", "a.unknown"])
def test_a_pipe_is_no_volume(pipe, name):
    path = pipe(name)
    with pytest.raises(InputError, match=f"{name}{REFUSED}"):
        mc.read_volume(path, shape=(2, 2, 2), dtype="uint8")


@pytest.mark.parametrize("option", ["mask", "grey"])
def test_a_pipe_is_no_mask(pipe, tmp_path, option):
    np.save(tmp_path / "a.npy", np.eye(4, dtype=np.uint8))
    with pytest.raises(InputError, match=f"b.npy{REFUSED}"):
        mc.read_volume(tmp_path / "a.npy", **{option: pipe("b.npy")})


def test_a_pipe_is_no_slice(pipe, tmp_path):
    pipe("s0.png")
    with pytest.raises(InputError, match=f"s0.png{REFUSED}"):
        mc.read_volume(tmp_path)


def test_a_pipe_holds_no_results_and_no_model(pipe):
    with pytest.raises(InputError, match=f"a.json{REFUSED}"):
        Record.read(pipe("a.json"))
    with pytest.raises(InputError, match=f"a.safetensors{REFUSED}"):
        load_generator(pipe("a.safetensors"))


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a.nhdr", "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2 2 2\nencoding: gzip\ndata file: voxels\n\n"),
        ("a.mhd", "NDims = 3\nDimSize = 2 2 2\nElementType = MET_UCHAR\nElementDataFile = voxels\n"),
    ],
)
def test_a_pipe_beside_a_header_is_refused(pipe, tmp_path, name, header):
    pipe("voxels")
    (tmp_path / name).write_text(header)
    with pytest.raises(InputError, match=f"voxels{REFUSED}"):
        mc.read_volume(tmp_path / name)


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="the system has no such device")
def test_a_device_is_no_volume():
    with pytest.raises(InputError, match="/dev/zero: expected a file or a folder, found a character device"):
        mc.read_volume("/dev/zero", shape=(2, 2, 2), dtype="uint8")


def test_a_socket_is_no_volume(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("a.tif")
        with pytest.raises(InputError, match=r"a\.tif: expected a file or a folder, found a socket"):
            mc.read_volume("a.tif")
