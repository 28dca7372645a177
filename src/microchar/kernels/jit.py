"""Compilation of kernels with Numba: the only module that decides how, and where compiled kernels are kept.

Numba caches compiled functions in files. If these cannot be read or written, the kernels are compiled without them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache, partial, wraps
from pathlib import Path
from typing import Any

import numpy as np
from numba import config, njit
from numba.core.caching import FunctionCache

#: Whether NUMBA_DISABLE_JIT=1 leaves all kernels to Python: slow, for debuggers and machines without a compiler.
DISABLED = bool(config.DISABLE_JIT)  # type: ignore[attr-defined]
_EVERY_RUN = "Every run compiles the kernels, which takes about 20 seconds"


def kernel(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile a function that is called from Python, and cache it on disk.

    Used as ``@kernel``, or with options of `numba.njit` as ``@kernel(error_model="numpy")``.
    With ``NUMBA_DISABLE_JIT=1`` it stays a function of Python.
    """
    if function is None:
        return partial(kernel, **options)
    if DISABLED:
        return _wrapping_around(function)
    compiled = njit(nogil=True, **options)(function)
    try:
        # What `Dispatcher.enable_caching` does with the cache of Numba.
        compiled._cache = _Cache(function)
    except RuntimeError:  # there is no folder that can be written to
        folder = Path(function.__code__.co_filename).parent / "__pycache__"
        _warn(str(folder), "cannot be written to, and neither can the user's cache folder", _EVERY_RUN)
    return compiled


def inner(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile a function that is called by kernels only, and becomes a part of them; used like `kernel`."""
    return partial(inner, **options) if function is None else njit(nogil=True, **options)(function)


def _wrapping_around(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let integers of NumPy overflow without a warning, as compiled ones do."""

    @wraps(function)
    def quiet(*arguments: Any) -> Any:
        with np.errstate(over="ignore"):
            return function(*arguments)

    return quiet


class _Cache(FunctionCache):
    """Numba's cache of one function.

    Files that cannot be used lead to a warning in place of an exception. A compiled
    kernel holds functions of other files, too; Numba asks only whether its own file has
    changed. Here a change of any file of its folder makes the kernel anew.
    """

    def __init__(self, function: Callable[..., Any]):
        super().__init__(function)
        self._cache_file._source_stamp = _stamp(Path(function.__code__.co_filename).parent)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except OSError as error:
            self._give_up(error)
        except Exception:  # noqa: BLE001 (damaged bytes can make unpickling raise anything)
            _warn(self.cache_path, "is damaged", "The kernels are compiled and written again")
            self._discard()
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except OSError as error:
            self._give_up(error)

    def _discard(self) -> None:
        """Forget the compiled versions of this function, so that new ones take their place."""
        try:
            self.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        _warn(self.cache_path, f"cannot be used ({error.strerror or error})", _EVERY_RUN)
        self.disable()


@cache
def _stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return what tells whether a source file of a folder has changed."""
    stats = [(path.name, path.stat()) for path in sorted(folder.glob("*.py"))]
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)


@cache
def _warn(folder: str, reason: str, effect: str) -> None:
    """Warn about a folder, once for each reason and not once for each kernel."""
    warnings.warn(
        f"{folder}: this folder for compiled kernels {reason}. {effect}. "
        "To use another folder, set the environment variable NUMBA_CACHE_DIR",
        stacklevel=2,
    )
