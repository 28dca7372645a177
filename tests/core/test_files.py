"""Files are written whole or not at all, one or several together."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from microchar.core.errors import InputError
from microchar.core.files import check_writable, whole_file, write_together

pytestmark = pytest.mark.property


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write_whole(path, text="new", error=None):
    """Write a file as `whole_file` has it, up to an error."""
    with whole_file(path) as temporary:
        temporary.write_text(text)
        if error is not None:
            raise error


def test_a_file_gets_its_name_when_it_is_complete(tmp_path):
    path = tmp_path / "a.tif"
    path.write_text("old")
    with whole_file(path) as temporary:
        assert temporary.suffix == ".tif"
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert names(tmp_path) == ["a.tif"]


def test_a_file_has_the_permissions_of_any_other(tmp_path):
    write_whole(tmp_path / "a.txt")
    (tmp_path / "other.txt").write_text("other")
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "other.txt").stat().st_mode


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_file_that_is_not_completed_leaves_the_old_one(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(error):
        write_whole(path, "half", error())
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_what_the_system_refuses_is_an_input_error_that_names_the_file(tmp_path):
    with pytest.raises(InputError, match=r"a\.txt: cannot be written \(No space left on device\)"):
        write_whole(tmp_path / "a.txt", error=OSError(28, "No space left on device"))
    with pytest.raises(InputError, match=r"a\.txt: the folder .*none does not exist; make it first"):
        write_whole(tmp_path / "none" / "a.txt")


def test_a_folder_in_the_way_of_a_file_is_refused_and_stays(tmp_path):
    (tmp_path / "a.txt").mkdir()
    (tmp_path / "a.txt" / "mine").write_text("mine")
    with pytest.raises(InputError, match=r"a\.txt: is a folder, expected the name of a file"):
        write_whole(tmp_path / "a.txt")
    assert (tmp_path / "a.txt" / "mine").read_text() == "mine"
    assert names(tmp_path) == ["a.txt"]


def test_a_folder_is_replaced_by_a_folder(tmp_path):
    path = tmp_path / "a.zarr"
    path.mkdir()
    (path / "old").write_text("old")
    with whole_file(path) as temporary:
        temporary.mkdir()
        (temporary / "new").write_text("new")
    assert names(path) == ["new"]
    assert names(tmp_path) == ["a.zarr"]


def test_several_files_come_together_and_others_stay(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "mine.txt").write_text("mine")
    writers = {name: lambda path: path.write_text("new") for name in ("a.txt", "b.txt")}
    assert write_together(tmp_path, writers) == {name: tmp_path / name for name in writers}
    assert {name: (tmp_path / name).read_text() for name in names(tmp_path)} == {
        "a.txt": "new",
        "b.txt": "new",
        "mine.txt": "mine",
    }


def test_an_exchange_that_stops_half_way_is_taken_back(tmp_path, monkeypatch):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("old")
    replace = os.replace

    def fail_at_the_last(source, target):
        if Path(target) == tmp_path / "b.txt" and Path(source).parent.name == "new":
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail_at_the_last)
    with pytest.raises(KeyboardInterrupt):
        write_together(tmp_path, {name: lambda path: path.write_text("new") for name in ("a.txt", "b.txt")})
    assert {name: (tmp_path / name).read_text() for name in names(tmp_path)} == {"a.txt": "old", "b.txt": "old"}


def test_a_file_in_the_way_of_the_folder_is_refused_beforehand(tmp_path):
    (tmp_path / "out").write_text("mine")
    check_writable(tmp_path / "new" / "deeper")
    with pytest.raises(InputError, match=r"out: cannot write there .*; choose another output folder"):
        check_writable(tmp_path / "out")
