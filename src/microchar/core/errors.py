"""The errors that microchar raises on purpose; everything else is a bug."""

from __future__ import annotations


class MicrocharError(Exception):
    """Base of every error that microchar raises on purpose."""


class InputError(MicrocharError, ValueError):
    """What the caller handed in cannot be used.

    The message names the file or argument, what was found, what was expected
    and what to do about it. The command line prints it and exits with 2.
    """


class MissingDependencyError(MicrocharError, ImportError):
    """An optional dependency is needed and not installed; the message says which extra has it."""


class NotEnoughMemoryError(MicrocharError, MemoryError):
    """A computation would need more memory than there is; the message says how much. Nothing was allocated."""
