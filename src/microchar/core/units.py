"""Parse and convert lengths with units, and format powers of units."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from microchar.core.errors import InputError
from microchar.core.text import by

#: Power of ten of each unit in metres. "voxel" is missing on purpose: it cannot be converted.
_EXPONENTS = {"pm": -12, "nm": -9, "um": -6, "mm": -3, "cm": -2, "m": 0}
#: Edges of voxels lie between these powers of ten of a metre (or of a voxel): their cubes neither over- nor underflow.
_SMALLEST, _LARGEST = -15, 6
#: One darcy in m²: 1 cm²·mPa·s/(s·atm).
DARCY = 1e-7 / 101325
_PREFIXES = {"pico": "pm", "nano": "nm", "micro": "um", "milli": "mm", "centi": "cm", "": "m"}
# There are two characters µ: the micro sign and the Greek letter.
_ALIASES = {"µm": "um", "μm": "um", "micron": "um", "microns": "um"}
_ALIASES |= {"": "voxel", "px": "voxel", "vx": "voxel", "pixel": "voxel", "pixels": "voxel", "voxels": "voxel"}
_ALIASES |= {
    prefix + word: unit for prefix, unit in _PREFIXES.items() for word in ("meter", "metre", "meters", "metres")
}
_LENGTH = re.compile(r"^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([a-zA-Zµμ]*)\s*$")
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def canonical_unit(unit: str) -> str:
    """Return the spelling that microchar uses for a length unit; raise InputError for an unknown unit."""
    name = _ALIASES.get(unit, _ALIASES.get(unit.lower(), unit))
    if name != "voxel" and name not in _EXPONENTS:
        known = ", ".join([*_EXPONENTS, "voxel"])
        raise InputError(f"unknown length unit {unit!r}: expected one of {known}")
    return name


def parse_length(text: str) -> tuple[float, str]:
    """Parse '0.398um' as (0.398, 'um'); a number without a unit is in voxels."""
    match = _LENGTH.match(text)
    if not match or not math.isfinite(float(match.group(1))):
        raise InputError(f"cannot read {text!r} as a length: write a number and a unit, as in '0.398um'")
    return float(match.group(1)), canonical_unit(match.group(2))


def states_unit(text: str) -> bool:
    """Return whether the last length of a text such as "1,1,2um" has a unit; also if it is no length at all."""
    match = _LENGTH.match(text.rpartition(",")[2])
    return match is None or bool(match.group(2))


def convert(length: float, unit: str, to: str) -> float:
    """Convert a length between physical units; voxels convert only to voxels."""
    if unit == to:
        return length
    if "voxel" in (unit, to):
        raise InputError(
            f"cannot convert {length:g} {unit} to {to}: the voxel size is not known; "
            "give it with voxel_size= (--voxel-size on the command line)"
        )
    # Multiply or divide by a whole power of ten, which is exact: 1 um is 1000 nm, not 999.9999999999999.
    power = _EXPONENTS[unit] - _EXPONENTS[to]
    return float(length * 10**power if power >= 0 else length / 10**-power)


def parse_voxel_size(
    voxel_size: float | str | Sequence[float | str] | None, shape: Sequence[int] | None = None
) -> tuple[tuple[float, float, float], str]:
    """Parse a voxel size argument as three edge lengths and their unit.

    Parameters
    ----------
    voxel_size : float, str, sequence of three, or None
        One edge length for all axes, or three for axes 0, 1, 2: ``"0.398um"``,
        ``"1um,1um,500nm"``, ``"1,1,2um"`` (a unit at the end applies to all),
        ``("1um", "1um", "2um")``. Numbers without a unit, such as ``(1, 1, 2)``,
        give only the ratios of the edges; the unit of length is then "voxel". A 2D
        image takes two as well, for its rows and columns: ``"1,2um"``.
    shape : sequence of int, optional
        Shape of the volume. Two lengths are those along its axes of more than one
        voxel, if there are two.

    Returns
    -------
    voxel_size : tuple of float
        Edge lengths along axes 0, 1, 2.
    unit : str
        Unit of the edge lengths; "voxel" if none is known.

    Raises
    ------
    InputError
        If the argument is not one length or three (for an image two), all greater than 0.

    Examples
    --------
    >>> parse_voxel_size("1, 1, 2 µm")
    ((1.0, 1.0, 2.0), 'um')
    """
    if voxel_size is None:
        return (1.0, 1.0, 1.0), "voxel"
    try:
        parts: list[Any] = voxel_size.split(",") if isinstance(voxel_size, str) else list(voxel_size)  # type: ignore[arg-type]
    except TypeError:
        parts = [voxel_size]
    thin = [axis for axis, n in enumerate(shape or ()) if n == 1]
    if len(parts) not in ((1, 2, 3) if len(thin) == 1 else (1, 3)):
        expected = "one length or three" + ("" if shape is None or thin else " for a 3D volume")
        raise InputError(f"voxel_size={voxel_size!r}: expected {expected}, found {len(parts)}")
    lengths = [_length(part) for part in parts]
    unit = lengths[-1][1]
    if unit != "voxel" and all(part_unit == "voxel" for _, part_unit in lengths[:-1]):
        sizes = [number for number, _ in lengths]
    elif len({part_unit == "voxel" for _, part_unit in lengths}) == 1:
        sizes = [convert(number, part_unit, unit) for number, part_unit in lengths]
    else:
        raise InputError(
            f"voxel_size={voxel_size!r}: some lengths have a unit and some have none; give all of them one"
        )
    check_voxel_size(sizes, unit, f"voxel_size={voxel_size!r}")
    if len(sizes) == 1:
        sizes = sizes * 3
    elif len(sizes) == 2:
        sizes.insert(thin[0], sizes[0])  # the thickness of an image is never used
    return (sizes[0], sizes[1], sizes[2]), unit


def check_voxel_size(sizes: Sequence[float], unit: str, what: str) -> None:
    """Raise InputError unless each edge is from 1e-15 m to 1e6 m (or voxels, if the unit is not known) long.

    Parameters
    ----------
    sizes : sequence of float
    unit : str
        A unit that `canonical_unit` returned.
    what : str
        Argument or file, for the message.
    """
    power = _EXPONENTS.get(unit, 0)
    if not all(10.0 ** (_SMALLEST - power) <= size <= 10.0 ** (_LARGEST - power) for size in sizes):
        limit = "voxels" if unit == "voxel" else "m"
        raise InputError(
            f"{what}: expected lengths greater than 0, from 1e{_SMALLEST} to 1e{_LARGEST} {limit}, "
            f"found {by(map(float, sizes))} {unit}"
        )


def _length(length: Any) -> tuple[float, str]:
    if isinstance(length, str):
        return parse_length(length)
    try:
        return float(length), "voxel"
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"voxel_size: found {length!r}, expected a number or a length such as '0.398um'") from None


def areas(area: float, unit: str) -> dict[str, float]:
    """Return an area as permeabilities are given: in m², in darcy and in millidarcy.

    Examples
    --------
    >>> {name: float(f"{number:.6g}") for name, number in areas(1.0, "um").items()}
    {'m^2': 1e-12, 'D': 1.01325, 'mD': 1013.25}
    """
    square_metres = area * convert(1.0, unit, "m") ** 2
    return {"m^2": square_metres, "D": square_metres / DARCY, "mD": square_metres / DARCY * 1000}


def power_unit(unit: str, power: int) -> str:
    """Format a power of a unit for data files: 'um^-1', 'um^2', '' for power 0."""
    if power == 0:
        return ""
    return unit if power == 1 else f"{unit}^{power}"


def pretty_unit(unit: str) -> str:
    """Format a unit for display: 'um^-1' becomes 'µm⁻¹'."""
    base, _, exponent = unit.partition("^")
    base = "µm" if base == "um" else base
    return base + exponent.translate(_SUPERSCRIPT)
