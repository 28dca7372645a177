"""The plugins: the contract of every generator, tiles that make the whole, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from microchar.cli.program import main
from microchar.core.errors import InputError
from microchar.core.volume import as_volume
from microchar.generation.catalogue import find_generator
from microchar.generation.loading import load_generator
from microchar.generation.training import TrainingData
from microchar.io import read_volume, write_volume
from microchar.testing import check_generator
from microchar_gan import gan
from microchar_gan.gan import SliceGan, UnetGan
from microchar_gan.networks.devices import choose_device, runs_half
from microchar_gan.settings import PRESETS, settings_of
from microchar_gan.tiling.tiles import blocks

#: Steps that take a twentieth of a second.
SMALL = {"preset": "tiny", "width": 4, "slices_per_axis": 2, "critic_width": 2}
#: 96 channels leave three to the last layer.
SMALL_SLICEGAN = {"width": 96, "critic_width": 2, "slices_per_axis": 1, "n_critic": 1}


@pytest.fixture(scope="module")
def rock(field):
    return field((40, 36, 36), seed=5)


@pytest.fixture(scope="module")
def slab(field):
    """Large enough for SliceGAN's slices of 64 × 64, in one direction."""
    return field((20, 66, 68), seed=5)


@pytest.fixture(scope="module")
def unet(rock):
    """A model of a few steps of the tiny preset, with all of its modules."""
    return UnetGan(preset="tiny", steps=8).fit(rock, seed=2)


@pytest.fixture(scope="module")
def slicegan(slab):
    return SliceGan(steps=2, **SMALL_SLICEGAN).fit(slab, seed=2)


# --- the contract -----------------------------------------------------------------


@pytest.fixture(scope="module")
def training(field, materials):
    two, three = field((40, 36, 36), seed=5), field((36, 36, 36), seed=6, fractions=(0.4, 0.35, 0.25))
    return materials | {
        "slices": TrainingData.from_slices({axis: [two.take(5, axis), two.take(20, axis)] for axis in range(3)}),
        "slices of one direction": TrainingData.from_slices({1: [three[:, 3], three[:, 20]]}),
    }


@pytest.mark.parametrize("what", ["two phases", "three phases", "masked", "slices", "slices of one direction"])
def test_contract_of_the_unet(training, what):
    check_generator(UnetGan(steps=2, **SMALL), training[what], shape=(24, 20, 16))


def test_contract_with_one_critic_for_each_axis(training):
    check_generator(UnetGan(steps=1, anisotropic=True, **SMALL), training["slices"], shape=(24, 20, 16))


def test_contract_of_slicegan(slab):
    check_generator(SliceGan(steps=1, **SMALL_SLICEGAN), slab, shape=(64, 32, 32))


def test_nothing_touches_the_random_state_of_pytorch(rock):
    before = torch.get_rng_state()
    UnetGan(steps=1, **SMALL).fit(rock).generate((16, 16, 16))
    assert torch.equal(before, torch.get_rng_state())


def test_more_phases_than_two_are_learnt_in_their_fractions(field):
    labels = field((36, 36, 36), seed=8, fractions=(0.5, 0.3, 0.2))
    volume = UnetGan(steps=2, **SMALL).fit(labels).generate((64, 64, 64), seed=1)
    shares = np.bincount(volume.read().ravel(), minlength=3) / 64**3
    np.testing.assert_allclose(shares, [0.5, 0.3, 0.2], atol=0.1)


# --- tiles ------------------------------------------------------------------------


def tiled(model, monkeypatch, edge, shape, **options):
    with monkeypatch.context() as patch:
        patch.setattr(gan, "blocks", partial(blocks, tile=edge))
        return model.generate(shape, **options).values


@pytest.mark.parametrize("periodic", [(), (0,), (0, 1, 2)])
def test_tiles_of_the_unet_make_the_whole(unet, monkeypatch, periodic):
    shape = (96, 48, 32)
    whole = unet.generate(shape, seed=3, periodic=periodic).values
    parts = tiled(unet, monkeypatch, 32, shape, seed=3, periodic=periodic)
    # Ties of float rounding: one voxel in 10^5.
    assert np.count_nonzero(whole != parts) <= whole.size * 1e-5
    assert 0.05 < whole.mean() < 0.95


@pytest.mark.parametrize("periodic", [(), (0, 1, 2)])
def test_tiles_of_slicegan_make_the_whole(slicegan, monkeypatch, periodic):
    shape = (128, 96, 64)
    whole = slicegan.generate(shape, seed=3, periodic=periodic).values
    parts = tiled(slicegan, monkeypatch, 32, shape, seed=3, periodic=periodic)
    assert np.count_nonzero(whole != parts) <= whole.size * 1e-5
    assert 0.05 < whole.mean() < 0.95


