"""Volumes around a given slice: it is in them, what is around it fits to it, and what cannot be held is refused."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

import microchar as mc
from gan.trainings import flow_model_of
from microchar.cli.program import main
from microchar_gan.flow import SdfFlow
from microchar_gan.tiling import flow_sampling
from microchar_gan.tiling.flow_sampling import labelled, sampled
from microchar_gan.tiling.held_slice import HeldSlice


@pytest.fixture(scope="module")
def rock(field):
    return field((48, 48, 48), seed=5, sigma=3.0)


@pytest.fixture(scope="module")
def trained(rock):
    return SdfFlow(preset="tiny", steps=60).fit(rock)


@pytest.mark.analytic
@pytest.mark.parametrize("times", [(0.0, 0.1), (0.4, 0.5), (0.9, 1.0)])
def test_what_a_step_predicted_is_found_again(times, monkeypatch):
    # A step of known data and noise: what is corrected is the data.
    model, rng = flow_model_of(), np.random.default_rng(0)
    cells, seed = (8, 9, 10), 7
    data, noise = rng.normal(size=(2, 8, *cells)).astype(np.float32)
    now, later = times
    kept, fresh = flow_sampling._shares(model, later)
    state = now * data + (1 - now) * noise
    following = later * data + kept * noise + fresh * flow_sampling.noise(seed, (0, 0, 0), cells, 8)
    seen = []
    monkeypatch.setattr(HeldSlice, "corrected", lambda self, found, **_: seen.append(found) or found + 1)
    before = following.copy()
    flow_sampling._hold(model, HeldSlice(np.zeros((4, 4), np.uint8), 1, 2), state, following, times, seed)
    near = np.array([7, 8, 0, 1, 2])  # two cells on each side, around the torus
    np.testing.assert_allclose(seen[0], data[:, :, near], atol=1e-4)
    np.testing.assert_allclose(following[:, :, near] - before[:, :, near], later, atol=1e-4)
    np.testing.assert_array_equal(np.delete(following, near, axis=2), np.delete(before, near, axis=2))


@pytest.mark.property
@pytest.mark.parametrize("phases", [2, 3])
@pytest.mark.parametrize(("axis", "index"), [(0, 16), (1, 17), (2, 18), (0, 3)])
def test_corrected_cells_have_the_labels_of_the_slice(phases, axis, index, field):
    model = flow_model_of(phases)
    cells = (8, 8, 8)
    labels = field((28, 30, 8), seed=1, sigma=3.0)[..., 0].astype(np.uint8)
    labels[5:12, 5:12] = phases - 1
    held = HeldSlice(labels, axis, index)
    whole = np.random.default_rng(1).normal(size=(model.network.outputs, *cells)).astype(np.float32)
    near = [slice(None)] * 4
    near[1 + axis] = held.cells(cells)
    changed = whole.copy()
    changed[tuple(near)] = held.corrected(whole[tuple(near)], std=model.std, mean=model.mean, shift=model.shift)
    wrong = []
    for state in (whole, changed):
        made = np.concatenate([block for _, block in labelled(model, state, (32, 32, 32))])
        wrong.append(np.mean(np.take(made, index, axis)[:28, :30] != labels))
    assert wrong[0] > 0.3
    assert wrong[1] < 0.02


@pytest.mark.property
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_volume_contains_its_slice_and_resembles_it_beside_it(trained, rock, axis):
    image = np.take(rock, 20, axis)[:40, :36]
    shape = [40, 36]
    shape.insert(axis, 44)
    near, far = [], []
    for seed in range(3):
        made = np.asarray(trained.generate(shape, seed=seed, given=mc.GivenSlice(image, axis, 21)).values)
        equal = [np.mean(np.take(made, n, axis) == image) for n in range(44)]
        assert equal[21] == 1
        near += [equal[20], equal[22]]
        far += [equal[3], equal[40]]
    assert np.mean(near) > 0.85
    assert np.mean(near) > np.mean(far) + 0.1


def test_a_slice_is_held_whatever_the_tiles(trained, rock):
    model, held = trained._model, HeldSlice(rock[5], 0, 10)
    whole = sampled(model, (16, 12, 12), seed=4, held=held)
    tiled = sampled(model, (16, 12, 12), seed=4, held=held, tile=(8, 6, 12))
    np.testing.assert_allclose(tiled, whole, atol=1e-3)


def test_the_source_and_the_notes_of_a_volume_name_the_slice(trained, rock):
    made = trained.generate((40, 40, 40), given=mc.GivenSlice(rock[5, :40, :40], 0, 10))
    assert {key: made.source["slice"][key] for key in ("axis", "index")} == {"axis": 0, "index": 10}
    assert made.notes[0].startswith("pixels of the slice that were set at the end: ")
    free = trained.generate((40, 40, 40))
    assert "slice" not in free.source
    assert free.notes == ()


@pytest.mark.parametrize(
    ("image", "place", "options", "message"),
    [
        (np.zeros((40, 40)), (3, 10), {}, "slice at 3:10: expected axis 0, 1 or 2"),
        (np.zeros((40, 40)), (0, 40), {}, r"slice at 0:40: expected 0 to 39 along axis 0"),
        (np.zeros((40, 30)), (0, 10), {}, "it has 40 × 30 pixels, expected 40 × 40"),
        (np.full((40, 40), 7), (0, 10), {}, "grey values 7, expected the grey values of the material only: 0=0, 1=1"),
        (np.zeros((40, 40)), (0, 10), {"shape": (16, 40, 40), "periodic": (0,)}, "repeats after 16 voxels.*least 20"),
    ],
)
def test_a_slice_that_does_not_fit_is_refused(trained, image, place, options, message):
    given = mc.GivenSlice(image.astype(np.uint8), *place)
    with pytest.raises(mc.InputError, match=message):
        trained.generate(**({"shape": (40, 40, 40), "given": given} | options))


def test_a_generator_that_takes_no_slice_says_so(rock):
    with pytest.raises(mc.InputError, match="'shuffle' makes no volumes around a slice"):
        mc.create_generator("shuffle").fit(rock).generate((8, 8, 8), given=mc.GivenSlice(rock[0, :8, :8], 0, 1))


def test_the_command_makes_volumes_around_an_image(trained, rock, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    trained.save("model.safetensors")
    tifffile.imwrite("xy.tif", rock[7, :40, :36].astype(np.uint8))
    words = ["generate", "model.safetensors", "--shape", "40,44,36", "-o", "out"]
    assert main([*words, "--slice", "xy.tif", "--at", "y:12"]) == 0
    assert "pixels of the slice that were set at the end" in capsys.readouterr().out
    np.testing.assert_array_equal(tifffile.imread("out/sdf-flow-0.tif")[:, 12], rock[7, :40, :36])
    for lacking in (["--at", "1:12"], ["--slice", "xy.tif"]):
        assert main([*words, *lacking]) == 2
        assert "--slice and --at belong together" in capsys.readouterr().err
    assert main([*words[:-1], "out.zarr", "--slice", "xy.tif", "--at", "1:12"]) == 2
    assert "without a slice" in capsys.readouterr().err
