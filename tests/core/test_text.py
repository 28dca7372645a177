"""Pieces of messages."""

from __future__ import annotations

import pytest

from microchar.core.text import by, did_you_mean

pytestmark = pytest.mark.property


def test_only_a_near_name_is_suggested():
    known = ("lineal_path", "glcm", "ssim")
    assert did_you_mean("glmc", known) == "did you mean 'glcm'? "
    assert did_you_mean("porosity", known) == ""
    assert did_you_mean("glcm", ()) == ""


def test_sizes_are_written_without_needless_digits():
    assert by((1, 20, 300)) == "1 × 20 × 300"
    assert by((0.398, 1.0, 2.5)) == "0.398 × 1 × 2.5"
