"""The adapters of porespy keep the contract, where porespy is installed."""

from __future__ import annotations

import numpy as np
import pytest

from microchar.core.errors import InputError, MissingDependencyError
from microchar.generation.catalogue import create_generator, find_generator, generator_specs
from microchar.testing import check_generator

pytestmark = pytest.mark.analytic

NAMES = [name for name in generator_specs() if name.startswith("porespy:")]


def test_they_are_listed_whether_porespy_is_there_or_not(monkeypatch):
    assert len(NAMES) == 6
    monkeypatch.setattr("microchar.generation.spec.find_spec", lambda module: None)
    with pytest.raises(MissingDependencyError, match=r"microchar\[porespy\]"):
        find_generator("porespy:blobs")


@pytest.mark.parametrize("name", NAMES)
def test_the_contract(name):
    pytest.importorskip("porespy")
    parameters = {"r": 3} if "spheres" in name or "packing" in name else {}
    if "random-spheres" in name:
        parameters["maxiter"] = 50
    if "cylinders" in name:
        parameters["ncylinders"] = 10  # in a volume this small porespy cannot estimate it from the porosity
    if "voronoi" in name:
        parameters["ncells"] = 20
    check_generator(create_generator(name, **parameters), shape=(24, 20, 16))


def test_parameters_are_those_of_the_function():
    pytest.importorskip("porespy")
    assert {"porosity", "blobiness"} <= set(create_generator("porespy:blobs").parameters())
    assert "seed" not in create_generator("porespy:cylinders").parameters()
    with pytest.raises(InputError, match="no parameter 'radius'"):
        create_generator("porespy:cylinders", radius=3)


def test_blobs_have_the_porosity_asked_for():
    pytest.importorskip("porespy")
    volume = create_generator("porespy:blobs", porosity=0.3).generate((48, 40, 32), seed=1)
    # The field is made uniform by its own ranks' normal approximation: a percent or two off.
    assert volume.values.mean() == pytest.approx(0.3, abs=0.03)


def test_what_porespy_refuses_is_an_input_error():
    pytest.importorskip("porespy")
    with pytest.raises(InputError, match=r"porespy.generators.cylinders: .*between 0 and 90|betwen"):
        create_generator("porespy:cylinders", theta_max=100).generate((40, 40, 40))


def test_a_failure_leaves_the_global_random_state_alone():
    pytest.importorskip("porespy")
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - it is the one that must not move
    with pytest.raises(InputError):
        create_generator("porespy:cylinders", theta_max=100).generate((40, 40, 40))
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
