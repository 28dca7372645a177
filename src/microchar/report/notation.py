r"""How numbers, units and symbols are written for people.

Symbols come as LaTeX and leave as HTML (``D<sub>eff</sub>``) or, inside
figures, as plain text with the sub- and superscripts that Unicode has. Only the
few commands that symbols of metrics need are known; the name of any other is
kept, so that nothing disappears.
"""

from __future__ import annotations

import re
from html import escape

_MINUS = "−"
_SUPERSCRIPTS = dict(zip("0123456789+-−=()in", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁱⁿ", strict=True))
_SUBSCRIPTS = dict(zip("0123456789+-−=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))
_GREEK = {
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "epsilon": "ε",
    "varepsilon": "ε",
    "zeta": "ζ",
    "eta": "η",
    "theta": "θ",
    "kappa": "κ",
    "lambda": "λ",
    "mu": "μ",
    "nu": "ν",
    "xi": "ξ",
    "pi": "π",
    "rho": "ρ",
    "sigma": "σ",
    "tau": "τ",
    "phi": "φ",
    "varphi": "φ",
    "chi": "χ",
    "psi": "ψ",
    "omega": "ω",
    "Gamma": "Γ",
    "Delta": "Δ",
    "Theta": "Θ",
    "Lambda": "Λ",
    "Xi": "Ξ",
    "Pi": "Π",
    "Sigma": "Σ",
    "Phi": "Φ",
    "Psi": "Ψ",
    "Omega": "Ω",
}
_SIGNS = _GREEK | {
    "ell": "ℓ",
    "cdot": "·",
    "times": "×",
    "langle": "⟨",
    "rangle": "⟩",
    "sqrt": "√",
    "partial": "∂",
    "infty": "∞",
    "le": "≤",
    "ge": "≥",
    ",": "\u2009",
    ";": " ",
    " ": " ",
    "|": "‖",
    "left": "",
    "right": "",
}
_UPRIGHT = {"mathrm", "text", "operatorname", "mathbf", "mathsf"}
_ACCENTS = {"bar": "\u0304", "overline": "\u0304", "hat": "\u0302", "tilde": "\u0303"}
_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|\s+|.", re.DOTALL)


def number(value: float | None, digits: int = 4) -> str:
    """Write a number with so many significant digits; a dash where there is none."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    power = int(exponent)
    handy = -4 <= power < 6
    text = f"{value:.{max(0, digits - 1 - power)}f}" if handy else f"{mantissa}×10{superscript(power)}"
    return text.replace("-", _MINUS)


def tick(value: float) -> str:
    """Write a number as briefly as it allows, as on an axis."""
    mantissa, _, exponent = f"{value:.6g}".partition("e")
    return (f"{mantissa}×10{superscript(int(exponent))}" if exponent else mantissa).replace("-", _MINUS)


def superscript(power: int) -> str:
    """Write a whole number raised: ⁻³."""
    return "".join(_SUPERSCRIPTS[sign] for sign in str(power))


def signed(value: float | None, digits: int = 3) -> str:
    """Write a difference, with its sign."""
    text = number(value, digits)
    return f"+{text}" if value is not None and value > 0 else text


def percent(share: float | None) -> str:
    """Write a relative difference in percent, with its sign; "" where there is none."""
    if share is None:
        return ""
    size = 100 * abs(share)
    digits = 2 if size < 0.995 else 1 if size < 9.95 else 0
    return f"{100 * share:+.{digits}f} %".replace("-", _MINUS) if share else "0 %"


def html_symbol(latex: str) -> str:
    r"""Turn LaTeX math into HTML: ``\tau_0`` gives ``τ<sub>0</sub>``; the result is safe to insert."""
    return _Writer(latex, markup=True).written()


def plain_symbol(latex: str) -> str:
    r"""Turn LaTeX math into plain text: ``S_2(r)`` gives ``S₂(r)``, ``D_\mathrm{eff}`` gives ``D_eff``."""
    return _Writer(latex, markup=False).written()


class _Writer:
    """Reads LaTeX from left to right and writes it down."""

    def __init__(self, latex: str, markup: bool) -> None:
        self.tokens = _TOKEN.findall(latex.replace("$", ""))
        self.markup = markup
        self.place = 0

    def written(self) -> str:
        out = ""
        while self.place < len(self.tokens):
            out += self.atom()
        return out

    def next(self) -> str:
        self.place += 1
        return self.tokens[self.place - 1] if self.place <= len(self.tokens) else ""

    def atom(self, upright: bool = False) -> str:
        """Write the next thing: a character, a command with its arguments, or a group in braces."""
        token = self.next()
        if token == "{":
            return self.group(upright)
        if token in ("_", "^"):
            return self.script(token)
        if token.startswith("\\"):
            return self.command(token[1:])
        if token.isspace():
            return " " if upright else ""
        text = token.replace("-", _MINUS)
        if not self.markup:
            return text
        return f"<i>{text}</i>" if text.isalpha() and not upright else escape(text)

    def group(self, upright: bool) -> str:
        out = ""
        while self.place < len(self.tokens) and self.tokens[self.place] != "}":
            out += self.atom(upright)
        self.next()
        return out

    def command(self, name: str) -> str:
        if name in _UPRIGHT:
            return self.atom(upright=True)
        if name == "frac":
            return f"{self.atom()}/{self.atom()}"
        if name in _ACCENTS:
            return self.atom() + _ACCENTS[name]
        return _SIGNS.get(name, escape(name))

    def script(self, sign: str) -> str:
        text = self.atom()
        if self.markup:
            tag = "sub" if sign == "_" else "sup"
            return f"<{tag}>{text}</{tag}>"
        table = _SUBSCRIPTS if sign == "_" else _SUPERSCRIPTS
        if all(character in table for character in text):
            return "".join(table[character] for character in text)
        return sign + text
