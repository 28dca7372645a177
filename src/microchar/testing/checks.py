"""`Check`: one named clause of a contract, to be run by itself or with the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Check:
    """One clause of a contract: call it, and it raises AssertionError where the clause is broken.

    Parameters
    ----------
    name : str
        What is checked, such as "voxel_size"; also its text, for the ids of parametrized tests.
    run : callable
    """

    name: str
    run: Callable[[], None] = field(repr=False)

    def __call__(self) -> None:
        """Check."""
        self.run()

    def __str__(self) -> str:
        return self.name


def run_checks(checks: Iterable[Check], subject: str) -> None:
    """Run all checks and raise one AssertionError that names every clause that is broken.

    Parameters
    ----------
    checks : iterable of Check
    subject : str
        What is checked, for the message.
    """
    broken: list[tuple[str, AssertionError]] = []
    for check in checks:
        try:
            check()
        except AssertionError as error:
            broken.append((check.name, error))
    if broken:
        reasons = "\n".join(f"- {name}: {error}" for name, error in broken)
        raise AssertionError(f"{subject} breaks its contract:\n{reasons}") from broken[0][1]
