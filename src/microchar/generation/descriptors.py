"""`Descriptors`: volume fractions and functions of the lag along the axes, without voxels."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from microchar.core.errors import InputError
from microchar.core.result import Result

#: Metrics whose profiles along the axes are descriptors.
FUNCTIONS = ("two_point_correlation", "lineal_path")
#: Allowed difference between functions at lag 0 and volume fractions, which slices and rounded tables give separately.
_CLOSE = 1e-3


@dataclass(frozen=True, kw_only=True, eq=False)
class Descriptors:
    """Volume fractions and functions of the lag along the axes, for each phase.

    Parameters
    ----------
    volume_fraction : array_like, (phases,)
        One for each phase, in ascending order of grey value; their sum is 1.
    functions : mapping of str to mapping of int to array_like
        Values at lags of 0, 1, … voxels, of shape (phases, lags), by metric id
        ("two_point_correlation", "lineal_path") and axis (0, 1, 2). A missing axis
        is given the mean of the others, taken at equal lengths.
    path : str
        File from which they were read, if any.

    Raises
    ------
    InputError
        If a shape or a value is not possible for these functions.
    """

    volume_fraction: np.ndarray
    functions: Mapping[str, Mapping[int, np.ndarray]] = field(default_factory=dict)
    path: str = ""

    def __post_init__(self) -> None:
        what = self._named("volume_fraction")
        fractions = _numbers(self.volume_fraction, what)
        if fractions.ndim != 1 or abs(fractions.sum() - 1) > _CLOSE:
            raise InputError(f"{what}: {fractions}, expected one for each phase, with a sum of 1")
        object.__setattr__(self, "volume_fraction", fractions / fractions.sum())
        unknown = sorted(set(self.functions) - set(FUNCTIONS))
        if unknown:
            raise InputError(f"{self._named('descriptor')} {unknown[0]!r}: expected {' or '.join(FUNCTIONS)}")
        checked = {
            name: {axis: self._checked(values, name, axis) for axis, values in by_axis.items()}
            for name, by_axis in self.functions.items()
        }
        object.__setattr__(self, "functions", checked)

    def _checked(self, values: Any, name: str, axis: int) -> np.ndarray:
        what = self._named(f"{name} along axis {axis!r}")
        if axis not in (0, 1, 2):
            raise InputError(f"{what}: expected axis 0, 1 or 2")
        array, n = _numbers(values, what), len(self.volume_fraction)
        if array.ndim != 2 or len(array) != n or array.shape[1] < 2:
            raise InputError(f"{what}: shape {array.shape}, expected ({n} phases, 2 lags or more)")
        if np.abs(array[:, 0] - self.volume_fraction).max() > _CLOSE:
            raise InputError(
                f"{what}: {array[:, 0]} at lag 0, expected the volume fractions, {self.volume_fraction}; "
                "are the lags 0, 1, … voxels, and the phases in this order?"
            )
        return array

    def _named(self, what: str) -> str:
        return f"{self.path}: {what}" if self.path else what

    @classmethod
    def of_results(cls, results: Mapping[str, Result], phases: tuple[str, ...], path: str = "") -> Descriptors:
        """Take the descriptors from measured results.

        A function is cut before the first lag at which a mask left no pairs.
        """
        functions: dict[str, dict[int, np.ndarray]] = {}
        for name in FUNCTIONS:
            profiles = results[name].profiles if name in results else ()
            axes = sorted({int(p.direction) for p in profiles if p.direction.isdigit() and len(p.y) > 1})
            for axis in axes:
                lines = _lines(results[name], phases, axis, path)
                known = np.logical_and.accumulate(np.isfinite(lines).all(axis=0))
                if known.sum() > 1:
                    functions.setdefault(name, {})[axis] = lines[:, known]
        if "volume_fraction" in results:
            values = _fractions(results["volume_fraction"], phases, path)
            fractions = np.array([0.0 if value is None else value for value in values])
        elif functions:
            # At lag 0 each of these functions is the volume fraction.
            fractions = next(iter(next(iter(functions.values())).values()))[:, 0]
        else:
            raise InputError(
                f"{path or 'measurement'}: contains no descriptor, expected volume_fraction, "
                f"{', '.join(FUNCTIONS)}; measure with --metrics {','.join(FUNCTIONS)}"
            )
        return cls(volume_fraction=fractions, functions=functions, path=path)

    def function(self, name: str, generator: str) -> Mapping[int, np.ndarray]:
        """Return a function by axis; a missing one is an InputError that names the generator."""
        if not self.functions.get(name):
            present = ", ".join(key for key, by_axis in self.functions.items() if by_axis) or "no function"
            raise InputError(
                f"generator {generator!r} needs the descriptor {name!r} along at least one axis, "
                f"found {present}; measure it too"
            )
        return self.functions[name]

    def describe(self) -> dict[str, Any]:
        """Return the number of lags of each function and the sha256 of all values."""
        digest = hashlib.sha256(self.volume_fraction.tobytes())
        for name in sorted(self.functions):
            for axis in sorted(self.functions[name]):
                digest.update(f"{name} {axis}".encode() + np.ascontiguousarray(self.functions[name][axis]).tobytes())
        lags = {
            name: {str(axis): array.shape[1] for axis, array in by_axis.items()}
            for name, by_axis in self.functions.items()
        }
        return {"shape": lags, "sha256": digest.hexdigest(), "path": self.path}


def _fractions(result: Result, phases: tuple[str, ...], path: str) -> list[float | None]:
    try:
        return [result.value(phase=phase).value for phase in phases]
    except KeyError as error:
        raise InputError(
            f"{path or 'measurement'}: expected one volume fraction of each phase ({error.args[0]})"
        ) from error


def _lines(result: Result, phases: tuple[str, ...], axis: int, path: str) -> np.ndarray:
    try:
        return np.array([result.profile(phase=phase, direction=str(axis)).y for phase in phases])
    except (KeyError, ValueError) as error:
        raise InputError(
            f"{path or 'measurement'}: expected one {result.metric} of each phase along axis {axis}, at equal lags "
            f"({error.args[0]})"
        ) from error


def _numbers(values: Any, what: str) -> np.ndarray:
    try:
        array = np.asarray(values, float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what}: expected numbers ({error})") from error
    if not array.size or not ((array >= 0) & (array <= 1)).all():
        raise InputError(f"{what}: expected probabilities between 0 and 1 at every lag")
    return array
