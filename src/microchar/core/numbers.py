"""Numbers as text for the reader, with their standard errors."""

from __future__ import annotations

import math

MINUS = "−"
SUPERSCRIPTS = dict(zip("0123456789+-−=()in", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁱⁿ", strict=True))


def number(value: float | None, digits: int = 4) -> str:
    """Return a number with `digits` significant digits; a dash for None."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    power = int(exponent)
    handy = -4 <= power < 6
    text = f"{value:.{max(0, digits - 1 - power)}f}" if handy else f"{mantissa}×10{superscript(power)}"
    return text.replace("-", MINUS)


def with_error(value: float | None, error: float | None) -> str:
    """Return a number with its standard error, both to the second digit of the error.

    Examples
    --------
    >>> with_error(0.196453, 0.00123)
    '0.1965 ± 0.0012'
    """
    if value is None or error is None or not 0 < error < math.inf:
        return number(value)
    power = math.floor(math.log10(error)) - 1
    size = max(abs(value), error)
    if not 1e-4 <= size < 1e6 or power > 0:
        return f"{number(value)} ± {number(error, 2)}"
    return f"{value:.{-power}f} ± {error:.{-power}f}".replace("-", MINUS)


def superscript(power: int) -> str:
    """Return an integer in superscript digits: ``⁻³``."""
    return "".join(SUPERSCRIPTS[sign] for sign in str(power))
