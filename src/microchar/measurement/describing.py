"""What is known of a metric before it measures: from its class, its parameters and its docstring."""

from __future__ import annotations

import inspect
import re
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any

from microchar.core.units import power_unit
from microchar.measurement.catalogue import find_metric

#: The heading of a section: a line, underlined.
_HEADING = re.compile(r"^(\w+)\n-+\n", re.MULTILINE)
#: The first line of the text on a parameter, or on several of one meaning: "name : type", or the name alone.
_PARAMETER = re.compile(r"^(\w[\w, ]*?)(?: : (.*))?\n(?= )", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class ParameterDescription:
    """A parameter of a metric: its type and default as text, and its meaning as reStructuredText."""

    name: str
    type: str
    default: str
    meaning: str


@dataclass(frozen=True, kw_only=True)
class MetricDescription:
    """A metric; texts longer than a line are reStructuredText.

    Parameters
    ----------
    id, title, symbol, summary, kind : str
        See `Metric`.
    unit : str
        Of the value, with "length" for the unit of length; "" if it has none.
    definition : str
        Definition with its formulas.
    parameters : tuple of ParameterDescription
    convention : str
        Estimators, denominators, biases, statuses.
    references : str
    min_ndim, min_phases, size_dependent, acts_on_grey_levels, periodic_supported, mask_supported, error_source
        See `Metric`.
    """

    id: str
    title: str
    symbol: str
    summary: str
    kind: str
    unit: str
    definition: str
    parameters: tuple[ParameterDescription, ...]
    convention: str
    references: str
    min_ndim: int
    min_phases: int
    size_dependent: bool
    acts_on_grey_levels: bool
    periodic_supported: bool
    mask_supported: bool
    error_source: str


#: What a description takes from the class as it is.
_OF_CLASS = (
    *("id", "title", "symbol", "summary", "kind", "min_ndim", "min_phases", "size_dependent", "acts_on_grey_levels"),
    *("periodic_supported", "mask_supported", "error_source"),
)


def describe_metric(name: str) -> MetricDescription:
    """Describe a metric.

    Parameters
    ----------
    name : str
        Id of the metric.

    Raises
    ------
    InputError
        If there is no such metric.

    Examples
    --------
    >>> from microchar.measurement.describing import describe_metric
    >>> found = describe_metric("lineal_path")
    >>> found.symbol, [parameter.name for parameter in found.parameters]
    ('L(r)', ['periodic', 'r_max'])
    """
    cls = find_metric(name)
    definition, sections = _sections(inspect.getdoc(cls) or "")
    # What a class inherits is documented where it is defined.
    hints: dict[str, str] = {}
    documented: dict[str, tuple[str, str]] = {}
    for base in reversed(cls.__mro__):
        hints |= {key: str(hint) for key, hint in inspect.get_annotations(base).items()}
        _, of_base = _sections(inspect.cleandoc(base.__doc__ or ""))
        documented |= _documented(of_base.get("Parameters", ""))
    return MetricDescription(
        **{key: getattr(cls, key) for key in _OF_CLASS},
        unit=power_unit("length", cls.length_power),
        definition=definition,
        parameters=tuple(
            _parameter(one, hints[one.name], *documented.get(one.name, ("", "")))
            for one in fields(cls)
            if one.name != "periodic" or cls.periodic_supported
        ),
        convention=sections.get("Notes", ""),
        references=sections.get("References", ""),
    )


def _sections(docstring: str) -> tuple[str, dict[str, str]]:
    """Return what stands before the first heading, and the sections by heading."""
    first, *rest = _HEADING.split(docstring)
    return first.strip(), {name: text.strip() for name, text in zip(rest[::2], rest[1::2], strict=True)}


def _documented(section: str) -> dict[str, tuple[str, str]]:
    """Return type and meaning of each parameter of a section."""
    _, *rest = _PARAMETER.split(section)
    return {
        name.strip(): (kind or "", inspect.cleandoc(meaning))
        for names, kind, meaning in zip(rest[::3], rest[1::3], rest[2::3], strict=True)
        for name in names.split(",")
    }


def _parameter(field: Field[Any], hint: str, kind: str, meaning: str) -> ParameterDescription:
    default = "" if field.default is MISSING else repr(field.default)
    return ParameterDescription(
        name=field.name, type=kind.removesuffix(", optional") or hint, default=default, meaning=meaning
    )
