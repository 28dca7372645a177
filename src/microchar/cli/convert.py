"""``microchar convert``: values in the conventions of other packages."""

from __future__ import annotations

import argparse
from typing import Any

from microchar.core.errors import InputError


def add(commands: Any) -> None:
    """Add the command to those of ``microchar``."""
    command = commands.add_parser(
        "convert",
        help="print measured values in the conventions of another package",
        description="Print the values of a results.json that another package has too, as that package gives them, each "
        "with the expression that gives it there. The pages of the metrics say how they follow from ours.",
    )
    command.add_argument("results", metavar="RESULTS", help="a results.json that microchar wrote")
    command.add_argument("--to", required=True, metavar="PACKAGE", help="porespy, taufactor or scikit-image (skimage)")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print a row for each value that the package has."""
    from microchar.core.text import aligned, did_you_mean, printable
    from microchar.measurement.equivalents import EQUIVALENTS, PACKAGES, converted
    from microchar.measurement.record import Record

    package = "scikit-image" if options.to == "skimage" else options.to
    if package not in PACKAGES:
        raise InputError(f"--to {options.to}: {did_you_mean(package, PACKAGES)}expected one of {', '.join(PACKAGES)}")
    rows = converted(Record.read(options.results), package)
    if not rows:
        needed = dict.fromkeys(equivalent.metric for equivalent in EQUIVALENTS if equivalent.package == package)
        raise InputError(
            f"{options.results}: no value that {package} has, too, of a volume without mask and periodic axes; "
            f"measure one of {', '.join(needed)}"
        )
    lines = [["volume", "phase", "direction", "value", "in " + package]]
    for row in rows:
        number = ("" if row.equivalent.exact else "≈ ") + f"{row.number:.6g}"
        key = (printable(row.volume), printable(row.value.phase), row.value.direction)
        lines.append([*key, number, row.equivalent.call])
    print(*aligned(lines), sep="\n")
