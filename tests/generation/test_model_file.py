"""Model files: round trips, and refusal of all other files before their content is used."""

from __future__ import annotations

import json
import pickle
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from safetensors.numpy import save

from microchar.core import files
from microchar.core.errors import InputError, MicrocharError
from microchar.core.volume import as_volume
from microchar.generation.catalogue import GENERATORS
from microchar.generation.fitted_state import Layout
from microchar.generation.generator import Generator
from microchar.generation.loading import load_generator, save_generator
from microchar.generation.spec import GeneratorSpec
from microchar.generation.training import TrainingData
from microchar.generators.gaussian_field import GaussianField
from microchar.generators.gaussian_field.spectrum import nearest_spectrum
from microchar.generators.shuffle import Shuffle

pytestmark = pytest.mark.property


@pytest.fixture
def model(tmp_path):
    """Give the file of a fitted model."""
    labels = np.random.default_rng(0).integers(0, 3, (8, 8, 8)) * 100
    volume = as_volume(labels, phases=("pore", "binder", "grain"), voxel_size="1,2,3um")
    Shuffle().fit(volume, seed=7).save(tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def parts(path: Path) -> tuple[dict, dict]:
    """Return the metadata and the arrays of a model."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        return json.loads(file.metadata()["microchar"]), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118


def rewrite(path: Path, arrays: dict, about: dict | str | None) -> None:
    text = about if isinstance(about, str) else json.dumps(about)
    path.write_bytes(save(arrays, None if about is None else {"microchar": text}))


def refused(path: Path, message: str, **arguments) -> None:
    """Check that the file is refused with this message, which also names the file."""
    with pytest.raises(InputError, match=message) as caught:
        load_generator(path, **arguments)
    assert path.name in str(caught.value)


def test_round_trip(model):
    loaded = load_generator(model)
    assert isinstance(loaded, Shuffle)
    assert loaded.material.phases == ("pore", "binder", "grain")
    assert loaded.material.grey_values == (0, 100, 200)
    assert loaded.material.voxel_size == (1.0, 2.0, 3.0)
    assert loaded.material.unit == "um"
    assert loaded.history["seed"] == 7
    assert re.fullmatch("[0-9a-f]{64}", loaded.history["data"]["sha256"])
    about, arrays = parts(model)
    assert {"microchar", "numpy", "python"} <= set(about["versions"])
    assert np.array_equal(loaded.state["fractions"], arrays["fractions"])
    made = loaded.generate((4, 5, 6), seed=1)
    assert made.unit == "um"
    assert set(np.unique(made.values)) <= {0, 100, 200}


def test_a_model_may_be_read_by_whom_other_files_may(model):
    other = model.with_name("other")
    other.touch()
    assert model.stat().st_mode == other.stat().st_mode


def test_models_of_equal_fits_are_equal_files(model):
    first = model.read_bytes()
    load_generator(model).save(model)
    assert model.read_bytes() == first


@dataclass(kw_only=True)
class Odd(Generator):
    """Parameters and arrays of every kind that a file must bring back as they were."""

    spec: ClassVar[GeneratorSpec] = GeneratorSpec(
        id="odd", factory=f"{__name__}:Odd", title="", summary="", inputs=("volume",)
    )
    layout: ClassVar[Layout] = {"scalar": ("float64", ()), "turned": ("int16", ("n", None)), "none": ("bool", ("n", 0))}

    nested: tuple = ((1, 2.5), ("a", None))

    def learn(self, data, rng, progress):
        state = {"scalar": np.array(2.5), "turned": np.arange(6, dtype=np.int16).reshape(2, 3).T}
        return state | {"none": np.zeros((3, 0), bool)}

    def make(self, shape, rng, periodic, progress):
        raise NotImplementedError


def test_any_parameters_and_arrays_come_back(tmp_path, monkeypatch):
    monkeypatch.setitem(vars(GENERATORS), "plugins", {**GENERATORS.plugins, "odd": Odd.spec})
    odd = Odd().fit(np.eye(8)[None].repeat(8, 0).astype(int))
    odd.save(tmp_path / "odd")
    loaded = load_generator(tmp_path / "odd")
    assert loaded == odd
    assert loaded.nested == odd.nested
    for key, array in odd.state.items():
        assert loaded.state[key].shape == array.shape
        assert np.array_equal(loaded.state[key], array)


@pytest.mark.parametrize("keep", [0, 1, 7, 8, 9, 100, -1, -8])
def test_truncated(model, keep):
    model.write_bytes(model.read_bytes()[:keep])
    refused(model, "truncated, or not a safetensors file")


def test_a_header_longer_than_the_file(model):
    model.write_bytes(struct.pack("<Q", 2**40) + model.read_bytes()[8:])
    refused(model, "truncated, or not a safetensors file")


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_version_is_refused_by_name(model, version):
    about, arrays = parts(model)
    rewrite(model, arrays, {**about, "format": version})
    refused(model, f"model format {version!r}, expected 1; fit again, or update microchar")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"fractions": np.ones(3, np.float32)}, r"array 'fractions' is float32 of shape \(3,\), expected float64"),
        ({"fractions": np.ones((3, 1))}, r"is float64 of shape \(3, 1\), expected float64 of shape \('phase',\)"),
        ({"fractiones": np.ones(3)}, r"missing 'fractions'; extra 'fractiones'"),
        ({"fractions": np.ones(3), "more": np.ones(3)}, r"missing none; extra 'more'"),
        ({}, r"missing 'fractions'"),
    ],
)
def test_other_arrays_are_refused(model, arrays, message):
    about, _ = parts(model)
    rewrite(model, arrays, about)
    refused(model, message)


def test_shapes_are_checked_before_anything_is_allocated(model, monkeypatch):
    from safetensors import safe_open

    about, _ = parts(model)
    rewrite(model, {"fractions": np.ones((64, 64))}, about)

    class Unread:
        def __init__(self, *arguments, **named):
            self.file = safe_open(*arguments, **named)

        def __enter__(self):
            return self.file.__enter__() and self

        def __exit__(self, *exception):
            return self.file.__exit__(*exception)

        def __getattr__(self, name):
            assert name != "get_tensor", "an array was read before its shape was checked"
            return getattr(self.file, name)

    monkeypatch.setattr("safetensors.safe_open", Unread)
    refused(model, "shape")


def test_larger_than_the_cap(model, monkeypatch):
    size = model.stat().st_size
    refused(model, f"{size} bytes, expected at most {size - 1} for a model", max_bytes=size - 1)
    assert load_generator(model, max_bytes=size).state
    monkeypatch.setattr(Path, "open", lambda *a, **k: pytest.fail("a file that is too large was opened"))
    refused(model, "expected at most 10", max_bytes=10)


def test_a_header_whose_length_begins_like_a_pickle_is_none(model):
    about, arrays = parts(model)
    lengths = set()
    for padding in range(0, 256, 8):
        rewrite(model, arrays, {**about, "history": {"padding": "x" * padding}})
        assert load_generator(model).history == {"padding": "x" * padding}
        lengths.add(model.read_bytes()[0])
    assert 0x80 in lengths


class Bomb:
    """What must never happen when a model is loaded."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was run",))


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_is_not_opened(model, protocol):
    model.write_bytes(pickle.dumps(Bomb(), protocol))
    refused(model, "pickle" if protocol >= 2 else "not a safetensors file")


