"""Files are written whole or not at all, one or several together."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from itertools import count
from pathlib import Path

import pytest

import microchar.core.exchange
from microchar.core.errors import InputError
from microchar.core.files import Replacing, check_writable, file_path, whole_file, write_together

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


OLD = {"a.txt": "old a", "b.txt": "old b", "gone.txt": "old", "mine.txt": "mine"}
NEW = {"a.txt": "new a.txt", "c.txt": "new c.txt", "mine.txt": "mine", "b.txt": "new b.txt"}


class Stopped(BaseException):
    """What stops an exchange in these tests; no code catches it by its name."""


def contents(folder):
    """Return what a user sees in a folder."""
    return {path.name: path.read_text() for path in folder.iterdir() if not path.name.startswith(".microchar-")}


def replace_all(folder):
    writers = {name: lambda path: path.write_text(f"new {path.name}") for name in ("a.txt", "b.txt", "c.txt")}
    write_together(folder, writers, obsolete=["gone.txt"])


def stop_at(monkeypatch, step, after):
    """Make the n-th change of the file system raise, before or after it is made; return the steps counted so far."""
    steps = []

    def stopping(change):
        def changed(*arguments, **options):
            steps.append(change)
            due = len(steps) == step
            if due and not after:
                raise Stopped
            value = change(*arguments, **options)
            if due:
                raise Stopped
            return value

        return changed

    for where, name in [(os, "replace"), (os, "mkdir"), (os, "unlink"), (tempfile, "mkdtemp"), (Path, "unlink")]:
        monkeypatch.setattr(where, name, stopping(getattr(where, name)))
    for name in ("write_text", "mkdir"):
        monkeypatch.setattr(Path, name, stopping(getattr(Path, name)))
    return steps


def every_step(tmp_path, before):
    """Yield a new folder for each step and moment until an exchange is no longer stopped."""
    for step, after in ((step, after) for step in count(1) for after in (False, True)):
        folder = tmp_path / f"{step} {after}"
        folder.mkdir()
        for name, text in before.items():
            (folder / name).write_text(text)
        with pytest.MonkeyPatch.context() as patch:
            steps = stop_at(patch, step, after)
            yield folder, patch
        if len(steps) < step:
            assert step > 8
            return


@pytest.mark.parametrize("before", [OLD, {}])
def test_an_exchange_stopped_at_any_step_leaves_all_old_files_or_all_new_ones(tmp_path, before):
    new = NEW if before else {name: text for name, text in NEW.items() if text != "mine"}
    for folder, _ in every_step(tmp_path, before):
        stopped = True
        try:
            replace_all(folder)
            stopped = False
        except Stopped:
            pass
        assert contents(folder) in ([before, new] if stopped else [new])


def test_a_new_folder_stopped_at_any_step_is_there_with_all_files_or_not_at_all(tmp_path):
    new = {name: text for name, text in NEW.items() if text != "mine"}
    for folder, _ in every_step(tmp_path, {}):
        try:
            replace_all(folder / "a" / "out")
        except Stopped:
            assert not (folder / "a").exists() or contents(folder / "a" / "out") == new
        else:
            assert contents(folder / "a" / "out") == new


def test_the_next_run_undoes_what_a_killed_one_left(tmp_path, monkeypatch):
    """A kill is an exception that nobody handles: neither the exchange is undone nor the folder removed."""
    for folder, patch in every_step(tmp_path, OLD):
        patch.setattr(microchar.core.exchange, "_remove", lambda temporary: None)
        with contextlib.suppress(Stopped):
            replace_all(folder)
        patch.undo()
        write_whole(folder / "other.txt")  # in the same process: its own folders are not taken for leftovers
        left = [path for path in folder.iterdir() if path.name.startswith(".microchar-")]
        monkeypatch.setattr(microchar.core.exchange, "_is_alive", lambda process, began: False)
        write_whole(folder / "other.txt")
        monkeypatch.undo()
        assert not [path for path in left if path.exists()]
        assert contents(folder) in [files | {"other.txt": "new"} for files in (OLD, NEW)]


def test_an_undoing_that_is_stopped_itself_is_finished_by_the_next_run(tmp_path, monkeypatch):
    for folder, patch in every_step(tmp_path, OLD):
        undo = microchar.core.exchange._Move.undo

        def undo_one(move, undo=undo):
            if move.target.name == "b.txt":
                raise Stopped
            return undo(move)

        patch.setattr(microchar.core.exchange._Move, "undo", undo_one)
        with contextlib.suppress(Stopped):
            replace_all(folder)
        patch.undo()
        monkeypatch.setattr(microchar.core.exchange, "_is_alive", lambda process, began: False)
        write_whole(folder / "other.txt")
        monkeypatch.undo()
        assert contents(folder) in [files | {"other.txt": "new"} for files in (OLD, NEW)]


def test_what_the_user_put_in_the_place_of_a_lost_file_stays(tmp_path, monkeypatch):
    """A run was killed in its exchange; the user then wrote a file of the same name anew."""
    for name, text in OLD.items():
        (tmp_path / name).write_text(text)
    with monkeypatch.context() as patch:
        patch.setattr(microchar.core.exchange, "_remove", lambda temporary: None)
        patch.setattr(Path, "unlink", lambda path: os.abort)  # the journal stays: the exchange did not end
        replace_all(tmp_path)
    (tmp_path / "a.txt").write_text("written by hand")
    monkeypatch.setattr(microchar.core.exchange, "_is_alive", lambda process, began: False)
    with pytest.warns(UserWarning, match=r"old: holds files that an interrupted run moved away"):
        write_whole(tmp_path / "other.txt")
    assert contents(tmp_path) == OLD | {"a.txt": "written by hand", "other.txt": "new"}
    (left,) = [path for path in tmp_path.iterdir() if path.name.startswith(".microchar-")]
    assert (left / "old" / "a.txt").read_text() == "old a"


def test_folders_of_running_processes_and_of_other_machines_stay(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    host, began = microchar.core.exchange._HOST, microchar.core.exchange._BEGAN
    kept = [f"{host}-{os.getppid()}-1-a", f"{host}-{os.getpid()}-{began}-a", f"elsewhere-{ended.pid}-1-a", "mine"]
    removed = [f"{host}-{ended.pid}-1-a", f"{host}-{os.getpid()}-1-a"]
    for name in kept + removed:
        (tmp_path / f".microchar-{name}" / "new").mkdir(parents=True)
    write_whole(tmp_path / "a.txt")
    assert names(tmp_path) == sorted([f".microchar-{name}" for name in kept] + ["a.txt"])


# --- what may be replaced -----------------------------------------------------


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (Path.mkdir, "a folder"),
        (os.mkfifo, "no file"),
        (lambda path: path.symlink_to("linked.txt"), "a link"),
        (lambda path: path.symlink_to("nowhere"), "a link"),
    ],
)
def test_a_target_that_is_no_regular_file_is_refused_and_stays(tmp_path, make, kind):
    (tmp_path / "linked.txt").write_text("mine")
    target = tmp_path / "a.txt"
    make(target)
    before = target.lstat()
    for write in (write_whole, lambda path: write_together(path.parent, {path.name: Path.touch})):
        with pytest.raises(InputError, match=rf"a\.txt: is {kind}, expected the name of a file; choose another name"):
            write(target)
        assert target.lstat() == before
        assert names(tmp_path) == ["a.txt", "linked.txt"]
    assert (tmp_path / "linked.txt").read_text() == "mine"


def test_a_linked_folder_is_written_into(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to("real")
    replace_all(tmp_path / "out")
    assert (tmp_path / "out").is_symlink()
    assert sorted(contents(tmp_path / "real")) == ["a.txt", "b.txt", "c.txt"]


def test_only_files_of_microchar_and_named_ones_are_replaced_and_inputs_never(tmp_path):
    def wrote(path):
        return path.read_text().startswith("microchar")

    mine, ours, linked = (tmp_path / name for name in ("mine.txt", "ours.txt", "linked.txt"))
    mine.write_text("mine")
    ours.write_text("microchar")
    linked.hardlink_to(ours)
    Replacing(wrote=wrote).check([ours, tmp_path / "new.txt"])
    with pytest.raises(
        InputError, match=r"mine\.txt: exists, and microchar did not write it; .*--overwrite .*mine\.txt"
    ):
        Replacing(wrote=wrote, overwrite=[tmp_path / "other.txt"]).check([mine])
    for overwrite in (mine, tmp_path, tmp_path / "." / "mine.txt"):
        Replacing(wrote=wrote, overwrite=[overwrite]).check([mine])
    for inputs in (ours, linked, tmp_path):
        with pytest.raises(InputError, match=r"ours\.txt: is an input and would be replaced"):
            Replacing(wrote=wrote, overwrite=[ours], inputs=[inputs]).check([ours])


def test_the_name_of_a_folder_is_refused_for_a_file():
    assert file_path("a/b.txt") == Path("a/b.txt")
    with pytest.raises(InputError, match=r"nodir/: ends like the name of a folder"):
        file_path("nodir/")


def test_a_file_in_the_way_of_the_folder_is_refused_beforehand(tmp_path):
    (tmp_path / "out").write_text("mine")
    check_writable(tmp_path / "new" / "deeper")
    with pytest.raises(InputError, match=r"out: cannot write there .*; choose another output folder"):
        check_writable(tmp_path / "out")
