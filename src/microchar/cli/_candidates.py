"""The candidates of a ranking on the command line: generators, models, volumes, and folders and globs of them."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from itertools import chain
from pathlib import Path
from typing import Any

from microchar.cli._input import read
from microchar.core.errors import InputError
from microchar.core.text import printable

#: Suffixes of what other programs write of a network. Only they know how to make volumes of it.
_WEIGHTS = (".pt", ".pth", ".ckpt", ".bin", ".onnx")


@dataclass(frozen=True)
class Candidate:
    """A generator or model, or the files of volumes that are samples of one candidate."""

    name: str
    files: tuple[str, ...]

    def load(self, options: argparse.Namespace) -> Any:
        """Return the generator, ready to generate, or the volumes."""
        from microchar.cli._generation import ready_generator

        if _makes_volumes(self.files[0]):
            return ready_generator(self.files[0])
        if Path(self.files[0]).suffix in _WEIGHTS:
            raise InputError(
                f"{self.files[0]}: found the weights of a network, expected volumes or a model that `microchar fit` "
                "wrote; write volumes of the network into a folder, and name the folder"
            )
        # Fakes may have other grey values, and are not cropped. A note that is true of all samples is given once.
        return [read(file, options, phases=None, crop=None, name=self.name) for file in self.files]


def candidates_of(options: argparse.Namespace, among: Collection[Path] | None = None) -> list[Candidate]:
    """Return the candidates that the arguments name.

    The volumes in a folder, or of a glob, are one candidate, and each model there is
    another. A folder or glob of 2D slices is one volume.

    Parameters
    ----------
    options : argparse.Namespace
    among : collection of Path, optional
        Of folders and globs, use these files only, and take those without any as empty.
    """
    texts: Sequence[str] = options.candidates
    if len(set(texts)) < len(texts):
        raise InputError("rank: a candidate is listed twice; list each once")
    found: list[Candidate] = []
    for text in chain.from_iterable(map(_folders_of, texts)):
        if not is_several(text):
            found.append(Candidate(text, (text,)))
            continue
        members = [path for path in members_of(text) if among is None or path in among]
        if among is None:
            _warn_of_what_is_left_out(text)
        models = [path for path in members if _makes_volumes(str(path))]
        volumes = [path for path in members if path not in models]
        if not members and among is None:
            raise InputError(f"{text}: holds no volume and no model; expected files that microchar reads")
        if volumes and _is_slice(volumes[0], options):
            found.append(Candidate(text, (text,)))
        elif volumes:
            found.append(Candidate(text, tuple(map(str, volumes))))
        found += [Candidate(str(path), (str(path),)) for path in models]
    return _named(found)


def _folders_of(text: str) -> list[str]:
    """Return the folders that a glob finds, each of which is a candidate; the text itself if it finds anything else."""
    found = sorted(map(Path, glob(text))) if has_magic(text) and not Path(text).exists() else []
    return [str(path) for path in found] if found and all(map(_is_plain_folder, found)) else [text]


def is_several(text: str) -> bool:
    """Return whether an argument is a folder or a glob, whose files are looked for; not a folder that is one volume."""
    return _is_plain_folder(Path(text)) if Path(text).exists() else has_magic(text)


def members_of(text: str) -> list[Path]:
    """Return the volumes and models in a folder, of a glob, or in the folders of a glob, in alphabetical order."""
    from microchar.io.dispatch import reader_of

    folders = _folders_of(text)
    if folders != [text]:
        return [path for folder in folders for path in members_of(folder)]
    paths = sorted(Path(text).iterdir()) if Path(text).is_dir() else sorted(map(Path, glob(text)))
    return [
        path
        for path in paths
        if not path.name.startswith(".")
        and not _is_plain_folder(path)
        and (path.suffix == ".safetensors" or reader_of(path.name + "/" * path.is_dir()))
    ]


def _warn_of_what_is_left_out(text: str) -> None:
    """Warn of weights, and of folders with volumes, in a folder: they are not ranked."""
    if not Path(text).is_dir():
        return
    paths = sorted(path for path in Path(text).iterdir() if not path.name.startswith("."))
    if weights := [path.name for path in paths if path.suffix in _WEIGHTS]:
        warnings.warn(
            f"{text}: {_first(weights)} not ranked: weights of a network; write volumes of it, in a folder for each",
            stacklevel=2,
        )
    if folders := [path.name for path in paths if _is_plain_folder(path) and members_of(str(path))]:
        warnings.warn(
            f"{text}: {_first(folders)} not ranked: folders of their own; name each, or quote '{text.rstrip('/')}/*/'",
            stacklevel=2,
        )


def _first(names: Sequence[str]) -> str:
    shown = ", ".join(map(printable, names[:3]))
    return (
        f"{shown} and {len(names) - 3} more are" if len(names) > 3 else f"{shown} {'is' if len(names) == 1 else 'are'}"
    )


def _is_plain_folder(path: Path) -> bool:
    from microchar.io.dispatch import reader_of

    return path.is_dir() and getattr(reader_of(f"{path.name}/"), "FORMAT", "") == "slices"


def is_generator(text: str) -> bool:
    """Return whether an argument is the name of a generator or of a bundled model."""
    from microchar.generation.catalogue import generator_specs
    from microchar.generation.models import bundled_models

    return text in generator_specs() or text in bundled_models()


def _makes_volumes(text: str) -> bool:
    return is_generator(text) or Path(text).suffix == ".safetensors"


def _is_slice(path: Path, options: argparse.Namespace) -> bool:
    from microchar.io.dispatch import read_image
    from microchar.io.image import Options

    raw = Options(shape=options.shape, dtype=options.dtype, offset=options.offset or 0)
    try:
        return read_image(path, raw).shape[0] == 1
    except InputError:
        return False  # loading the candidate says why, and a watch then leaves out this candidate only


def _named(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Name the candidates by the ends of their paths without suffix, or by the whole paths if ends are equal."""
    ends = [_end(candidate.name) for candidate in candidates]
    return [
        Candidate(printable(candidate.name if ends.count(end) > 1 else end), candidate.files)
        for candidate, end in zip(candidates, ends, strict=True)
    ]


def _end(text: str) -> str:
    path = Path(text)
    if path.is_dir():
        return path.resolve().name
    return text if has_magic(text) and not path.exists() else path.stem
