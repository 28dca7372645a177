"""The real volumes that come with the package: what was published, in little space, with source and licence."""

from __future__ import annotations

import numpy as np
import pytest

import microchar as mc
from microchar.core.errors import InputError

NAMES = ("berea", "cast_iron", "ketton", "nmc_cathode", "separator")


def test_all_together_are_small():
    assert sum(mc.datasets.path(name).stat().st_size for name in NAMES) < 1e6


@pytest.mark.parametrize("name", NAMES)
def test_source_and_licence_stand_beside_each(name):
    volume = getattr(mc.datasets, name)()
    assert max(volume.shape) <= 128
    text = mc.datasets.path(name).with_suffix(".txt").read_text(encoding="utf-8")
    assert "https://github.com/" in text
    assert "Copyright (c)" in text
    assert 'PROVIDED "AS IS"' in " ".join(text.split()) or 'CONTRIBUTORS "AS IS"' in " ".join(text.split())


def test_published_values():
    # The volume fractions that are stated with the data.
    pores = mc.datasets.berea().read()[:100, :100, :100] == 0
    assert pores.mean() == pytest.approx(0.203317, abs=5e-7)
    graphite = mc.datasets.cast_iron().read() == 0
    assert graphite.mean() == pytest.approx(0.113944, abs=5e-7)


@pytest.mark.realdata
@pytest.mark.parametrize("name", NAMES)
def test_they_are_pieces_of_the_published_volumes(name, real_array):
    piece = getattr(mc.datasets, name)()
    box = tuple(slice(n) for n in piece.shape)
    assert np.array_equal(piece.values, np.asarray(real_array(name))[box])


def test_an_unknown_name_is_refused():
    with pytest.raises(InputError, match="did you mean 'berea'"):
        mc.datasets.path("berae")
