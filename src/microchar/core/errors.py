"""Errors that microchar raises on purpose; any other exception is a bug."""

from __future__ import annotations


class MicrocharError(Exception):
    """Base class of every error that microchar raises on purpose."""


class InputError(MicrocharError, ValueError):
    """An input of the caller cannot be used.

    The message names the file or argument, what was found, what was expected
    and what to do about it. The command line prints it and exits with code 2.
    """


class MissingDependencyError(MicrocharError, ImportError):
    """An optional dependency is needed but not installed; the message names the extra that installs it."""


class NotEnoughMemoryError(MicrocharError, MemoryError):
    """A computation needs more memory than there is; the message says how much. Nothing was allocated."""
