r"""Numbers, symbols and key as text for the reader.

Symbols are given as LaTeX and returned as HTML (``D<sub>eff</sub>``) or, for
figures, as plain text with Unicode sub- and superscripts. Only the few commands
that the symbols of metrics use are known. The name of any other command is kept
in the text, so that nothing is lost.
"""

from __future__ import annotations

import re
from html import escape

from microchar.core.numbers import MINUS, SUPERSCRIPTS, number, superscript
from microchar.core.result import Key
from microchar.measurement.directions import AXES

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


def unbroken(text: str) -> str:
    """Return a text in which no line breaks before or after the sign of a standard error, or before a percent sign."""
    return text.replace(" ± ", "\u00a0±\u00a0").replace(" %", "\u00a0%")


def tick(value: float) -> str:
    """Return a number in its shortest form, for the ticks of an axis."""
    mantissa, _, exponent = f"{value:.6g}".partition("e")
    return (f"{mantissa}×10{superscript(int(exponent))}" if exponent else mantissa).replace("-", MINUS)


def signed(value: float | None, digits: int = 3) -> str:
    """Return a difference with its sign."""
    text = number(value, digits)
    return f"+{text}" if value is not None and value > 0 else text


def percent(share: float | None) -> str:
    """Return a relative difference in percent with its sign; "" for None."""
    if share is None:
        return ""
    size = 100 * abs(share)
    digits = 2 if size < 0.995 else 1 if size < 9.95 else 0
    return f"{100 * share:+.{digits}f} %".replace("-", MINUS) if share else "0 %"


def described(key: Key) -> str:
    """Return key as a phrase: "pore, crofton, axis 0"."""
    direction = key.direction
    where = {"all": "", "mean": "mean of directions"}.get(direction, direction)
    parts = (
        key.phase.replace("|", " | "),
        key.feature,
        key.estimator,
        f"axis {where}" if where in AXES else where,
    )
    return ", ".join(part.replace("_", " ") for part in parts if part)


def html_symbol(latex: str) -> str:
    r"""Convert LaTeX math to HTML: ``\tau_0`` gives ``τ<sub>0</sub>``. Text is escaped."""
    return _Converter(latex, markup=True).convert()


def plain_symbol(latex: str) -> str:
    r"""Convert LaTeX math to plain text: ``S_2(r)`` gives ``S₂(r)``, ``D_\mathrm{eff}`` gives ``D_eff``."""
    return _Converter(latex, markup=False).convert()


class _Converter:
    """Converts LaTeX, token by token from left to right."""

    def __init__(self, latex: str, markup: bool) -> None:
        self.tokens = _TOKEN.findall(latex.replace("$", ""))
        self.markup = markup
        self.position = 0

    def convert(self) -> str:
        out = ""
        while self.position < len(self.tokens):
            out += self.atom()
        return out

    def next(self) -> str:
        self.position += 1
        return self.tokens[self.position - 1] if self.position <= len(self.tokens) else ""

    def atom(self, upright: bool = False) -> str:
        """Convert the next character, command with its arguments, or group in braces."""
        token = self.next()
        if token == "{":
            return self.group(upright)
        if token in ("_", "^"):
            return self.script(token)
        if token.startswith("\\"):
            return self.command(token[1:])
        if token.isspace():
            return " " if upright else ""
        text = token.replace("-", MINUS)
        if not self.markup:
            return text
        return f"<i>{text}</i>" if text.isalpha() and not upright else escape(text)

    def group(self, upright: bool) -> str:
        out = ""
        while self.position < len(self.tokens) and self.tokens[self.position] != "}":
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
        table = _SUBSCRIPTS if sign == "_" else SUPERSCRIPTS
        if all(character in table for character in text):
            return "".join(table[character] for character in text)
        return sign + text
