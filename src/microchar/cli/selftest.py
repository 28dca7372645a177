"""``microchar selftest``: the metrics against exact and published values, on this machine."""

from __future__ import annotations

import argparse
from typing import Any

from microchar.cli._values import listed

_ROW = "{:26} {:46} {:>12} {:>12} {:>9} {:>9} {:>6}  {}"


def add(commands: Any) -> None:
    """Add the command to those of ``microchar``."""
    command = commands.add_parser(
        "selftest",
        help="measure volumes whose values are known, and print the errors",
        description="Measure volumes whose values are known, and print what was measured. The exit code is 1 if an "
        "error is larger than the estimator allows. It takes less than a minute, and longer on the first run.",
    )
    command.add_argument("--metrics", type=listed, metavar="A,B", help="check only these (default: all)")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print a row for each truth, as it is measured, and what they say together."""
    from microchar.measurement.catalogue import find_metric
    from microchar.testing.truths import TRUTHS, check_truths

    for name in options.metrics or ():
        find_metric(name)
    chosen = [truth for truth in TRUTHS if options.metrics is None or truth.metric in options.metrics]
    print(_ROW.format("metric", "of", "true", "measured", "error", "allowed", "s", "true because of").rstrip())
    outcomes = []
    for outcome in check_truths(chosen):
        truth = outcome.truth
        numbers = [f"{truth.exact:.6g}", f"{outcome.measured:.6g}", f"{outcome.error:+.1e}", f"{truth.tolerance:.0e}"]
        verdict = truth.source if outcome.within else f"{truth.source}: TOO FAR"
        print(_ROW.format(truth.metric, truth.title, *numbers, f"{outcome.seconds:.2f}", verdict), flush=True)
        outcomes.append(outcome)
    within = sum(outcome.within for outcome in outcomes)
    seconds = sum(outcome.seconds for outcome in outcomes)
    print(f"{within} of {len(outcomes)} values are as near as they should be ({seconds:.0f} s)")
    return 0 if within == len(outcomes) else 1
