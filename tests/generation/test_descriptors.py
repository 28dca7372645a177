"""Fits from descriptors alone: equal to those from the voxels they were measured on, and what is refused."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest

import microchar as mc
from microchar.cli.program import main
from microchar.core.errors import InputError
from microchar.core.material import Material
from microchar.core.volume import as_volume
from microchar.generation.descriptors import Descriptors
from microchar.generation.loading import load_generator
from microchar.generation.training import TrainingData
from microchar.generators.annealing import Annealing
from microchar.generators.bootstrap import Bootstrap
from microchar.generators.gaussian_field import GaussianField
from microchar.generators.gaussian_field.pair_statistics import PairStatistics, lines
from microchar.generators.shuffle import Shuffle
from microchar.metrics.two_point_correlation import TwoPointCorrelation
from microchar.testing import check_generator

pytestmark = pytest.mark.property

METRICS = ("volume_fraction", "two_point_correlation", "lineal_path")
#: An exponential decay of lag 0.3 to 0.09 and its complement's.
S2 = np.array([0.4, 0.0])[:, np.newaxis] + 0.09 + 0.21 * np.exp(-np.arange(12) / 3)


def silent(fraction, what):
    del fraction, what


def material(n_phases, voxel_size="2um"):
    fractions = (0.3,) if n_phases == 2 else (0.3, 0.25)
    made = GaussianField(correlation_length=(3.0, 4.0, 5.0), volume_fraction=fractions).generate((32, 28, 24), seed=1)
    names = dict(zip(("pore", "solid", "binder"), range(n_phases), strict=False))
    return as_volume(made, voxel_size=voxel_size, phases=names)


def measured(volume, **options):
    return mc.measure(volume, METRICS, parameters={"two_point_correlation": {"radial": False}}, **options)


@pytest.fixture(scope="module", params=[2, 3])
def volume(request):
    return material(request.param)


@pytest.fixture(scope="module")
def measurement(volume):
    return measured(volume)


def test_s2_along_the_axes_is_that_of_the_volume(volume, measurement):
    direct = PairStatistics.of(TrainingData.of(volume), silent)
    known = PairStatistics.of(TrainingData.of(measurement), silent)
    np.testing.assert_allclose(known.fractions, direct.fractions, rtol=1e-12)
    assert known.lags == direct.lags
    # Of two phases the volume's first is taken from the second, which differs by the faces; S2 is stored as float32.
    for phase in range(1, volume.n_phases):
        for a, b in zip(lines(known.s2[phase], known.lags), lines(direct.s2[phase], direct.lags), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)


def test_s2_is_that_of_every_slice_of_the_volume(volume, measurement):
    every = {axis: list(np.moveaxis(volume.values, axis, 0)) for axis in range(3)}
    of_slices = PairStatistics.of(TrainingData.from_slices(every), silent)
    known = PairStatistics.of(TrainingData.of(measurement), silent)
    assert known.lags == of_slices.lags
    np.testing.assert_allclose(known.s2, of_slices.s2, atol=1e-6)


def test_the_functions_annealing_reaches_for_are_those_of_the_volume(volume, measurement):
    direct, known = Annealing().fit(volume), Annealing().fit(measurement)
    assert np.array_equal(known.state["lags"], direct.state["lags"])
    for key in ("s2", "lineal_path", "fractions"):
        np.testing.assert_allclose(known.state[key], direct.state[key], rtol=1e-12)
    shorter = Annealing(r_max="12um").fit(measurement)
    assert shorter.state["lags"].tolist() == [6, 6, 6]
    assert np.array_equal(shorter.state["lineal_path"], known.state["lineal_path"][..., :7])


def test_the_fitted_field_shows_the_s2_it_was_given(measurement):
    field = GaussianField().fit(measurement)
    # The material is a cut field itself, and its contours are ellipsoids. The later phases have what the first leaves,
    # which in so small a volume is not what was measured of them: that differs by the faces.
    assert max(field.history["s2_error"][field.history["order"][0]]) < 0.1
    made = field.generate((48, 48, 48), seed=2)
    assert (made.phases, made.voxel_size, made.unit) == (
        measurement.volume.phases,
        measurement.volume.voxel_size,
        measurement.volume.unit,
    )


@pytest.mark.parametrize("generator", [Shuffle, GaussianField, partial(Annealing, sweeps=0.5)])
def test_contract(generator, measurement):
    check_generator(generator(), measurement)


@pytest.mark.parametrize("voxel_size", ["2um", "1um,2um,3um"])
def test_a_file_says_what_the_measurement_says(tmp_path, monkeypatch, voxel_size):
    monkeypatch.chdir(tmp_path)
    volume = material(2, voxel_size.split(","))
    found = measured(volume)
    (tmp_path / "results.json").write_text(json.dumps(found.to_dict()))
    data, expected = TrainingData.from_results("results.json"), TrainingData.from_measurement(found)
    assert data.material == expected.material == Material.of(volume)
    assert data.descriptors.describe() == expected.descriptors.describe() | {"path": "results.json"}
    assert data.kind == "descriptors"
    assert main(["fit", "gaussian-field", "results.json", "-o", "model.safetensors", "--quiet"]) == 0
    model = load_generator(tmp_path / "model.safetensors")
    assert model.history["data"] == {"kind": "descriptors"} | data.describe()
    fitted = GaussianField().fit(found)
    assert np.array_equal(model.generate((24, 24, 24), seed=1).values, fitted.generate((24, 24, 24), seed=1).values)


def test_an_image_leaves_an_axis_to_the_others():
    image = material(2).read()[:1]
    data = TrainingData.of(measured(as_volume(image)))
    assert set(data.descriptors.functions["lineal_path"]) == {1, 2}
    zeroth, first, second = lines(PairStatistics.of(data, silent).s2[1], (12, 14, 12))
    np.testing.assert_allclose(zeroth, (first[:13] + second) / 2, atol=1e-6)
    assert Annealing().fit(data).state["lags"].tolist() == [12, 14, 12]


def test_lags_that_a_mask_leaves_without_pairs_are_cut():
    mask = np.zeros((32, 28, 24), bool)
    mask[:9] = True
    data = TrainingData.of(measured(material(2), mask=mask))
    assert {axis: line.shape[1] for axis, line in data.descriptors.functions["two_point_correlation"].items()} == {
        0: 9,
        1: 15,
        2: 13,
    }
    assert data.volume_fractions()[1] == pytest.approx(material(2).read()[:9].mean())


def test_volume_fractions_that_were_not_measured_are_those_at_lag_0():
    volume = material(2)
    data = TrainingData.of(mc.measure(volume, TwoPointCorrelation(radial=False, r_max=4)))
    assert data.volume_fractions()[1] == pytest.approx(volume.values.mean(), rel=1e-12)


def test_from_parameters_to_descriptors_and_back():
    data = TrainingData.from_descriptors({"two_point_correlation": {0: S2}}, volume_fraction=[0.7, 0.3])
    assert data.material == Material(phases=("0", "1"), grey_values=(0, 1))
    made = GaussianField().fit(data).generate((64, 64, 64), seed=0).values
    for axis in range(3):
        s2 = [np.mean(made * np.roll(made, -lag, axis)) for lag in range(6)]
        # One sample of 64³ voxels of correlation length 3 differs from its ensemble by some 2e-3.
        np.testing.assert_allclose(s2, S2[1, :6], atol=0.01)


# --- refusals ----------------------------------------------------------------


def test_a_generator_that_needs_voxels_says_so(measurement):
    with pytest.raises(InputError, match="'bootstrap' is made from volume, found descriptors"):
        Bootstrap().fit(measurement)


@pytest.mark.parametrize(
    ("generator", "metrics", "missing"),
    [
        (GaussianField(), ["volume_fraction"], "'gaussian-field' needs the descriptor 'two_point_correlation'"),
        (GaussianField(), ["lineal_path"], "found lineal_path"),
        (Annealing(), ["two_point_correlation"], "'annealing' needs the descriptor 'lineal_path'"),
        (Annealing(), ["lineal_path"], "'annealing' needs the descriptor 'two_point_correlation'"),
        (Shuffle(), ["euler_characteristic"], "contains no descriptor"),
    ],
)
def test_a_missing_descriptor_is_named(generator, metrics, missing):
    with pytest.raises(InputError, match=missing):
        generator.fit(mc.measure(material(2), metrics))


def test_a_single_phase_is_refused():
    alone = as_volume(np.zeros((8, 8, 8), np.uint8), phases={"pore": 0, "solid": 1})
    with pytest.raises(InputError, match="phase 'solid' has no voxels"):
        GaussianField().fit(measured(alone))


def test_a_lag_beyond_those_measured_is_refused():
    with pytest.raises(InputError, match=r"r_max=7: 7 voxels along axis 0.*at most 5"):
        Annealing(r_max=7).fit(measured(material(2), r_max=5))


def test_functions_without_a_common_axis_are_refused():
    functions = {"two_point_correlation": {0: S2}, "lineal_path": {1: S2}}
    with pytest.raises(InputError, match="no axis in common"):
        Annealing().fit(TrainingData.from_descriptors(functions, volume_fraction=[0.7, 0.3]))


@pytest.mark.parametrize(
    ("functions", "fractions", "message"),
    [
        ({}, [0.7, 0.2], "with a sum of 1"),
        ({}, [], "expected probabilities"),
        ({}, ["a"], "expected numbers"),
        ({}, [1.3, -0.3], "between 0 and 1"),
        ({"porosity": {0: S2}}, [0.7, 0.3], "descriptor 'porosity'"),
        ({"lineal_path": {3: S2}}, [0.7, 0.3], "expected axis 0, 1 or 2"),
        ({"lineal_path": {0: S2[0]}}, [0.7, 0.3], "expected .2 phases, 2 lags or more"),
        ({"lineal_path": {0: S2[:, :1]}}, [0.7, 0.3], "expected .2 phases, 2 lags or more"),
        ({"lineal_path": {0: S2[:, 1:]}}, [0.7, 0.3], "are the lags 0, 1, … voxels"),
        ({"lineal_path": {0: S2[::-1]}}, [0.7, 0.3], "the phases in this order"),
        ({"lineal_path": {0: S2 * np.nan}}, [0.7, 0.3], "between 0 and 1 at every lag"),
    ],
)
def test_values_that_are_no_descriptors(functions, fractions, message):
    with pytest.raises(InputError, match=message):
        Descriptors(volume_fraction=fractions, functions=functions)


def test_a_material_of_other_phases():
    three = Material(phases=("a", "b", "c"), grey_values=(0, 1, 2))
    with pytest.raises(InputError, match="2 values, expected one for each of the 3 phases"):
        TrainingData.from_descriptors({}, volume_fraction=[0.7, 0.3], material=three)


def drop(record, *path):
    *most, last = path
    for key in most:
        record = record[key]
    del record[last]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.update(schema="other/1"), "schema 'other/1'"),
        (lambda r: r["volumes"].append(r["volumes"][0] | {"name": "other"}), "results of 2 volumes"),
        (lambda r: drop(r, "volumes", 0, "voxel_size"), "was the file edited"),
        (lambda r: drop(r, "volumes", 0, "phases", 0), "volume_fraction: .* expected one for each phase"),
        (lambda r: r["volumes"][0].update(unit=3, voxel_size=[1, "x", 1]), "voxel_size.*'x'"),
        (lambda r: drop(r, "results", 1, "profiles", 0), "expected one two_point_correlation of each phase"),
        (lambda r: drop(r, "results", 1, "profiles", 0, "y", 0), "as many y as x"),
        (lambda r: drop(r, "results", 1, "kind"), "was the file edited"),
    ],
)
def test_files_that_are_no_results(tmp_path, change, message):
    record = measured(material(2)).to_dict()
    change(record)
    path = tmp_path / "results.json"
    path.write_text(json.dumps(record))
    with pytest.raises(InputError, match=message) as refused:
        TrainingData.from_results(path)
    assert str(path) in str(refused.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        TrainingData.from_results(tmp_path / "none.json")
    (tmp_path / "text.json").write_text("{")
    with pytest.raises(InputError, match=r"text.json: .*expected a results.json"):
        TrainingData.from_results(tmp_path / "text.json")


def test_options_about_voxels_are_refused_with_descriptors(tmp_path, capsys):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(measured(material(2)).to_dict()))
    assert main(["fit", "shuffle", str(path), "-o", str(tmp_path / "m"), "--voxel-size", "2um"]) == 2
    assert "give --voxel-size to `microchar measure`" in capsys.readouterr().err
