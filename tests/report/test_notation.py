"""Numbers, symbols and labels as the reader sees them."""

from __future__ import annotations

import pytest

from microchar.core.result import Key
from microchar.report import notation

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0"),
        (0.19645303125, "0.1965"),
        (-123.456, "−123.5"),
        (99999.6, "100000"),
        (0.00099996, "0.001000"),
        (-1.2345e-5, "−1.234×10⁻⁵"),
        (6.02e23, "6.020×10²³"),
    ],
)
def test_numbers(value, text):
    assert notation.number(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(None, ""), (0.0, "0 %"), (0.00012, "+0.01 %"), (-0.0123, "−1.2 %"), (0.0996, "+10 %"), (-4.153, "−415 %")],
)
def test_percentages(share, text):
    assert notation.percent(share) == text


@pytest.mark.parametrize(
    ("latex", "html", "plain"),
    [
        (r"\phi", "φ", "φ"),
        ("S_2(r)", "<i>S</i><sub>2</sub>(<i>r</i>)", "S₂(r)"),
        (r"D_\mathrm{eff} / D_0", "<i>D</i><sub>eff</sub>/<i>D</i><sub>0</sub>", "D_eff/D₀"),
        (r"S_V^{ij}", "<i>S</i><sub><i>V</i></sub><sup><i>ij</i></sup>", "S_V^ij"),
        (r"$\frac{a}{\bar{b}}$", "<i>a</i>/<i>b</i>̄", "a/b̄"),
        (r"\sqrt{\tau} \unknown x", "√τunknown<i>x</i>", "√τunknownx"),
        ("<b> & {", "&lt;<i>b</i>&gt;&amp;", "<b>&"),
        ("_", "<sub></sub>", ""),
    ],
)
def test_symbols(latex, html, plain):
    assert notation.html_symbol(latex).replace("</i><i>", "") == html
    assert notation.plain_symbol(latex) == plain


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (Key(), ""),
        (Key(phase="pore", estimator="crofton", direction="0"), "pore, crofton, axis 0"),
        (Key(phase="a|b", feature="mean_length", direction="mean"), "a | b, mean length, mean of directions"),
        (Key(direction="radial"), "radial"),
    ],
)
def test_labels(labels, text):
    assert notation.described(labels) == text
