"""Runs cases in this process, one after the other, under limits of time and memory."""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from fuzzing.edits import (
    edited_bytes,
    edited_tree,
    edited_words,
    edits_of_bytes,
    edits_of_tree,
    edits_of_words,
    nested,
)
from fuzzing.readers import read_independently
from fuzzing.seeds import Seed, make_seeds, volume
from microchar.cli.program import main
from microchar.io.dispatch import read_image
from microchar.io.image import Options

#: Outcomes that are faults of microchar.
FAULTS = ("traceback", "hang", "wrong", "noise", "died")
#: How far two readers of JPEG may differ.
_JPEG_ROUNDING = 2
#: Time limit of a seed in seconds, while kernels are compiled.
_WARMING = 250.0


class _Late(BaseException):
    """The time of a case is over; no handler of exceptions in microchar catches it."""


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Parameters
    ----------
    what : str
        "read" (as an independent reader reads it), "unchecked" (read; no other reader to compare with), "done" (a
        command, model or record that is still valid), "refused" (exit 2 and one line), "memory" (not enough),
        "failed" (exit 1 and one line), or one of `FAULTS`.
    detail : str
        Message or traceback.
    """

    what: str
    detail: str = ""


class Worker:
    """Makes the seeds in a folder of its own and runs cases there."""

    def __init__(self, seconds: float, gigabytes: float) -> None:
        self.seconds = seconds
        self.folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
        os.chdir(self.folder)
        start = self.folder / "seeds"
        start.mkdir()
        self.seeds = make_seeds(start)
        self.by_kind: dict[str, list[Seed]] = {}
        for seed in self.seeds:
            self.by_kind.setdefault(seed.kind, []).append(seed)
        tifffile.imwrite("a.tif", volume(), photometric="minisblack", metadata={"axes": "ZYX"})
        np.save("a.npy", volume())
        Path("c.raw").write_bytes(volume().tobytes())
        self.kept = {path.name for path in self.folder.iterdir()}
        self._warm_up()
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = int(pages * resource.getpagesize() + gigabytes * 2**30)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    def _warm_up(self) -> None:
        """Run all seeds as they are: this compiles the kernels, and a seed that is not valid would find nothing."""
        self.seconds, limit = _WARMING, self.seconds
        for seed in self.seeds:
            outcome = self.run(seed, [])
            if outcome.what not in ("read", "unchecked", "done"):
                raise RuntimeError(f"the seed {seed.name} is {outcome.what}: {outcome.detail}")
        self.seconds = limit

    def choose(self, kind: str, number: int) -> tuple[Seed, list[Any]]:
        """Return the seed and the edits of a case; equal numbers give equal cases."""
        rng = random.Random(f"{kind} {number}")
        seed = rng.choice(self.by_kind[kind])
        if seed.kind == "command":
            return seed, edits_of_words(rng, seed.words, seed.options)
        if seed.tree is not None:
            return seed, edits_of_tree(rng, _tree(seed))
        return seed, edits_of_bytes(rng, seed.content)

    def run(self, seed: Seed, edits: list[Any]) -> Outcome:
        """Run one case."""
        words, path = self._build(seed, edits)
        outcome = self._call(words)
        if outcome.what == "done" and path is not None and "measure" in words:
            outcome = self._compared(seed, path)
        for item in self.folder.iterdir():
            if item.name not in self.kept:
                shutil.rmtree(item) if item.is_dir() and not item.is_symlink() else item.unlink()
        return outcome

    def smallest(self, seed: Seed, edits: list[Any], outcome: Outcome) -> list[Any]:
        """Leave out edits that the outcome does not need."""
        for edit in list(edits):
            fewer = [other for other in edits if other is not edit]
            if fewer and self.run(seed, fewer).what == outcome.what:
                edits = fewer
        return edits

    def _build(self, seed: Seed, edits: list[Any]) -> tuple[list[str], Path | None]:
        if seed.kind == "command":
            return edited_words(seed.words, edits), None
        path = self.folder / f"x-{seed.name}"
        for name, content in {seed.name: _content(seed, edits), **seed.beside}.items():
            file = self.folder / f"x-{name}"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        if seed.beside:
            path = self.folder / f"x-{seed.name.partition('/')[0]}"
        return [path.name if word == "{}" else word for word in seed.words], path

    def _call(self, words: list[str]) -> Outcome:
        code: Any = 0
        with _captured() as lines, _limited(self.seconds):
            try:
                code = main(words)
            except SystemExit as stop:
                code = stop.code or 0
            except _Late:
                return Outcome("hang", f"more than {self.seconds:g} s")
            except RecursionError:
                return Outcome("traceback", "RecursionError")
            except Exception:  # noqa: BLE001 - this is what the fuzzer looks for
                return Outcome("traceback", traceback.format_exc())
        text = [line for line in lines if not line.startswith("microchar: warning: ")]
        expected = 0 if code == 0 else 1
        if len(text) != expected or not all(line.startswith("microchar") and line.isprintable() for line in text):
            return Outcome("noise", f"exit code {code} and on stderr: {text!r}"[:2000])
        if code == 1:
            memory = any(word in text[0] for word in ("allocate", "memory", "Memory"))
            return Outcome("memory" if memory else "failed", text[0])
        return Outcome("done" if code == 0 else "refused", "".join(text))

    def _compared(self, seed: Seed, path: Path) -> Outcome:
        with _captured(), _limited(self.seconds), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ours = read_image(path, Options(shape=(6, 7, 8), dtype="uint8")).read()
            theirs = read_independently(path, seed.kind)
        if theirs is None:
            return Outcome("unchecked")
        ours, theirs = np.squeeze(ours), np.squeeze(theirs)
        if seed.kind == "raw":
            theirs = theirs.reshape(ours.shape)
        if ours.shape != theirs.shape:
            return Outcome("wrong", f"shape {ours.shape}, another reader {theirs.shape}")
        rounding = _JPEG_ROUNDING if seed.kind == "jpg" else 0
        if not np.allclose(ours, theirs, rtol=0, atol=rounding, equal_nan=True):
            return Outcome("wrong", f"{np.count_nonzero(ours != theirs)} of {ours.size} grey values differ")
        return Outcome("read")


def _tree(seed: Seed) -> Any:
    """Return what is edited: the record, or the metadata of a model with its arrays, which are edited by name."""
    if not seed.arrays:
        return seed.tree
    return {"about": seed.tree, "arrays": dict.fromkeys(seed.arrays, "kept")}


def _content(seed: Seed, edits: list[Any]) -> bytes:
    if seed.tree is None:
        return edited_bytes(seed.content, edits)
    tree, depth = edited_tree(_tree(seed), edits)
    if not seed.arrays:
        return nested(json.dumps(tree), depth).encode("utf-8", "backslashreplace")
    from safetensors.numpy import save

    named = tree.get("arrays") if isinstance(tree, dict) else None
    named = named if isinstance(named, dict) else {}
    arrays = {str(key): _array(seed.arrays.get(key), value) for key, value in named.items()}
    about = tree.get("about") if isinstance(tree, dict) else None
    return save(arrays, {"microchar": nested(json.dumps(about), depth)})


def _array(array: np.ndarray | None, value: Any) -> np.ndarray:
    """Return an array, or one that an odd value takes the place of; a number replaces one element."""
    if array is None:
        array = np.zeros(3)
    if value == "kept" or not isinstance(value, int | float | list):
        return array if value is not None else np.zeros(0, array.dtype)
    with contextlib.suppress(ValueError, OverflowError, TypeError), np.errstate(all="ignore"):
        if isinstance(value, list):
            return np.array(value, array.dtype)
        changed = array.copy()
        changed.reshape(-1)[:: max(array.size // 3, 1)] = value
        return changed
    return array


@contextlib.contextmanager
def _captured() -> Iterator[list[str]]:
    """Give a list that holds the lines on stderr afterwards, those of libraries in C too; stdout is thrown away."""
    lines: list[str] = []
    with tempfile.TemporaryFile() as file, open(os.devnull, "wb") as nothing:
        kept = os.dup(1), os.dup(2)
        sys.stdout.flush()
        os.dup2(nothing.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            yield lines
        finally:
            with contextlib.suppress(BrokenPipeError, AttributeError):
                sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(kept[0], 1)
            os.dup2(kept[1], 2)
            for number in kept:
                os.close(number)
            file.seek(0)
            lines += file.read().decode("utf-8", "replace").splitlines()


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    def late(number: int, frame: object) -> None:
        raise _Late

    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def serve(seconds: float, gigabytes: float) -> None:
    """Answer each line "KIND NUMBER" on stdin with a line of JSON."""
    answers = os.fdopen(os.dup(1), "w")
    worker = Worker(seconds, gigabytes)
    try:
        print(json.dumps(sorted(worker.by_kind)), file=answers, flush=True)
        for line in sys.stdin:
            kind, number = line.split()
            seed, edits = worker.choose(kind, int(number))
            outcome = worker.run(seed, edits)
            answer = {"what": outcome.what, "detail": outcome.detail}
            if outcome.what in FAULTS:
                edits = worker.smallest(seed, edits, outcome)
                answer |= {"seed": seed.name, "words": seed.words, "edits": repr(edits)[:3000]}
            print(json.dumps(answer), file=answers, flush=True)
    finally:
        shutil.rmtree(worker.folder, ignore_errors=True)
