"""The anisotropy index: published tables and layers."""

from __future__ import annotations

from math import log, sqrt

import numpy as np
import pytest

from microchar.metrics import AnisotropyIndex, Glcm
from microchar.metrics.anisotropy_index import index_of, scale_free_index_of

pytestmark = pytest.mark.analytic

#: Published features (contrast, homogeneity, energy, entropy) along three directions, and the index that follows.
#: Two of the printed indices differ from their own tables in the last digits, by rounding of the table.
TABLES = {
    "berea": ([[767.695, 0.869, 0.667, 2.956], [786.904, 0.866, 0.690, 2.943], [801.069, 0.863, 0.701, 2.950]], 16.75),
    "ketton": (
        [[1168.381, 0.856, 0.723, 2.952], [1097.543, 0.863, 0.729, 2.840], [1153.762, 0.857, 0.723, 2.945]],
        37.40,
    ),
    "white cast iron": (
        [[1639.290, 0.718, 0.507, 5.239], [1461.695, 0.756, 0.597, 4.578], [1587.715, 0.732, 0.552, 4.978]],
        91.36,
    ),
    "Cu-Zn": ([[0.070, 0.965, 0.665, 1.352], [0.083, 0.959, 0.677, 1.353], [2697.677, 0.749, 0.496, 4.724]], 1557.5),
    "NMC": (
        [[1589.011, 0.681, 0.449, 6.175], [1531.274, 0.693, 0.460, 5.983], [1480.242, 0.696, 0.461, 5.941]],
        54.42,
    ),
}


def layers():
    array = np.zeros((6, 8, 8), int)
    array[::2] = 1
    return array


@pytest.mark.parametrize("name", TABLES)
def test_anisotropy_index_of_published_tables(name):
    table, published = TABLES[name]
    # Half a unit of the last digit given.
    assert index_of(table) == pytest.approx(published, abs=0.05 if published > 1000 else 0.005)


def test_the_scale_free_index_does_not_depend_on_the_scale_of_a_feature():
    table = np.array(TABLES["berea"][0])
    assert scale_free_index_of(table * [7, 1, 0.1, 3]) == pytest.approx(scale_free_index_of(table), rel=1e-12)


def test_anisotropy_of_layers():
    found = AnisotropyIndex()(layers())
    # One value x and twice y: the variance over three directions is (x - y)² / 3.
    gaps = [255**2 * 3 / 4, 1 - (1 + 3 / (1 + 255**2)) / 4, 1 / 2, log(2)]
    index = found.value(estimator="8-bit")
    assert index.value == pytest.approx(sqrt(sum(gap**2 for gap in gaps) / 3), rel=1e-12)
    assert index.message.startswith("anisotropic")


def test_a_volume_of_one_phase_is_isotropic():
    found = AnisotropyIndex()(np.zeros((4, 4, 4), int))
    assert [value.value for value in found.values] == [0, 0]
    assert found.value(estimator="8-bit").message.startswith("isotropic")


def test_an_image_has_texture_and_no_anisotropy_index():
    image = np.arange(48).reshape(6, 8) % 2
    assert {value.direction for value in Glcm()(image).values} == {"0"}
    assert AnisotropyIndex()(image).status == "not_applicable"
