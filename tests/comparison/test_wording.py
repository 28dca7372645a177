"""Sentences: what a difference means, its number, and the scatter of the real material."""

import pytest

from microchar.comparison.entries import of_logit
from microchar.comparison.estimate import Estimate
from microchar.comparison.wording import conclusion
from microchar.core.verdict import Entry, Word


def entry(metric, difference, **details):
    numbers = {"standard_error": abs(difference) / 10, "lower": difference, "upper": difference, "df": 9.0, "p": 1e-6}
    words = {"word": Word.DIFFERENT, "phase": "pore", "margin": 0.1, "bound": 1.0, "smallest_seen": 1.0}
    return Entry(metric=metric, difference=difference, **{**numbers, **words, **details})


@pytest.mark.property
def test_the_sentence_says_what_differs_and_how_much_real_pieces_do():
    found = [
        entry("effective_diffusivity", -0.53, standard_error=0.06, real_scatter=0.12),
        entry("volume_fraction", 0.21, standard_error=0.02),
    ]
    word, sentence, _ = conclusion("real", "fake", found, 9.0, 10.0)
    assert word is Word.DIFFERENT
    assert sentence == (
        "fake is not the same material as real: its pore conducts less (effective diffusivity of pore −53 ± 6 %; "
        "real pieces scatter by 12 %); volume fraction of pore +21 ± 2 %."
    )


@pytest.mark.property
def test_profiles_and_old_results_have_the_number_alone():
    (sentence,) = [conclusion("real", "fake", [entry("lineal_path", 0.2, scale="absolute")], 9.0, 10.0)[1]]
    assert sentence == "fake is not the same material as real: lineal path L/φ of pore +0.2 ± 0.02."


@pytest.mark.analytic
def test_the_error_of_a_share_is_that_at_the_candidate():
    scale = of_logit(Estimate.of_samples([[4.0], [4.0]]))
    # At one half the slope of the logistic function is 1/4, at its end nearly 0.
    assert scale.size(0.1, -4.0) == pytest.approx(0.1 / 4, rel=0.02)
    assert scale.size(0.1) < 0.1 / 40
