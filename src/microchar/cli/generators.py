"""``microchar generators``: lists generators and fitted models, and whether they can be used here."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from microchar.cli._parameters import Parameter, parameters_of, written

if TYPE_CHECKING:
    from microchar.generation.models import BundledModel
    from microchar.generation.spec import GeneratorSpec


def add(commands: Any) -> None:
    """Add the command."""
    command = commands.add_parser(
        "generators", help="list generators and fitted models, and whether they can be used here"
    )
    command.add_argument("name", nargs="?", metavar="NAME", help="print details of this one, including parameters")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print a table of generators and models, or the details of one of them."""
    from microchar.generation.catalogue import find_spec, generator_specs
    from microchar.generation.models import bundled_models

    if options.name in bundled_models() and options.name not in generator_specs():
        print("\n".join(_model_details(options.name, bundled_models()[options.name])))
        return
    if options.name is not None:
        print("\n".join(_details(options.name, find_spec(options.name))))
        return
    rows = [("id", "made from", "phases", "periodic", "what it is")]
    rows += [
        (name, ", ".join(spec.inputs), _phases(spec), _axes_of(spec) or "no", spec.summary)
        for name, spec in generator_specs().items()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    obstacles = ["", *(spec.obstacle() for spec in generator_specs().values())]
    for row, obstacle in zip(rows, obstacles, strict=True):
        print("  ".join(f"{text:{width}}" for text, width in zip(row, [*widths, 0], strict=True)))
        if obstacle:
            print(f"    not usable here: {obstacle}")
    if bundled_models():
        print("\nfitted models, for `microchar generate NAME`:")
        width = max(map(len, bundled_models()))
        for name, model in bundled_models().items():
            print(f"{name:{width}}  {model.generator}: {model.summary}")
            if name in generator_specs() or model.obstacle():
                print(f"    not usable here: {model.obstacle() or 'a generator has this name'}")


def _details(name: str, spec: GeneratorSpec) -> list[str]:
    facts = {
        "made from": ", ".join(spec.inputs),
        "phases": _phases(spec),
        "makes": " and ".join(f"{n}D" for n in spec.ndim)
        + (f", in multiples of {spec.multiple_of}" if spec.multiple_of > 1 else ""),
        "periodic": (_axes_of(spec) or "no") + (", always" if spec.always_periodic else ""),
        "cost": spec.cost or "unknown",
        "can resume": " and ".join(spec.keeps_progress),
        "contains": "a given slice, if wanted" if spec.takes_slice else "",
        "writes": "block by block, in bounded memory" if spec.streams else "",
        "usable here": f"no: it {spec.obstacle()}" if spec.obstacle() else "yes",
    }
    lines = [f"{name}: {spec.summary}", *(f"  {key + ':':12} {fact}" for key, fact in facts.items() if fact)]
    if not spec.obstacle():
        parameters = [line for parameter in parameters_of(spec.load()) for line in _parameter_lines(parameter)]
        lines += ["  parameters (--KEY VALUE, or --set KEY=VALUE):", *(parameters or ["    none"])]
    return lines


def _parameter_lines(parameter: Parameter) -> list[str]:
    """Return the line of a parameter, and one of its meaning where it states one."""
    line = f"    {parameter.name} = {parameter.default}  ({written(parameter.hint)})"
    return [line, f"        {parameter.meaning}"] if parameter.meaning else [line]


def _model_details(name: str, model: BundledModel) -> list[str]:
    facts = {
        "what it is": model.title,
        "a fit of": model.generator,
        "file": f"{model.file} of {model.package}",
        "usable here": f"no: it {model.obstacle()}" if model.obstacle() else "yes",
    }
    return [f"{name}: {model.summary}", *(f"  {key + ':':12} {fact}" for key, fact in facts.items())]


def _phases(spec: GeneratorSpec) -> str:
    least, most = spec.phases
    return str(least) if least == most else f"{least}-{most}"


def _axes_of(spec: GeneratorSpec) -> str:
    return ",".join(map(str, spec.periodic_axes))
