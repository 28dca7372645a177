"""Tortuosity factors of real volumes against TauFactor's."""

from __future__ import annotations

import numpy as np
import pytest

import microchar as mc
from microchar.diffusion import solve


@pytest.mark.parametrize(("axis", "expected"), [(0, 4.116), (1, 5.010), (2, 5.424)])
def test_berea_corner_agrees_with_taufactor(real_array, axis, expected):
    pore = (real_array("berea")[:100, :100, :100] == 0).astype(np.uint8)
    found = solve(pore, (0, 1), axis=axis)
    # The expected values are TauFactor's at its default tolerance, good to about 1e-3.
    assert found.conducting_fraction / found.value == pytest.approx(expected, rel=2e-3)
    assert found.percolating_fraction == pytest.approx(0.202057, abs=1e-6)
    assert found.gap <= 1e-3


def test_taufactor_as_a_backend(real_array):
    pytest.importorskip("taufactor")
    volume = mc.as_volume(np.asarray(real_array("berea")[:32, :40, :40]), phases=["pore", "grain"])
    own = mc.metrics.EffectiveDiffusivity(axes=(0,), conducting=("pore",))
    peer = mc.metrics.EffectiveDiffusivity(axes=(0,), conducting=("pore",), backend="taufactor", tolerance=1e-4)
    expected = own(volume).value(feature="")
    found = peer(volume).value(feature="")
    assert found.value == pytest.approx(expected.value, rel=2e-3)
    assert found.lower is None


@pytest.mark.parametrize(
    ("name", "size", "expected"),
    # TauFactor's: Ketton and Berea 400³ as handed down to us; Berea 200³ from one run of ours (1.2.1), which stopped at
    # 2000 iterations with conv_crit 2e-3: its agreement to 1e-3 is a cross-check, not a converged reference.
    [("berea", 200, 0.03366), ("ketton", 256, 0.022568), ("berea", 400, 0.039609)],
)
def test_rocks_agree_with_taufactor(real_array, name, size, expected):
    pore = (real_array(name)[:size, :size, :size] == 0).astype(np.uint8)
    found = solve(pore, (0, 1), threads=2)
    assert found.status == "ok"
    assert found.gap <= 1e-3
    assert found.value == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_two_conducting_phases_of_cast_iron(real_array, axis):
    iron = (real_array("cast_iron") == 182).astype(np.uint8)
    found = solve(iron, (129, 80.4), axis=axis, tolerance=1e-4)
    # chfem, periodic along the axis of transport too, so the same to a per cent.
    assert found.value == pytest.approx(85.2493, rel=0.01)
    # Between the layers in series and in parallel, which hold for any medium.
    phi = iron.mean()
    assert 1 / ((1 - phi) / 129 + phi / 80.4) < found.lower
    assert found.upper < (1 - phi) * 129 + phi * 80.4
