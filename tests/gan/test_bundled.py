"""The models that come with the package: small, without a trace of where they were made, and of the material."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest

from microchar.generation.models import bundled_models, load_model
from microchar_gan.tiling.flow_sampling import labelled, sampled

#: Volume fraction of the pores in the whole scan.
PORES = {"berea": 0.196}


@pytest.mark.parametrize("name", PORES)
def test_bundled_models_are_small_and_name_no_folder(name):
    bundled = bundled_models()[name]
    content = files(bundled.package).joinpath(bundled.file).read_bytes()
    assert len(content) < 15e6
    path = load_model(name).history["data"]["path"]
    assert path == f"{name}.tif"


@pytest.mark.parametrize("name", PORES)
def test_bundled_models_make_their_material(name):
    made = load_model(name).generate((64, 64, 64), seed=1, periodic=(0, 1, 2))
    assert made.grey_values == (0, 255)
    pores = made.values == 0
    # Blocks of 64³ of the rock scatter by about 0.03.
    assert abs(pores.mean() - PORES[name]) < 0.06
    # Neither noise nor slabs: unlike neighbours as often as in the scan, where S2(1) is .175.
    unlike = np.mean([(pores != np.roll(pores, 1, axis)).mean() for axis in range(3)])
    assert unlike == pytest.approx(2 * (0.1965 - 0.1752), rel=0.35)


def test_tiles_of_a_trained_network_make_the_whole():
    # A trained network must not be too steep: rounding errors, which tiles change, must not grow from step to step.
    model = replace(load_model("berea")._model, half=False)
    cells = (24, 8, 8)
    whole, tiled = (sampled(model, cells, seed=3, tile=tile) for tile in (cells, (12, 8, 8)))
    first, second = (np.concatenate([b for _, b in labelled(model, state, (96, 32, 32))]) for state in (whole, tiled))
    assert 0 < first.mean() < 1
    assert np.mean(first != second) < 1e-3
