"""What tests of scores share: blocks of a real volume, measured once."""

from __future__ import annotations

import pytest

from blobs import CUBE, blobs
from microchar.comparison.held_out import HeldOut


@pytest.fixture(scope="session")
def held_out():
    """Give eight blocks of one volume of the process."""
    return HeldOut(blobs((48, 48, 48), 0), CUBE)
