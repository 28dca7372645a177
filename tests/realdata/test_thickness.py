"""Local thickness of real volumes."""

from __future__ import annotations

import numpy as np
import pytest

import microchar as mc
from microchar.metrics import LocalThickness
from oracles import thickness as naive


def test_grains_of_berea_are_thicker_than_its_pores(real_array):
    piece = mc.as_volume(real_array("berea")[:120, :120, :120], phases=["pore", "grain"])
    found = LocalThickness()(piece)
    pore, grain = (found.profile(phase=phase, feature="cdf") for phase in ("pore", "grain"))
    n = min(len(pore.x), len(grain.x))
    assert (pore.y[:n] >= grain.y[:n]).all()
    for profile in (pore, grain):
        assert profile.y[0] == 0
        assert profile.y[-1] == 1
        assert (np.diff(profile.y) >= 0).all()


@pytest.mark.parametrize("name", ["nmc_cathode", "separator"])
def test_a_small_piece_is_that_of_slow_painting(real_array, name):
    piece = real_array(name)[30:50, 20:44, 20:44]
    volume = mc.as_volume(piece)
    found = LocalThickness()(volume)
    for phase in range(volume.n_phases):
        labels = volume.read()
        expected = naive.local_thickness(labels, phase)[labels == phase]
        value = found.value(phase=volume.phases[phase], feature="mean").value
        assert value == pytest.approx(expected.mean(), rel=1e-12)
