"""Check the docstrings of everything public: numpydoc's rules, without those that ``WITHOUT`` gives a reason for.

Public is what `microchar`, its data sets, generators and testing tools export, and each metric and generator. A method
with a sentence for a docstring needs no more; one with sections is held to the rules.

    python .ci/docstrings.py
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator

from numpydoc.validate import validate

import microchar as mc
from microchar.generation.catalogue import generator_specs

#: Rules of numpydoc that do not hold here, and why.
WITHOUT = {
    "ES01": "a summary that says all needs no more text",
    "SS02": "a summary may begin with the name of a function",
    "SA01": "not everything has a relative",
    "SA03": "names of quantities begin in lower case",
    "SA04": "what a name means stands on its own page",
    "PR03": "parameters are listed by importance, and together those that are passed on",
    "PR04": "parameters that are passed on have the types of the function that is named",
    "PR06": "values of arrays may be integers, of any type",
    "PR08": "descriptions may begin with the name of a variable",
    "RT03": "the summary says what is returned",
}
#: Rules for functions only, and why.
FUNCTIONS_ONLY = {
    "EX01": "what is returned is shown by the function that makes it",
    "PR02": "the settings of a network are explained by their presets, not one by one",
    "PR01": "fields that a base class explains are not explained again",
}


def main() -> int:
    """Print what is wrong; the exit code is 1 if something is."""
    wrong = [f"{name}: {code} {text}" for name, code, text in errors()]
    print("\n".join(wrong) or "docstrings: all well", file=sys.stderr if wrong else sys.stdout)
    return 1 if wrong else 0


def errors() -> Iterator[tuple[str, str, str]]:
    """Yield name, rule and text of each error."""
    for thing in sorted(public(), key=_name):
        left_out = {*WITHOUT, *(FUNCTIONS_ONLY if inspect.isclass(thing) else ())}
        for name in (_name(thing), *(_methods(thing) if inspect.isclass(thing) else ())):
            method = name != _name(thing)
            for code, text in validate(name)["errors"]:
                if code not in left_out and not (method and code in ("EX01", "RT01")):
                    yield name, code, text


def public() -> set[object]:
    """Return the public functions and classes."""
    modules = (mc, mc.datasets, mc.generators, mc.testing, mc.metrics)
    things = [getattr(module, name) for module in modules for name in module.__all__]
    things += [mc.metrics.find_metric(name) for name in mc.metrics.metric_names()]
    things += [spec.load() for spec in generator_specs().values() if not spec.missing()]
    return {thing for thing in things if inspect.isclass(thing) or inspect.isfunction(thing)}


def _name(thing: object) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


def _methods(cls: type) -> list[str]:
    """Return the names of the public methods of a class whose docstrings have sections."""
    methods = {name: inspect.unwrap(getattr(cls, name)) for name in vars(cls) if not name.startswith("_")}
    return [
        f"{_name(cls)}.{name}"
        for name, method in methods.items()
        if inspect.isroutine(method) and "\n    ----" in (inspect.getdoc(method) or "").replace("\n---", "\n    ---")
    ]


if __name__ == "__main__":
    sys.exit(main())
