"""`microchar fit` and `generate` with parameters given like options, and with work that is interrupted and resumed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from functools import partial

import numpy as np
import pytest
import tifffile

from distributions import Site
from microchar.cli._parameters import as_assignments

pytestmark = pytest.mark.property

PLUGIN = """
    import json, time
    from dataclasses import dataclass
    from typing import ClassVar
    import numpy as np
    from microchar.generation.fitted_state import Layout
    from microchar.generation.generator import Generator
    from microchar.generation.spec import GeneratorSpec

    SPEC = GeneratorSpec(id="counting", factory="counting:Counting", title="", summary="counts",
                         inputs=("volume", "slices"), keeps_progress=("fit", "generate"),
                         adjustable=("tile_size", "pause"))

    @dataclass(kw_only=True)
    class Counting(Generator):
        spec: ClassVar[GeneratorSpec] = SPEC
        layout: ClassVar[Layout] = {"sum": ("float64", ())}
        preset: str = "default"
        steps: int = 5
        pause: float = 0.0
        shift: float = 0.0
        anisotropic: bool = False
        tile_size: int = 4

        def learn(self, data, rng, progress):
            return {"sum": np.array(self.count(rng, progress))}

        def make(self, shape, rng, periodic, progress):
            self.remarks = {"tile size": self.tile_size}
            total = self.count(rng, progress)
            if self.folder:
                (self.folder / "checkpoint.json").unlink()
            return np.full(shape, int(1000 * total) % 2, np.uint8) ^ rng.integers(0, 2, shape).astype(np.uint8)

        def count(self, rng, progress):
            total, first = 0.0, 0
            if self.resume:
                known = json.loads((self.folder / "checkpoint.json").read_text())
                total, first, rng.bit_generator.state = known["sum"], known["step"], known["rng"]
            for step in range(first, self.steps):
                if self.folder:
                    known = {"sum": total, "step": step, "rng": rng.bit_generator.state}
                    (self.folder / "checkpoint.json").write_text(json.dumps(known))
                progress(step / self.steps, "counting")
                deadline = time.monotonic() + self.pause
                while time.monotonic() < deadline:
                    time.sleep(0.01)
                total += rng.random() + self.shift
            return total
