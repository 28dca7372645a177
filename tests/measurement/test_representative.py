"""Integral range and representative volume on media where both are known."""

import numpy as np
import pytest

import microchar as mc
from microchar.cli.program import main
from microchar.measurement.representative import integral_range, representative_volumes


def blocks(edge, n, seed):
    """Independent cubes of `edge` voxels: the integral range is their edge."""
    small = np.random.default_rng(seed).random((n // edge,) * 3) < 0.4
    return np.kron(small, np.ones((edge,) * 3, np.uint8)).astype(np.uint8)


@pytest.mark.analytic
@pytest.mark.parametrize("edge", [1, 2])
def test_the_integral_range_of_cubes_is_their_edge(edge):
    found = []
    for seed in range(30):
        volume = mc.as_volume(blocks(edge, 32, seed), voxel_size="2um")
        fractions = mc.measure(volume, ["volume_fraction"])["volume_fraction"]
        found.append(integral_range(volume, fractions)["1"] ** 3)
    # A variance is some 20 % too large on the mean, because a flat spectrum may be taken for a falling one.
    assert 0.9 < np.mean(found) / (2 * edge) ** 3 < 1.5


@pytest.mark.analytic
def test_the_edge_for_an_accuracy():
    volume = mc.as_volume(blocks(2, 48, 1))
    fractions = mc.measure(volume, ["volume_fraction"])["volume_fraction"]
    for one in representative_volumes(volume, fractions, 0.02):
        value = fractions.value(phase=one.phase)
        # The standard error falls with the square root of the volume.
        expected = 48 * (value.standard_error / value.value / 0.02) ** (2 / 3)
        assert one.edge == pytest.approx(expected, rel=1e-9)
        assert one.accuracy == pytest.approx(value.standard_error / value.value, rel=1e-12)


@pytest.mark.property
def test_the_option_of_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", blocks(2, 32, 1))
    ask = ["measure", "a.npy", "--metrics", "volume_fraction", "-o", "out", "--voxel-size", "2um"]
    assert main([*ask, "--rve", "5%"]) == 0
    assert "5 % needs an edge of" in capsys.readouterr().out
    assert main([*ask, "--rve", "5%", "--no-errors"]) == 2
    with pytest.raises(SystemExit):
        main([*ask, "--rve", "0"])
