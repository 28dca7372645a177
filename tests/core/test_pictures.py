"""Pictures survive their text."""

from __future__ import annotations

import numpy as np
import pytest

from microchar.core.pictures import decode, encode

pytestmark = pytest.mark.oracle


def test_pictures_survive_their_text():
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(decode(encode(pixels)), pixels)
