"""`Check`: one named clause of a contract, which can be run by itself or with the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Check:
    """One clause of a contract; a call raises AssertionError if the clause is broken.

    Parameters
    ----------
    name : str
        Name of the clause, such as "voxel_size"; also returned by ``str``, for the ids of parametrized tests.
    run : callable
        Function that performs the check.
    """

    name: str
    run: Callable[[], None] = field(repr=False)

    def __call__(self) -> None:
        """Run the check."""
        self.run()

    def __str__(self) -> str:
        return self.name


def run_checks(checks: Iterable[Check], subject: str) -> None:
    """Run all checks and raise one AssertionError that names every broken clause.

    Parameters
    ----------
    checks : iterable of Check
    subject : str
        Name of the checked object, for the message.
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