"""


@pytest.fixture
def site(tmp_path):
    """Give a folder with the plugin and a real volume."""
    site = Site(tmp_path)
    site.install("counting", "microchar.generators", {"counting": "counting:SPEC"}, PLUGIN)
    tifffile.imwrite(tmp_path / "real.tif", np.random.default_rng(0).integers(0, 2, (8, 8, 8), np.uint8))
    return site


def start(site, *arguments: str) -> subprocess.Popen:
    # Whoever runs the tests may ignore interrupts, as `nohup` does, and a process inherits that.
    heed = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    return site.start("-m", "microchar", *arguments, preexec_fn=heed)


def run(site, *arguments: str) -> tuple[int, str, str]:
    done = site.microchar(*arguments)
    return done.returncode, done.stdout, done.stderr


def model(path):
    """Return parameters and the sum of a model, without its plugin."""
    import json

    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        return json.loads(file.metadata()["microchar"])["parameters"], float(file.get_tensor("sum"))


OWN = ("--output", "-o", "--slices", "--set", "--quiet", "-n")


@pytest.mark.parametrize(
    ("given", "rewritten"),
    [
        ("fit a real.tif --preset paper --minutes 30", "fit a real.tif --set preset=paper --set minutes=30"),
        ("fit a --preset=paper real.tif -o x", "fit a --set preset=paper real.tif -o x"),
        ("fit a --preset paper real.tif", "fit a --set preset=paper real.tif"),
        ("fit a --slices xy xz yz --n-critic 2 --quiet", "fit a --slices xy xz yz --set n-critic=2 --quiet"),
        (
            "fit a r --shift -0.5 --offset -.5 --anisotropic",
            "fit a r --set shift=-0.5 --set offset=-.5 --set anisotropic=true",
        ),
        ("fit a r --anisotropic -o x", "fit a r --set anisotropic=true -o x"),
        ("fit a --cut 1=2 -- --preset paper", "fit a --set cut=1=2 -- --preset paper"),
        ("fit a --set radius=3 --output=b", "fit a --set radius=3 --output=b"),
    ],
)
def test_options_of_nobody_are_parameters(given, rewritten):
    assert as_assignments(given.split(), OWN) == rewritten.split()


def test_parameters_are_given_like_options(site):
    given = ["--preset", "paper", "--steps=3", "--shift", "-1.5", "--anisotropic", "--tile-size", "9"]
    code, out, errors = run(site, "fit", "counting", *given, "real.tif")
    assert (code, errors) == (0, "")
    assert out.splitlines()[-1] == "model.safetensors"
    parameters, _ = model(site.folder / "model.safetensors")
    assert parameters == {
        "preset": "paper", "steps": 3, "pause": 0.0, "shift": -1.5, "anisotropic": True, "tile_size": 9
    }  # fmt: skip
    made = run(site, "generate", "model.safetensors", "--shape", "4,4,4", "--tile-size", "2")
    assert made[:2] == (0, "fakes/counting-0.tif; tile size: 2\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "counting", "real.tif", "--step", "3"], "no parameter 'step'; did you mean 'steps'? it has"),
        (["fit", "counting", "real.tif", "--sliced", "xy"], "no option and no parameter; did you mean --slices?"),
        (["fit", "counting", "real.tif", "--steps", "many"], "steps=many: generator 'counting' expects int here"),
        (["fit", "shuffle", "real.tif", "--frobnicate", "1"], "'shuffle' has no parameter 'frobnicate'; it has none"),
        (["generate", "overlapping-spheres", "--resume", "--shape", "9,9,9"], "cannot resume an interrupted volume"),
        (["fit", "shuffle", "real.tif", "--resume"], "'shuffle' cannot resume an interrupted fit"),
        (["fit", "counting", "real.tif", "--resume"], "model.fit: holds no fit to resume"),
        (["fit", "counting", "real.tif", "-o", "m.fit"], "m.fit: the folder for checkpoints has this name"),
        (["generate", "shuffle", "--outputs", "x", "--shape", "4,4"], "did you mean --output?"),
        (["generate", "overlapping-spheres", "--radii", "2", "--shape", "4,4,4"], "did you mean 'radius'?"),
    ],
)  # fmt: skip
def test_misspelt_parameters_and_options_are_errors_that_help(site, arguments, message):
    before = sorted(os.listdir(site.folder))
    code, out, errors = run(site, *arguments)
    assert (code, out) == (2, "")
    assert message in errors
    assert sorted(set(os.listdir(site.folder)) - {"__pycache__"}) == before


def test_a_parameter_of_a_fitted_model_cannot_be_changed_unless_it_is_adjustable(site):
    assert run(site, "fit", "counting", "real.tif")[0] == 0
    code, _, errors = run(site, "generate", "model.safetensors", "--shape", "4,4,4", "--shift", "2")
    assert code == 2
    assert "shift cannot be changed after the fit; give it to `microchar fit`" in errors
    assert "that can be changed: tile_size, pause" in errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_fit_is_resumed_as_if_it_had_not_been_stopped(site, number):
    fit = ["fit", "counting", "real.tif", "--steps", "20"]
    assert run(site, *fit, "-o", "whole.safetensors")[0] == 0
    process = start(site, *fit, "--pause", "0.2")
    checkpoint = site.folder / "model.fit" / "checkpoint.json"
    while not checkpoint.exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(number)
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert "stopping at the next step; press Ctrl-C again to stop immediately" in errors
    assert errors.endswith(
        "microchar: interrupted; model.fit holds the progress, continue with the same command and --resume\n"
    )
    assert not (site.folder / "model.safetensors").exists()

    code, _, errors = run(site, *fit)
    assert code == 2
    assert "model.fit: holds the progress of an earlier fit; continue it with resume=True (--resume)" in errors
    assert run(site, *fit, "--resume")[0] == 0
    assert model(site.folder / "model.safetensors")[1] == model(site.folder / "whole.safetensors")[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_volumes_are_resumed_as_if_they_had_not_been_interrupted(site, number):
    assert run(site, "fit", "counting", "real.tif")[0] == 0
    generate = ["generate", "model.safetensors", "--shape", "8,8,8", "-n", "3"]
    assert run(site, *generate, "-o", "expected")[0] == 0
    process = start(site, *generate, "--pause", "0.2")
    # Of the second volume.
    checkpoint = site.folder / "fakes" / "counting-1.generate" / "checkpoint.json"
    while not checkpoint.exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(number)
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    folder = os.path.join("fakes", "counting-1.generate")
    assert errors.endswith(
        f"microchar: interrupted; {folder} holds the progress, continue with the same command and --resume\n"
    )
    assert os.listdir(site.folder / "fakes") == ["counting-1.generate"]

    code, _, errors = run(site, *generate)
    assert code == 2
    assert f"{folder}: holds the progress of an earlier volume; continue it with resume=True (--resume)" in errors
    assert run(site, *generate, "--resume")[0] == 0
    names = [f"counting-{seed}.tif" for seed in range(3)]
    assert sorted(os.listdir(site.folder / "fakes")) == names
    for name in names:
        assert (site.folder / "fakes" / name).read_bytes() == (site.folder / "expected" / name).read_bytes()

    code, _, errors = run(site, *generate, "--resume")
    assert code == 2
    assert "counting-0.generate: holds no volume to resume; omit resume (--resume) to start a new one" in errors


def test_asked_twice_it_stops_at_once(site):
    process = start(site, "fit", "counting", "real.tif", "--pause", "60")
    checkpoint = site.folder / "model.fit" / "checkpoint.json"
    while not checkpoint.exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(0.3)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
    process.communicate(timeout=20)
    assert process.returncode == 1
