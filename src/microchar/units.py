"""Lengths with units: reading them, converting them, and writing powers of them."""

from __future__ import annotations

import re

from microchar.errors import InputError

#: Metres per unit. "voxel" is not here on purpose: it converts to nothing.
_METRES = {"pm": 1e-12, "nm": 1e-9, "um": 1e-6, "mm": 1e-3, "cm": 1e-2, "m": 1.0}
_ALIASES = {
    "µm": "um",
    "μm": "um",
    "micron": "um",
    "microns": "um",
    "micrometer": "um",
    "micrometre": "um",
    "px": "voxel",
    "pixel": "voxel",
    "pixels": "voxel",
    "voxels": "voxel",
    "vx": "voxel",
    "": "voxel",
}
_LENGTH = re.compile(r"^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([a-zA-Zµμ]*)\s*$")
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def canonical_unit(unit: str) -> str:
    """Return the one spelling of a length unit that microchar uses, or raise InputError."""
    name = _ALIASES.get(unit, _ALIASES.get(unit.lower(), unit))
    if name != "voxel" and name not in _METRES:
        known = ", ".join([*_METRES, "voxel"])
        raise InputError(f"unknown length unit {unit!r}: expected one of {known}")
    return name


def parse_length(text: str) -> tuple[float, str]:
    """Read '0.398um' as (0.398, 'um'); a bare number is in voxels."""
    match = _LENGTH.match(text)
    if not match:
        raise InputError(f"cannot read {text!r} as a length: write a number and a unit, as in '0.398um'")
    return float(match.group(1)), canonical_unit(match.group(2))


def convert(length: float, unit: str, to: str) -> float:
    """Convert a length between physical units; voxels convert only to voxels."""
    if unit == to:
        return length
    if "voxel" in (unit, to):
        raise InputError(
            f"cannot convert {length:g} {unit} to {to}: the voxel size is not known; "
            "give it with voxel_size= (--voxel-size on the command line)"
        )
    return length * _METRES[unit] / _METRES[to]


def power_unit(unit: str, power: int) -> str:
    """Write a power of a unit as in data files: 'um^-1', 'um^2', '' for power 0."""
    if power == 0:
        return ""
    return unit if power == 1 else f"{unit}^{power}"


def pretty_unit(unit: str) -> str:
    """Write a unit as people read it: 'um^-1' becomes 'µm⁻¹'."""
    base, _, exponent = unit.partition("^")
    base = "µm" if base == "um" else base
    return base + exponent.translate(_SUPERSCRIPT)
