"""Verdicts made up by hand: every number is chosen, so that what the report makes of them is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from microchar.core.verdict import Curve, Entry, Spread, Verdict, Word

#: Deviations of eight real pieces, in units of the scatter: their sizes are 0.25, 0.5, …, 2.
PIECES = (-0.25, 0.5, -0.75, 1.0, -1.25, 1.5, -1.75, 2.0)


def entry(metric, difference, scatter, *, word=Word.NOT_SEEN, phase="pore", title=None, curve=None, p=0.5, **others):
    """Return an entry whose standard error is 1.25 times the scatter of the real material."""
    numbers = {
        "title": title or metric.replace("_", " "),
        "difference": difference,
        "standard_error": 1.25 * scatter,
        "lower": difference - 2 * scatter,
        "upper": difference + 2 * scatter,
        "df": 20.0,
        "p": p,
        "margin": 0.1,
        "bound": abs(difference) + 2 * scatter,
        "smallest_seen": 3 * scatter,
        "real_scatter": scatter,
        "real_pieces": tuple(scatter * piece for piece in PIECES),
    }
    return Entry(metric=metric, phase=phase, word=word, curve=curve, **numbers | others)


def curve(slope=0.0, direction="mean"):
    """Return a curve exp(-x/10), the candidate `slope` times x above it, with a standard error of 0.01."""
    x = np.arange(1.0, 21.0)
    y = np.exp(-x / 10)
    error = np.full(len(x), 0.01)
    return Curve(
        unit="um",
        direction=direction,
        x=tuple(x.tolist()),
        reference=tuple(y.tolist()),
        candidate=tuple((y + slope * x).tolist()),
        standard_error=tuple(error.tolist()),
    )


def verdict(candidate="fake 1", reference="real", *, far=12.0, spread=None):
    """Return a verdict with the word "different": connection is `far` scatters away, shape 4, amount 1, surface 0.5."""
    entries = (
        entry("percolating_fraction", -0.02 * far, 0.02, word=Word.DIFFERENT, p=1e-6, scale="absolute"),
        entry("lineal_path", 0.04, 0.01, word=Word.DETECTABLE, p=1e-3, scale="absolute", curve=curve(0.002)),
        entry("two_point_correlation", 0.01, 0.01, p=0.2, scale="absolute", curve=curve()),
        entry("volume_fraction", 0.05, 0.05, p=0.4),
        entry("specific_surface_area", -0.01, 0.02, word=Word.CONSISTENT, p=0.7),
    )
    return Verdict(
        reference=reference,
        candidate=candidate,
        word=Word.DIFFERENT,
        sentence=f"{candidate} is not the same material as {reference}: percolating fraction of pore −0.24 ± 0.025.",
        why=(
            "The percolating fraction of pore differs by −0.24 ± 0.025; p < 0.001 after Holm's correction.",
            "The lineal path L/φ of pore differs by +0.04 ± 0.013; p = 0.005 after Holm's correction.",
        ),
        entries=entries,
        spread=spread,
        notes=("transport is not compared",),
    )


def like_reality(candidate, reference="real"):
    """Return a verdict with the word "no difference seen": every quantity is half a scatter away."""
    found = verdict(candidate, reference)
    entries = tuple(replace(e, difference=0.5 * e.real_scatter, word=Word.NOT_SEEN, p=0.6) for e in found.entries)
    sentence = (
        f"No difference between {candidate} and {reference} was seen; this test would have seen a difference of 15 %."
    )
    return replace(found, word=Word.NOT_SEEN, entries=entries, sentence=sentence, why=(), notes=())


def spread(ratio=0.5, samples=8):
    """Return the spread of a group that is too alike."""
    return Spread(ratio=ratio, lower=0.3 * ratio / 0.5, upper=0.8 * ratio / 0.5, samples=samples, word="too alike")
