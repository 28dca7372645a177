"""The truths that the curves of the metric pages are drawn against."""

import itertools
import math
import sys

import numpy as np
import pytest

import microchar as mc
from conftest import ROOT
from microchar import metrics


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "pictures"))
    yield
    for name in ("convergence", "samples", "studies"):
        sys.modules.pop(name, None)


def test_all_metrics_have_a_curve_but_the_one_without_a_truth():
    from studies import STUDIES

    assert set(metrics.metric_names()) - set(STUDIES) == {"ssim"}
    assert all(study.reading and study.measured for study in STUDIES.values())


@pytest.mark.analytic
def test_the_deviation_in_windows_is_that_of_the_mean_of_correlated_voxels():
    from samples import VOID, WINDOW, s2_of_spheres, window_deviation

    places = np.array(list(itertools.product(range(WINDOW), repeat=3)))
    lags = np.linalg.norm(places[:, None] - places[None], axis=2)
    covariance = np.vectorize(s2_of_spheres)(lags) - VOID**2
    assert window_deviation() == pytest.approx(math.sqrt(covariance.mean()), rel=1e-12)
    assert s2_of_spheres(0) == VOID
    assert s2_of_spheres(100) == pytest.approx(VOID**2)


@pytest.mark.property
def test_the_separate_spheres_are_as_many_as_stated_and_do_not_touch():
    from samples import LARGE, SPHERES, large_array

    found = mc.measure(large_array(), ["cluster_density"], periodic=(0, 1, 2), errors=False)["cluster_density"]
    assert found.value(phase="spheres").value * LARGE**3 == pytest.approx(SPHERES)


@pytest.mark.property
def test_windows_are_cut_from_the_large_field():
    from samples import LARGE, large_field, window_of_field

    whole = np.tile(large_field(0).read(), 2)
    for seed, (plane, row, column) in enumerate([(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0)]):
        half = LARGE // 2
        box = (slice(half * plane, half * plane + 9), slice(half * row, half * row + 9))
        expected = whole[(*box, slice(half * column, half * column + 9))]
        assert (window_of_field(9, seed).read() == expected).all()


@pytest.mark.analytic
def test_errors_are_relative_to_the_truth_unless_it_is_zero():
    from convergence import Curve

    half = mc.as_volume(np.repeat([0, 1], 32).reshape(4, 4, 4))
    curve = {"label": "", "volume": lambda size, seed: half, "key": {"phase": "1"}}
    assert Curve(exact=lambda size: 0.4, **curve).errors("volume_fraction", 4) == pytest.approx([0.25])
    assert Curve(exact=lambda size: 0.0, **curve).errors("volume_fraction", 4) == pytest.approx([0.5])