@pytest.mark.parametrize(("name", "shape"), [("unet", (40, 36, 30)), ("slicegan", (70, 40, 33))])
def test_any_shape_is_the_corner_of_a_larger_one(name, shape, request):
    model = request.getfixturevalue(name)
    small = model.generate(shape, seed=3).values
    large = model.generate(tuple(n + 32 for n in shape), seed=3).values[tuple(map(slice, shape))]
    assert np.count_nonzero(small != large) <= max(1, small.size * 1e-5)


@pytest.mark.parametrize(("name", "unit"), [("unet", 2), ("slicegan", 32)])
def test_periods_are_multiples_of_what_the_network_repeats_after(name, unit, request):
    model = request.getfixturevalue(name)
    with pytest.raises(InputError, match=rf"axis 1 is periodic and 33 voxels long.*multiples of {unit} "):
        model.generate((32, 33, 32), periodic=(1,))
    assert model.generate((32, 33, 32), periodic=(0, 2)).shape == (32, 33, 32)


def test_a_period_leaves_the_other_axes_endless(unet):
    # The middle of the volume is far from the axis that repeats: nothing is changed there.
    free, repeating = (unet.generate((64, 32, 32), seed=4, periodic=axes).values for axes in ((), (0,)))
    halo = int(unet.state["halo"][0])
    inner = slice(halo + 2, 64 - halo - 2)
    assert np.count_nonzero(free[inner] != repeating[inner]) <= 1
    assert (free != repeating).any()


# --- models in files --------------------------------------------------------------


def edited(path, **changes):
    """Write a model file with other metadata."""
    with safe_open(path, framework="numpy") as file:
        about = json.loads(file.metadata()["microchar"])
    save_file(load_file(path), path, {"microchar": json.dumps(about | changes)})


def test_a_model_is_its_weights_in_half_precision(unet, tmp_path):
    unet.save(tmp_path / "model.safetensors")
    loaded = UnetGan.load(tmp_path / "model.safetensors")
    assert {str(array.dtype) for key, array in loaded.state.items() if key != "halo"} == {"float16", "float32"}
    weights = sum(array.size for array in loaded.state.values())
    assert (tmp_path / "model.safetensors").stat().st_size < 2 * weights + 40_000
    assert loaded.history["steps"] == 8
    assert loaded.history["machine"].startswith("cpu") or torch.cuda.is_available()


def test_models_of_another_architecture_are_refused(unet, tmp_path):
    path = tmp_path / "model.safetensors"
    unet.save(path)
    edited(path, revision=99)
    with pytest.raises(InputError, match=r"revision 99 of what 'unet-gan' learns.*fit again"):
        UnetGan.load(path)
    unet.save(path)
    edited(path, parameters=unet.parameters() | {"width": 16})
    with pytest.raises(InputError, match=r"array '.*' is float16 of shape"):
        UnetGan.load(path)
    edited(path, parameters=unet.parameters() | {"cbam": False})
    with pytest.raises(InputError, match="extra"):
        UnetGan.load(path)
    unet.save(path)
    with pytest.raises(InputError, match="holds a 'unet-gan' generator, expected SliceGan"):
        SliceGan.load(path)


def test_weights_that_are_no_numbers_are_refused(unet, tmp_path):
    path = tmp_path / "model.safetensors"
    unet.save(path)
    with safe_open(path, framework="numpy") as file:
        about = file.metadata()
    arrays = load_file(path)
    arrays["stem.convolution.weight"].flat[3] = np.nan
    save_file(arrays, path, about)
    with pytest.raises(InputError, match=r"'stem.convolution.weight' holds NaN"):
        UnetGan.load(path)


# --- devices ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cuda", "mps", "chosen"),
    [(True, False, "cuda"), (False, True, "mps"), (False, False, "cpu"), (True, True, "cuda")],
)
def test_auto_takes_what_there_is_and_what_is_absent_is_said(monkeypatch, cuda, mps, chosen):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert choose_device("auto").type == chosen
    for name, there in (("cuda", cuda), ("mps", mps), ("cpu", True)):
        if there:
            assert choose_device(name).type == name
        else:
            with pytest.raises(
                InputError, match=rf"device='{name}': PyTorch .* finds no such device here.*--device auto"
            ):
                choose_device(name)
    with pytest.raises(InputError, match="device='tpu': expected auto, cuda, mps, cpu"):
        choose_device("tpu")


def test_a_fit_on_an_absent_device_is_refused_before_it_begins(rock, monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="device='cuda'"):
        UnetGan(steps=1, device="cuda", **SMALL).fit(rock, folder=tmp_path / "progress")
    assert not (tmp_path / "progress").exists()
    assert UnetGan(steps=1, device="auto", **SMALL).fit(rock).history["machine"].startswith(("cpu", "mps"))


