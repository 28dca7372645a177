"""Arrays in temporary files: the same as those in memory, and nothing is left of them."""

from __future__ import annotations

import errno

import numpy as np
import pytest

from microchar.core.errors import NotEnoughMemoryError
from microchar.core.scratch import GrowingArray, scratch_array


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Let every scratch array be on disk, in a folder of its own."""
    monkeypatch.setattr("microchar.core.scratch.IN_MEMORY", 0)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_an_array_on_disk_holds_what_is_written_and_leaves_no_file(folder):
    array = scratch_array((3, 4, 5), np.uint32)
    array[:] = np.arange(60).reshape(3, 4, 5)
    assert array.sum() == 59 * 30
    assert type(array) is np.ndarray
    assert array.flags.c_contiguous
    assert list(folder.iterdir()) == []


def test_a_full_disk_is_refused_before_anything_is_written(folder, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full, raising=False)
    with pytest.raises(NotEnoughMemoryError, match=r"temporary file of 8 GB.*No space left.*TMPDIR"):
        scratch_array((1000, 1000, 1000), np.float64)


def test_an_array_that_grows_on_disk_holds_all_parts(folder):
    parts = [np.arange(n, dtype=np.int32) for n in (0, 3, 1000, 1, 0, 7)]
    array = GrowingArray(np.int32)
    for part in parts:
        array.append(part)
    assert np.array_equal(array.array(), np.concatenate(parts))
    assert len(array) == 1011
    assert list(folder.iterdir()) == []


def test_an_array_that_does_not_fit_on_the_disk_is_refused(folder, monkeypatch):
    def full(**_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    with pytest.raises(NotEnoughMemoryError, match=r"temporary file of 8e-06 GB.*No space left.*TMPDIR"):
        GrowingArray(np.float64).append(np.zeros(1000))
