"""Parameters of generators and metrics on the command line: texts, converted to the annotated types."""

from __future__ import annotations

import difflib
import inspect
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from microchar.core.errors import InputError
from microchar.core.text import whole_number

if TYPE_CHECKING:
    from microchar.generation.generator import Generator

_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


_NEGATIVE = re.compile(r"-\.?\d")


def as_assignments(arguments: Sequence[str], own: Collection[str]) -> list[str]:
    """Rewrite parameters given like options as ``--set key=value``; options of the command stay unchanged.

    Accepted are ``--key value`` and ``--key=value``, with dashes for underscores,
    and ``--key`` alone for ``--key true``. Arguments after ``--`` stay unchanged.
    """
    waiting = list(arguments)
    found: list[str] = []
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            return [*found, word, *waiting]
        option, sign, value = word.partition("=")
        if not word.startswith("--") or option in own:
            found.append(word)
            continue
        if not sign:
            given = bool(waiting) and (not waiting[0].startswith("-") or bool(_NEGATIVE.match(waiting[0])))
            value = waiting.pop(0) if given else "true"
        found += ["--set", f"{option[2:]}={value}"]
    return found


class Parameter(NamedTuple):
    """A parameter of a generator: its default as text, and one line of meaning where its field has one."""

    name: str
    hint: Any
    default: str
    meaning: str


def parameters_of(cls: type[Generator]) -> list[Parameter]:
    """Return the parameters of a generator.

    A field states its meaning in ``metadata["meaning"]``.
    """
    from microchar.generation.parameter_types import parameter_hints

    hints = parameter_hints(cls)
    unset = cls.when_unset()
    return [
        Parameter(
            field.name,
            hints.get(field.name, type(field.default)),
            _default(field, unset),
            field.metadata.get("meaning", ""),
        )
        for field in fields(cls)
        if field.init
    ]


def _default(field: Field[Any], unset: Mapping[str, Any]) -> str:
    if field.default is None and field.name in unset:
        return f"{unset[field.name]!r} if unset"
    if field.default_factory is not MISSING:
        return repr(field.default_factory())
    return "…" if field.default is MISSING else repr(field.default)


def values_of(name: str, assignments: Sequence[tuple[str, str]], options: Collection[str] = ()) -> dict[str, Any]:
    """Convert parameters of a generator from texts to values.

    Parameters
    ----------
    name : str
        Id of the generator.
    assignments : sequence of (key, text)
        Values of unknown keys stay texts; `create_generator` refuses them.
    options : collection of str
        Options of the command, such as ``--output``, which may have been misspelt.

    Returns
    -------
    dict

    Raises
    ------
    InputError
        If a text is not a value of the type of its parameter, or a key looks like a misspelt option.
    """
    from microchar.generation.catalogue import find_generator

    hints = {one.name: one.hint for one in parameters_of(find_generator(name))} if assignments else {}
    values: dict[str, Any] = {}
    for key, text in assignments:
        if key not in hints:
            _refuse_misspelt(key, list(hints), options)
        values[key] = _value(key, text, hints.get(key, str), f"generator {name!r}")
    return values


def typed(cls: type, key: str, text: str, whose: str) -> Any:
    """Convert a text to the type of a field of a dataclass; a text of another type is an InputError."""
    return _value(key, text, get_type_hints(cls)[key], whose)


def _value(key: str, text: str, hint: Any, whose: str) -> Any:
    try:
        return parsed(text, hint)
    except ValueError:
        raise InputError(f"{key}={text}: {whose} expects {written(hint)} here") from None


def _refuse_misspelt(key: str, parameters: Sequence[str], options: Collection[str]) -> None:
    known = {option.lstrip("-").replace("-", "_"): option for option in options if option.startswith("--")}
    near = difflib.get_close_matches(key, [*parameters, *known], n=1)
    if near and near[0] in known:
        raise InputError(f"--{key.replace('_', '-')}: no option and no parameter; did you mean {known[near[0]]}?")


def parsed(text: str, hint: Any) -> Any:
    """Convert a text to a type; a text of another type raises ValueError.

    Types are int, float, bool, str, None, literals, tuples and sequences (values
    separated by commas, tuples of tuples by semicolons) and unions of these: the
    first type that fits is used, text last. For ``Any`` the form of the text decides.
    """
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _first(text, sorted(inner, key=lambda kind: (kind is str, get_origin(kind) is not None)))
    if hint is Any:
        return _first(text, (int, float, bool, NoneType, *([tuple] if "," in text else []), str))
    if origin is Literal:
        return _same(text, {str(value): value for value in inner})
    if origin in (tuple, list, Sequence) or hint is tuple:
        return _several(text, inner or (int | float | str, ...))
    if hint is NoneType:
        return _same(text.lower(), {"none": None})
    if hint is bool:
        return _same(text.lower(), _BOOLEANS)
    if hint is int:
        return whole_number(text)
    if hint is float:
        return _finite(text)
    if hint is str:
        return text
    raise ValueError(text)


def _first(text: str, kinds: Sequence[Any]) -> Any:
    for kind in kinds:
        try:
            return parsed(text, kind)
        except ValueError:
            continue
    raise ValueError(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _same(text: str, values: dict[str, Any]) -> Any:
    if text not in values:
        raise ValueError(text)
    return values[text]


def _several(text: str, kinds: tuple[Any, ...]) -> tuple[Any, ...]:
    nested = any(get_origin(kind) in (tuple, list, Sequence) for kind in kinds)
    parts = [part.strip() for part in text.split(";" if nested else ",") if part.strip()]
    # Sequences, and tuples of any length, have one type for all items.
    each = kinds[:1] * len(parts) if len(kinds) == 1 or Ellipsis in kinds else kinds
    if len(each) != len(parts):
        raise ValueError(text)
    return tuple(parsed(part, kind) for part, kind in zip(parts, each, strict=True))


def written(hint: Any) -> str:
    """Return a readable name of a type: ``int | None``, ``'auto' | 'cpu'``."""
    text = inspect.formatannotation(hint).replace("typing.", "").replace("NoneType", "None").replace("Any", "any")
    return re.sub(r"Literal\[([^\]]*)\]", lambda found: found[1].replace(", ", " | "), text)