def test_a_fit_goes_on_generating_where_it_was_told_to_and_its_file_wherever_it_is_read(rock, tmp_path):
    model = UnetGan(steps=1, device="cpu", **SMALL).fit(rock)
    model.save(tmp_path / "model.safetensors")
    assert model.device == "cpu"
    assert load_generator(tmp_path / "model.safetensors").device == "auto"


def test_bfloat16_makes_the_same_start_as_float32_but_for_rounding(rock):
    assert runs_half("bfloat16", torch.device("cpu"))
    assert not runs_half("float32", torch.device("cpu"))
    with pytest.raises(InputError, match=r"precision='bfloat16'.*mps"):
        runs_half("bfloat16", torch.device("mps"))
    full, half = (
        UnetGan(steps=1, device="cpu", precision=precision, **SMALL).fit(rock, seed=1).generate((32, 32, 32)).values
        for precision in ("float32", "bfloat16")
    )
    assert np.mean(full != half) < 0.05


# --- what is refused --------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"preset": "slicegan"}, "preset='slicegan': expected default or paper or baseline or tiny"),
        ({"minutes": 0.0}, "minutes=0.0: expected a number greater than 0"),
        ({"minutes": float("nan")}, "minutes=nan"),
        ({"steps": 0}, "steps=0: expected a whole number of at least 1"),
        ({"critic_norm": "batch"}, "critic_norm='batch', lipschitz='gp'.*lipschitz='clip'"),
        ({"l1_match": "conditional"}, "l1_match='conditional': needs input='slice'"),
        ({"slice_size": 24}, "slice_size=24, field=32: expected a slice size of 32, 48, 64"),
        ({"slice_size": 16}, "slice_size=16"),
        ({"slice_size": 48}, "slice_size=48, field=32.*no larger than the field"),
        ({"field": 45}, "field=45: expected a multiple of 2"),
        ({"half_rate": -1}, "half_rate=-1: expected at least 0"),
        ({"skip_start": -0.5}, "skip_start=-0.5: expected a finite number of at least 0"),
        ({"depth": 4}, "field=32, depth=4: expected a field of at least 64"),
        ({"mhfa_kernels": (3, 4)}, "mhfa_kernels=.*expected some of 3, 5, 7"),
        ({"msca_kernels": (5, 3)}, "msca_kernels=.*in ascending order"),
        *[({name: 0}, f"{name}=0: expected at least 1") for name in
          ("noise_channels", "width", "depth", "critic_width", "batch", "slices_per_axis", "n_critic", "score_every")],
        ({"warm_up": -1}, "warm_up=-1: expected at least 0"),
        ({"width": 8.5}, "width=8.5: expected at least 1, a whole number"),
        *[({name: value}, f"{name}={value}: expected a finite number of at least 0") for value in (-1.0, np.inf, np.nan)
          for name in ("lambda_w", "lambda_l1", "penalty_weight", "clip", "rate", "critic_rate", "logit_scale",
                       "label_noise")],
        *[({name: value}, f"{name}={value}: expected a finite number of at least 0 and less than 1")
          for value in (-0.1, 1.0)
          for name in ("beta1", "beta2", "ema")],
        *[({name: "none such"}, f"{name}='none such': expected one of ") for name in
          ("input", "kernel_impl", "norm", "critic_norm", "loss", "l1_match", "lipschitz")],
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused_at_once(changes, message):
    with pytest.raises(InputError, match=message):
        UnetGan(**{"preset": "tiny"} | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 48}, "width=48: expected a multiple of 32"),
        ({"preset": "tiny"}, "preset='tiny': expected slicegan"),
        ({"n_critic": 0}, "n_critic=0"),
    ],
)
def test_settings_of_slicegan_that_make_no_sense_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        SliceGan(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input": "slice"}, "input='slice': only the U-net takes a slice"),
        ({"calibrate": True}, "calibrate=True: SliceGAN has no shift"),
        ({"field": 80}, "field=80: expected a multiple of 32"),
    ],
)
def test_settings_that_slicegan_cannot_have_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        settings_of("slicegan", changes)


@pytest.mark.parametrize("generator", [UnetGan, SliceGan])
def test_what_unset_parameters_stand_for_is_what_a_fit_uses(generator):
    told = generator.when_unset()
    unset = [field.name for field in dataclasses.fields(generator) if field.init and field.default is None]
    assert set(unset) - {"steps"} <= told.keys()
    given = generator(**{name: told[name] for name in unset if name != "steps"})
    assert given.settings() == generator().settings()


