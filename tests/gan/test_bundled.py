"""The models that come with the package: small, without a trace of where they were made, and of the material."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest

from microchar.generation.models import bundled_models, load_model
from microchar_gan.tiling.tiles import blocks

#: Volume fraction of the pores in the whole scan.
PORES = {"berea": 0.196}


@pytest.mark.parametrize("name", PORES)
def test_bundled_models_are_small_and_name_no_folder(name):
    bundled = bundled_models()[name]
    content = files(bundled.package).joinpath(bundled.file).read_bytes()
    assert len(content) < 10e6
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
    field = load_model("berea").as_field()
    shape = (field.align * 9, field.align * 2, field.align)
    wholes, tiled = (np.zeros(shape, np.uint8) for _ in range(2))
    for volume, tile in ((wholes, shape), (tiled, field.align * 3)):
        for where, labels in blocks(field, shape, seed=3, tile=tile):
            volume[where] = labels
    assert 0 < wholes.mean() < 1
    np.testing.assert_array_equal(tiled, wholes)