def test_a_torch_file_is_not_opened(model):
    import zipfile

    with zipfile.ZipFile(model, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Bomb()))
    refused(model, "looks like a pickle")


def test_a_safetensors_file_of_somebody_else(model):
    rewrite(model, {"weight": np.ones(3)}, None)
    refused(model, "not a model that microchar wrote")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parameters": []}, "'parameters' is missing in its metadata or has a wrong type"),
        ({"history": None}, "'history' is missing"),
        ({"generator": 3}, "'generator' is missing"),
        ({"material": {"phases": ["a"]}}, "do not describe"),
        ({"material": {"phases": ["a"], "grey_values": [0, 1], "voxel_size": [1, 1, 1], "unit": "um"}}, "in number"),
        (
            {"material": {"phases": ["a"], "grey_values": ["0"], "voxel_size": [1, 1, 1], "unit": "um"}},
            "do not describe",
        ),
        ({"material": {"phases": ["a"], "grey_values": [0], "voxel_size": [1, 1], "unit": "um"}}, "do not describe"),
        ({"material": {"phases": ["a"], "grey_values": [0], "voxel_size": [1, 0, 1], "unit": "um"}}, "greater than 0"),
        (
            {"material": {"phases": ["a"], "grey_values": [0], "voxel_size": [1, 1e999, 1], "unit": "um"}},
            "no finite number",
        ),
        ({"material": {"phases": ["a"], "grey_values": [0], "voxel_size": [1, 1, 1], "unit": "ell"}}, "unit 'ell'"),
        ({"material": {"phases": ["a"], "grey_values": [2**70], "voxel_size": [1, 1, 1], "unit": "um"}}, "64 bits"),
        (
            {"material": {"phases": ["a", "b"], "grey_values": [7, 7], "voxel_size": [1, 1, 1], "unit": "um"}},
            "ascending",
        ),
        ({"material": None}, "has fitted arrays but no 'material'"),
    ],
)
def test_metadata_of_a_wrong_kind(model, change, message):
    about, arrays = parts(model)
    rewrite(model, arrays, {**about, **change})
    refused(model, message)