def test_presets_are_what_the_specification_says():
    with pytest.raises(InputError, match="preset='best': expected one of default, paper, baseline, slicegan, tiny"):
        settings_of("best", {})
    paper, ours, baseline, slicegan, _ = (
        settings_of(preset, {}) for preset in ("paper", "default", *list(PRESETS)[2:])
    )
    assert (paper.width, paper.depth, paper.batch, paper.rate) == (32, 4, 16, 1e-4)
    assert (paper.beta1, paper.beta2, paper.lambda_w, paper.lambda_l1) == (0.9, 0.999, 1, 1)
    assert (paper.lipschitz, paper.clip, paper.l1_match, paper.critic_norm) == ("clip", 0.01, "index", "batch")
    assert (paper.mhfa_kernels, paper.msca_kernels, paper.cbam) == ((3, 5, 7), (3, 5, 7), True)
    assert (ours.lipschitz, ours.penalty_weight, ours.l1_match, ours.critic_norm) == ("gp", 10, "descriptor", "none")
    assert (baseline.mhfa_kernels, baseline.msca_kernels, baseline.cbam, baseline.uses_l1) == ((), (), False, False)
    assert (slicegan.n_critic, slicegan.rate, slicegan.beta1, slicegan.beta2) == (5, 1e-4, 0, 0.9)
    assert (slicegan.penalty_weight, slicegan.width, slicegan.uses_l1) == (10, 1024, False)


@pytest.mark.parametrize("shape", [(40, 30, 31), (31, 30, 8)])
def test_a_volume_smaller_than_the_slices_is_refused(field, shape):
    with pytest.raises(InputError, match=r"smaller than slices of 32 × 32 voxels.*slice_size="):
        UnetGan(steps=1, **SMALL).fit(field(shape, seed=0))


def test_images_smaller_than_the_slices_are_refused(field):
    with pytest.raises(InputError, match="smaller than slices of 32 × 32"):
        UnetGan(steps=1, **SMALL).fit(TrainingData.from_slices({0: [field((30, 64), seed=0)]}))


def test_a_volume_of_one_phase_is_refused():
    with pytest.raises(InputError):
        UnetGan(steps=1, **SMALL).fit(np.zeros((40, 40, 40), np.uint8))


# --- without PyTorch --------------------------------------------------------------


def fresh(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_listing_the_generators_imports_no_pytorch():
    listed = fresh(
        "import sys\nimport microchar_gan.plugins\nfrom microchar.cli.program import main\nmain(['generators'])\n"
        "assert 'torch' not in sys.modules"
    )
    assert "unet-gan" in listed
    assert "slicegan" in listed


def test_the_core_works_without_pytorch_and_says_what_to_install():
    said = fresh(
        "import sys\nsys.modules['torch'] = None\nimport numpy as np\nimport microchar as mc\n"
        "from microchar.core.errors import MissingDependencyError\n"
        "from microchar.generation.catalogue import create_generator\n"
        "mc.measure(np.eye(16, dtype=np.uint8).reshape(1, 16, 16), ['volume_fraction'])\n"
        "from microchar.cli.program import main\nmain(['generators'])\n"
        "try:\n    create_generator('unet-gan')\nexcept MissingDependencyError as error:\n    print(error)\n"
    )
    assert "generator 'unet-gan' needs torch, not installed: pip install \"microchar[gan]\"" in said


def test_the_plugins_name_the_classes():
    assert find_generator("unet-gan") is UnetGan
    assert find_generator("slicegan") is SliceGan


# --- on the command line ----------------------------------------------------------


def test_a_model_is_fitted_to_three_images_and_used_and_ranked(field, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rock = field((40, 40, 40), seed=5)
    for axis, name in enumerate(("xy", "xz", "yz")):
        write_volume(as_volume(rock.take([7], axis).squeeze(axis)[np.newaxis], phases=("pore", "grain")), f"{name}.tif")
    write_volume(as_volume(rock, phases=("pore", "grain")), "real.tif")
    small = [part for key, value in SMALL.items() for part in (f"--{key.replace('_', '-')}", str(value))]
    images = ["--slices", "xy.tif", "xz.tif", "yz.tif"]
    assert main(["fit", "unet-gan", *images, *small, "--steps", "2", "-o", "model.safetensors", "--quiet"]) == 0
    assert main(["generate", "model.safetensors", "--shape", "24,20,16", "--periodic", "0", "-o", "made"]) == 0
    assert read_volume("made/unet-gan-0.tif").shape == (24, 20, 16)
    assert main(["rank", "real.tif", "model.safetensors", "made/unet-gan-0.tif"]) == 0
    shown = capsys.readouterr().out
    assert "model" in shown
    assert "unet-gan-0" in shown
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert (
        main(["fit", "unet-gan", "real.tif", *small, "--steps", "1", "--device", "cuda", "-o", "other.safetensors"])
        == 2
    )
    assert "--device auto" in capsys.readouterr().err
    assert not list(tmp_path.glob("other*"))
