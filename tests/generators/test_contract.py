"""Every built-in generator fulfils the contract, from volumes and slices, and is listed without being imported."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from microchar.core.errors import InputError
from microchar.core.volume import as_volume
from microchar.generation.catalogue import create_generator, generator_specs
from microchar.generation.training import TrainingData
from microchar.testing import check_generator
from microchar.testing.volumes import overlapping_spheres

pytestmark = pytest.mark.property

BUILT_IN = {
    name: spec
    for name, spec in generator_specs().items()
    if spec.factory.startswith("microchar.") and not spec.missing()
}
SHAPE = (24, 20, 16)
#: Defaults are for volumes of a useful size.
PARAMETERS = {
    "porespy:cylinders": {"r": 1, "ncylinders": 20, "porosity": None},
    "porespy:voronoi-edges": {"ncells": 20},
}


def two_phases():
    """Spheres of a few voxels: structure that is much smaller than the volume."""
    return overlapping_spheres((32, 28, 24), radius=2.5, void_fraction=0.6, seed=0, voxel_size="2um")


def three_phases():
    labels = two_phases().read()
    shifted = np.roll(labels, 5, axis=0)
    return as_volume(np.where(labels == 1, 2, shifted) * 100, voxel_size="1,1,2um", phases=("pore", "binder", "grain"))


def masked():
    """A train/test split: nothing beyond the mask may be learnt from."""
    volume = two_phases()
    inside = np.ones(volume.shape, bool)
    inside[24:] = False
    return as_volume(volume.values, mask=inside)


def sliced(volume):
    labels = volume.read()
    middle = [n // 2 for n in labels.shape]
    return TrainingData.from_slices({axis: [labels.take(middle[axis], axis)] for axis in range(3)})


def make(name):
    return create_generator(name, **PARAMETERS.get(name, {}))


def training(spec):
    """What a generator of that spec can be fitted to, by name."""
    data = {}
    if "volume" in spec.inputs:
        data |= {"two phases": two_phases(), "masked": masked()}
        if spec.phases[1] >= 3:
            data["three phases"] = three_phases()
    if "slices" in spec.inputs:
        data["three slices"] = sliced(two_phases())
    if "parameters" in spec.inputs:
        data["parameters"] = None
    return data


CASES = [(name, what) for name, spec in BUILT_IN.items() for what in training(spec)]


@pytest.mark.parametrize(("name", "what"), CASES, ids=[f"{name}-{what}" for name, what in CASES])
def test_contract(name, what):
    check_generator(make(name), training(BUILT_IN[name])[what], shape=SHAPE)


@pytest.mark.parametrize("name", [name for name, spec in BUILT_IN.items() if 2 in spec.ndim])
def test_contract_in_two_dimensions(name):
    spec = BUILT_IN[name]
    data = None
    if "slices" in spec.inputs:
        data = overlapping_spheres((8, 64, 56), radius=2.5, void_fraction=0.6, seed=0).read()[4]
    elif "volume" in spec.inputs:
        data = two_phases()
    check_generator(make(name), data, shape=(40, 36))


@pytest.mark.parametrize("name", [name for name, spec in BUILT_IN.items() if "volume" in spec.inputs])
def test_what_lies_outside_the_mask_is_not_learnt_from(name):
    volume = two_phases()
    inside = np.zeros(volume.shape, bool)
    inside[:20] = True
    other = volume.values.copy()
    other[20:] = 1 - other[20:]
    first, second = (create_generator(name).fit(as_volume(values, mask=inside)) for values in (volume.values, other))
    assert first.state.keys() == second.state.keys()
    for key, array in first.state.items():
        assert np.array_equal(array, second.state[key]), key


@pytest.mark.parametrize("name", [name for name, spec in BUILT_IN.items() if "volume" in spec.inputs])
def test_a_phase_without_voxels_is_refused(name):
    with pytest.raises(InputError, match=r"has no voxels in the training data|needs 2.* phases"):
        create_generator(name).fit(as_volume(np.zeros((16, 16, 16), np.uint8), phases={"pore": 0, "solid": 1}))


@pytest.mark.parametrize("name", BUILT_IN)
def test_unknown_parameters_are_refused(name):
    with pytest.raises(InputError, match=f"generator '{name}' has no parameter 'no_such_parameter'; it has "):
        create_generator(name, no_such_parameter=1)


@pytest.mark.parametrize("seed", [-1, 0.5, True, None])
def test_seeds_are_whole_numbers(seed):
    with pytest.raises(InputError, match="seed="):
        create_generator("shuffle").fit(two_phases(), seed=seed)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"shape": 64}, "shape=64: expected two or three lengths"),
        ({"shape": (9.5, 9, 9)}, r"shape=\(9.5, 9, 9\): expected two or three lengths"),
        ({"shape": (9, 9, 9), "periodic": 0}, "periodic=0: expected the numbers of axes"),
        (
            {"shape": (9, 9, 9), "periodic": (True, False, True)},
            r"periodic=\(True, False, True\): expected the numbers",
        ),
    ],
)
def test_shapes_and_axes_are_sequences_of_whole_numbers(asked, message):
    with pytest.raises(InputError, match=message):
        create_generator("overlapping-spheres").generate(**asked)


def test_a_path_is_no_data():
    with pytest.raises(InputError, match=r"'real\.tif', expected an array; read volumes by read_volume"):
        create_generator("shuffle").fit("real.tif")


def test_specs_are_read_without_importing_anything_heavy():
    code = """
import sys
from microchar.generation.catalogue import generator_specs
names = list(generator_specs())
assert "shuffle" in names, names
heavy = {"numba", "scipy", "torch", "porespy", "pandas", "matplotlib", "skimage", "safetensors"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_help_imports_nothing_heavy():
    code = """
import sys
from microchar.cli.program import main
try:
    main(["generate", "--help"])
except SystemExit:
    pass
heavy = {"numpy", "numba", "scipy", "torch", "porespy", "pandas"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