@pytest.mark.parametrize("key", ["generator", "parameters", "material", "history"])
def test_metadata_missing(model, key):
    about, arrays = parts(model)
    del about[key]
    rewrite(model, arrays, about)
    refused(model, f"{key!r} is missing")


@pytest.mark.parametrize("text", ["{", "[]", "3", '"format"'])
def test_metadata_that_are_no_model(model, text):
    rewrite(model, parts(model)[1], text)
    refused(model, "not valid JSON|model format None")


def test_a_generator_that_is_not_installed(model):
    about, arrays = parts(model)
    rewrite(model, arrays, {**about, "generator": "shufle"})
    with pytest.raises(InputError, match="unknown generator 'shufle': did you mean 'shuffle'"):
        load_generator(model)


def test_a_parameter_that_the_generator_does_not_have(model):
    about, arrays = parts(model)
    rewrite(model, arrays, {**about, "parameters": {"radius": 3}})
    with pytest.raises(InputError, match="'shuffle' has no parameter 'radius'"):
        load_generator(model)


def test_another_kind_of_generator_than_asked_for(model):
    with pytest.raises(InputError, match=r"model\.safetensors: holds a 'shuffle' generator, expected Odd"):
        Odd.load(model)


def test_no_such_file(tmp_path):
    refused(tmp_path / "model.safetensors", "no such file")
    refused(tmp_path, "no such file")


def test_nothing_is_half_written(model, monkeypatch):
    before = model.read_bytes()
    other = Shuffle().fit(TrainingData.of(np.eye(8)[None].repeat(8, 0).astype(int)))

    def fail(*arguments):
        raise OSError("no space left on device")

    monkeypatch.setattr(files.os, "replace", fail)
    with pytest.raises(MicrocharError, match=r"model\.safetensors: cannot be written"):
        save_generator(other, model)
    assert model.read_bytes() == before
    assert list(model.parent.iterdir()) == [model]


def test_saving_into_no_folder(tmp_path):
    with pytest.raises(InputError, match=r"the folder .*not_there does not exist"):
        Shuffle().save(tmp_path / "not_there" / "model.safetensors")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"name": "x"}, "no parameter 'name'"),
        ({"covariance": 3}, "the parameter 'covariance' is 3"),
        ({"correlation_length": "long"}, "the parameter 'correlation_length' is 'long'"),
        ({"correlation_length": [1, None, 2]}, "the parameter 'correlation_length'"),
        ({"exact_fraction": "yes"}, "the parameter 'exact_fraction' is 'yes'"),
    ],
)
def test_parameters_of_other_names_and_types_are_refused(tmp_path, parameters, message):
    path = tmp_path / "model.safetensors"
    GaussianField().save(path)
    about, arrays = parts(path)
    rewrite(path, arrays, about | {"parameters": about["parameters"] | parameters})
    refused(path, message)


def test_metadata_nested_without_end_are_refused(model):
    about, arrays = parts(model)
    text = json.dumps(about | {"history": {"a": 0}}).replace('"a": 0', '"a": ' + "[" * 100_000 + "]" * 100_000)
    rewrite(model, arrays, text)
    refused(model, "nested more than 64 deep")


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        ("covariance", lambda array: array * 3e37, "covariances exceed 1"),
        ("covariance", lambda array: array * 0.5, "not 1 at lag 0"),
        ("covariance", lambda array: array[:, :0], "covariances exceed 1"),
        ("fractions", lambda array: array * 0 - 1, "volume fractions"),
        ("fractions", lambda array: array * 0 + 1, "volume fractions"),
        ("order", lambda array: array + 7, "cuts the phases"),
    ],
)
def test_arrays_that_no_fit_gives_are_refused(tmp_path, key, change, message):
    path = tmp_path / "model.safetensors"
    GaussianField().fit(np.indices((12, 12, 12)).sum(0) // 3 % 2).save(path)
    load_generator(path)
    about, arrays = parts(path)
    rewrite(path, arrays | {key: np.ascontiguousarray(change(arrays[key]))}, about)
    refused(path, message)


def test_a_projection_of_any_covariance_ends():
    rho = np.random.default_rng(0).normal(size=(8, 8, 8)).astype(np.float32)
    for scale in (1e30, 1e37, np.inf, np.nan):
        with np.errstate(all="ignore"):
            assert nearest_spectrum(rho * np.float32(scale)).shape == (8, 8, 5)
