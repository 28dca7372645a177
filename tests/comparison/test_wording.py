"""Sentences: what a difference means, its number, and the scatter of the real material."""

import numpy as np
import pytest

from microchar.comparison.entries import entry_of, logit, of_logit
from microchar.comparison.estimate import Estimate
from microchar.comparison.wording import conclusion, measured_difference
from microchar.core.result import Key
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


@pytest.mark.property
@pytest.mark.parametrize(
    ("difference", "error", "scale", "text"),
    [
        (-0.00000049, 0.084, "relative", "−0.0 ± 8.4 %"),
        (0.053, 0.12, "relative", "+5 ± 12 %"),
        (0.0123, 0.031, "absolute", "+0.012 ± 0.031"),
        (-0.9, 0.025, "absolute", "−0.9 ± 0.025"),
    ],
)
def test_a_difference_within_its_error_has_no_more_decimals(difference, error, scale, text):
    assert measured_difference(entry("volume_fraction", difference, standard_error=error, scale=scale)) == text


@pytest.mark.property
def test_a_share_without_scatter_is_not_among_what_would_have_been_seen():
    found = [
        entry("percolating_fraction", 0.0, scale="absolute", smallest_seen=0.0, word=Word.NOT_SEEN),
        entry("volume_fraction", 0.01, smallest_seen=0.2, word=Word.NOT_SEEN),
    ]
    _, sentence, _ = conclusion("real", "fake", found, 9.0, 10.0)
    assert sentence.endswith("this test would have seen a difference of 20 % in volume fraction of pore.")


@pytest.mark.analytic
def test_the_error_of_a_difference_of_shares_is_that_of_the_shares():
    rng = np.random.default_rng(0)
    shares = [np.clip(rng.normal(mean, 0.02, (200, 1)), 0, 1) for mean in (0.9, 0.5)]
    pair = tuple(Estimate.of_samples(logit(share)) for share in shares)
    scale = of_logit(pair[0])
    found = entry_of("percolating_fraction", Key(phase="pore"), pair, pair, scale, margin=0.02, adjusted=False)
    assert found.difference == pytest.approx(-0.4, abs=0.01)
    assert found.standard_error == pytest.approx(0.02 * (2 / 200) ** 0.5, rel=0.1)


@pytest.mark.analytic
def test_the_interval_of_a_share_near_its_end_is_as_wide_as_the_error_of_the_other_side():
    rng = np.random.default_rng(0)
    shares = [np.clip(rng.normal(mean, 0.2, (27, 1)), 0, 1) for mean in (0.5, -1.0)]
    pair = tuple(Estimate.of_samples(logit(share)) for share in shares)
    found = entry_of("percolating_fraction", Key(), pair, pair, of_logit(pair[0]), margin=0.02, adjusted=False)
    assert found.lower == pytest.approx(-shares[0].mean(), abs=0.1)  # a share cannot be negative
    assert found.upper > found.difference + 1.6 * found.standard_error
