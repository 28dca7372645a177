"""Study files: the arguments of a command as TOML, read with --config and written beside each report.

The keys are the names of the options without dashes in front, and of the positional arguments. Paths are relative to
the folder of the file. What is given on the command line goes before the file.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from microchar.cli._candidates import is_generator
from microchar.core.errors import InputError
from microchar.core.text import did_you_mean, printable

#: Name of the file beside a report.
STUDY = "study.toml"
#: First line of the files that microchar writes.
_HEADER = "# Run it again with `{prog} --config {name}`; paths are relative to this file.\n"
#: Arguments that name files; of pairs such as NAME=FILES, the second part.
_PATHS = ("volumes", "real", "candidates", "group", "mask", "grey", "output", "json", "overwrite")
#: Arguments that say nothing about what is studied (the output is always beside), and those that no file can give.
_UNWRITTEN = ("quiet", "overwrite", "output", "resume")
_NO_KEYS = ("help", "config")


def add_config(command: argparse.ArgumentParser) -> None:
    """Add the option that reads a study file."""
    command.add_argument(
        "--config",
        metavar="FILE",
        help=f"read arguments from this file, such as the {STUDY} beside a report; those given here go before it",
    )


def study_arguments(command: argparse.ArgumentParser, words: Sequence[str]) -> dict[str, Any]:
    """Return what the study file gives that the words of a command line name; empty if they name none.

    The parser of the command is changed so that it takes none of these arguments as
    missing, and leaves those empty that the command line does not give.

    Raises
    ------
    InputError
        If the file cannot be read, or one of its keys or values is none of the command.
    """
    if all(action.dest != "config" for action in command._actions):
        return {}
    finder = argparse.ArgumentParser(add_help=False)
    finder.add_argument("--config", nargs="?")
    path = finder.parse_known_args(list(words))[0].config
    if path is None:
        return {}
    actions = {_key(action): action for action in command._actions if action.dest not in _NO_KEYS}
    found: dict[str, Any] = {}
    for key, value in _read(path).items():
        if key not in actions:
            raise InputError(
                f"{path}: unknown key {key!r}; {did_you_mean(key, actions)}`{command.prog} --help` lists the names"
            )
        action = actions[key]
        found[action.dest] = _moved(action.dest, _value(path, key, action, value), _from(os.path.dirname(path)))
        action.default, action.required = None, False
        if not action.option_strings:
            action.nargs = "?" if action.nargs is None else "*"
    return found


def fill(options: argparse.Namespace, study: Mapping[str, Any]) -> None:
    """Give the options what the study file gives, unless the command line does."""
    for name, value in study.items():
        if getattr(options, name) in (None, []):
            setattr(options, name, value)


def study_text(command: argparse.ArgumentParser, options: argparse.Namespace) -> bytes:
    """Return the content of the study file beside the report of a command; the file of a user stays as it is.

    There is none if results are shown again: what was measured stands beside them.
    """
    from microchar.report.writing import signed, wrote

    if any(path.endswith(".json") for path in options.volumes):
        return b""
    target = Path(options.output) / STUDY
    if options.config is not None and target.exists() and target.samefile(options.config) and not wrote(target):
        options.overwrite = [*options.overwrite, str(target)]
        return target.read_bytes()
    lines, tables = [], []
    for action in command._actions:
        value = getattr(options, action.dest, None)
        if action.dest in (*_UNWRITTEN, *_NO_KEYS) or value in (None, [], action.default):
            continue
        value = _moved(action.dest, value, _to(options.output))
        if isinstance(value, list) and isinstance(value[0], tuple):
            tables += [f"\n[{_key(action)}]", *(f"{_toml_key(key)} = {_toml(each)}" for key, each in value)]
        else:
            lines.append(f"{_key(action)} = {_toml(value)}")
    text = _HEADER.format(prog=command.prog, name=STUDY) + "\n".join([*lines, 'output = "."', *tables]) + "\n"
    return signed(text)


def _key(action: argparse.Action) -> str:
    return max(action.option_strings, key=len).lstrip("-") if action.option_strings else action.dest


# --- reading -----------------------------------------------------------------


def _read(path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"--config {path}: cannot be read ({error.strerror})") from error
    except ValueError as error:  # no TOML, or no UTF-8
        raise InputError(
            f"--config {path}: not a TOML file ({error}); expected lines such as voxel-size = '3um'"
        ) from error


def _value(path: str, key: str, action: argparse.Action, value: Any) -> Any:
    """Convert a value of the file like the text of an option."""
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise InputError(f"{path}: {key} = {value!r}: expected true or false")
        return value
    try:
        found = [_converted(action, text) for text in _texts(action, value)]
    except (argparse.ArgumentTypeError, ValueError) as error:
        raise InputError(f"{path}: {key}: {error}") from error
    return found if _is_repeated(action) else found[0]


def _is_repeated(action: argparse.Action) -> bool:
    return action.nargs in ("+", "*") or isinstance(action, argparse._AppendAction)


def _texts(action: argparse.Action, value: Any) -> list[str]:
    """Return the texts of an option; a table stands for NAME=VALUE, a list for several or for A,B."""
    if isinstance(value, dict):
        texts = [f"{key}={_text(each)}" for key, each in _flat(value)]
    else:
        texts = [_text(each) for each in value] if isinstance(value, list) else [_text(value)]
    if not texts and action.nargs == "+":
        raise ValueError("found an empty list, expected one or more")
    return texts if _is_repeated(action) else [",".join(texts)]


def _flat(table: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the entries of a table; those of a table within have both names, joined by a dot."""
    entries = []
    for key, value in table.items():
        entries += [(f"{key}.{k}", v) for k, v in _flat(value)] if isinstance(value, dict) else [(key, value)]
    return entries


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(map(_text, value))
    if not isinstance(value, str | int | float):
        raise ValueError(f"found {value}, expected text or numbers")
    return str(value)


def _converted(action: argparse.Action, text: str) -> Any:
    value = action.type(text) if callable(action.type) else text
    if action.choices is not None and value not in action.choices:
        raise ValueError(f"found {text!r}, expected one of {', '.join(map(str, action.choices))}")
    return value


# --- paths -------------------------------------------------------------------


def _moved(name: str, value: Any, move: Callable[[str], str]) -> Any:
    """Apply a function to the paths of an argument, if it has some."""
    if name not in _PATHS:
        return value
    if isinstance(value, list):
        return [_moved(name, each, move) for each in value]
    if isinstance(value, tuple):
        return value[0], _moved(name, value[1], move)
    return value if value == "-" or os.path.isabs(value) or is_generator(value) else move(value)


def _from(folder: str) -> Callable[[str], str]:
    """Return a function that takes a path relative to a folder to one relative to the working folder."""

    def move(path: str) -> str:
        joined = os.path.join(folder, path)
        short = os.path.normpath(joined)
        # Behind a link, the folder above is not the one before.
        return short if os.path.realpath(short) == os.path.realpath(joined) else joined

    return move


def _to(folder: str) -> Callable[[str], str]:
    """Return a function that takes a path relative to the working folder to one relative to a folder."""

    def move(path: str) -> str:
        parent, name = os.path.split(path.rstrip("/"))
        try:
            return os.path.join(os.path.relpath(os.path.realpath(parent), os.path.realpath(folder)), name)
        except ValueError:  # another drive
            return os.path.abspath(path)

    return move


# --- writing -----------------------------------------------------------------


def _toml(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, int | float) else json.dumps(printable(value), ensure_ascii=False)


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[\w-]+", key, re.ASCII) else _toml(key)
