"""Progress of parts adds up to that of the whole."""

from __future__ import annotations

import pytest

from microchar.core.progress import section, silent

pytestmark = pytest.mark.property


def test_sections_of_sections_lie_within_their_whole():
    told = []
    outer = section(lambda *what: told.append(what), 0.5, 1.0, "score: ")
    inner = section(outer, 0.0, 0.5, "glcm ")
    for fraction in (0.0, 0.5, 1.0):
        inner(fraction, "slices")
    assert told == [(0.5, "score: glcm slices"), (0.625, "score: glcm slices"), (0.75, "score: glcm slices")]


def test_what_a_progress_raises_reaches_the_caller():
    def stop(fraction, text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        section(stop, 0, 1)(0.5, "")
    assert silent(0.5, "anything") is None
