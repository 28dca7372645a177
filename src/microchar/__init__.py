"""microchar: is this volume statistically the same material as that one, and how sure are we?

The public API, loaded when first used: importing microchar is instant.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from microchar import generators, metrics, testing
    from microchar.comparison import Comparison, compare
    from microchar.errors import InputError, MicrocharError, MissingDependencyError
    from microchar.io import read_volume, write_volume
    from microchar.measurement import Measurement, measure
    from microchar.report import write_report
    from microchar.result import Profile, Result, Value
    from microchar.volume import Volume, as_volume

__version__ = "0.1.0"

_HOME = {
    "Comparison": "comparison",
    "compare": "comparison",
    "InputError": "errors",
    "MicrocharError": "errors",
    "MissingDependencyError": "errors",
    "read_volume": "io",
    "write_volume": "io",
    "Measurement": "measurement",
    "measure": "measurement",
    "write_report": "report",
    "Profile": "result",
    "Result": "result",
    "Value": "result",
    "Volume": "volume",
    "as_volume": "volume",
}
_SUBPACKAGES = ("generators", "metrics", "testing")

__all__ = [
    "Comparison",
    "InputError",
    "Measurement",
    "MicrocharError",
    "MissingDependencyError",
    "Profile",
    "Result",
    "Value",
    "Volume",
    "__version__",
    "as_volume",
    "compare",
    "generators",
    "measure",
    "metrics",
    "read_volume",
    "testing",
    "write_report",
    "write_volume",
]


def __getattr__(name: str) -> Any:
    if name in _SUBPACKAGES:
        return import_module(f"microchar.{name}")
    if name in _HOME:
        return getattr(import_module(f"microchar.{_HOME[name]}"), name)
    raise AttributeError(f"module 'microchar' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
