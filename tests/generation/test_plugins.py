"""Generators, models and metrics of other distributions: found, and when broken, named. Each in a fresh interpreter."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

pytestmark = pytest.mark.property

EXAMPLES = Path(__file__).parents[2] / "examples"

GENERATOR = """
    from dataclasses import dataclass
    from typing import ClassVar
    import numpy as np
    from microchar.generation.fitted_state import Layout
    from microchar.generation.generator import Generator
    from microchar.generation.spec import GeneratorSpec

    SPEC = GeneratorSpec(factory="{module}:Noise", title="Noise", summary="{module} makes noise",
                         inputs=("parameters",), requires={requires}, extra="{extra}")

    @dataclass(kw_only=True)
    class Noise(Generator):
        spec: ClassVar[GeneratorSpec] = SPEC

        def learn(self, data, rng, progress):
            return {{}}

        def make(self, shape, rng, periodic, progress):
            progress(0.0, "noise")
            return rng.integers(0, 2, shape).astype(np.uint8)
"""

METRIC = """
    from dataclasses import dataclass
    from typing import ClassVar
    from microchar.metrics.volume_fraction import VolumeFraction

    @dataclass(frozen=True)
    class {name}(VolumeFraction):
        title: ClassVar[str] = "{name}"
        summary: ClassVar[str] = "a share that a plugin measures"
"""


@pytest.fixture
def site(tmp_path):
    """Give a function that installs a distribution of one module and its entry points."""

    def install(name: str, group: str, points: dict[str, str], code: str = "", module: str = "") -> None:
        (tmp_path / f"{module or name}.py").write_text(dedent(code), encoding="utf-8")
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [f"[{group}]", *(f"{key} = {value}" for key, value in points.items())]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")

    install.folder = tmp_path
    return install


def generator(module: str, requires: tuple[str, ...] = (), extra: str = "") -> str:
    return GENERATOR.format(module=module, requires=requires, extra=extra)


def run(site, *arguments: str) -> subprocess.CompletedProcess:
    path = os.pathsep.join([str(site.folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": path},
        cwd=site.folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def microchar(site, *arguments: str) -> subprocess.CompletedProcess:
    return run(site, "-m", "microchar.cli.program", *arguments)


GENERATORS, METRICS, MODELS = "microchar.generators", "microchar.metrics", "microchar.models"


def test_a_generator_plugin_is_listed_and_makes_volumes(site):
    site("noisy", GENERATORS, {"noise": "noisy:SPEC"}, generator("noisy"))
    listed = microchar(site, "generators")
    assert listed.returncode == 0, listed.stderr
    assert "noisy makes noise" in listed.stdout
    assert "shuffle" in listed.stdout
    made = microchar(site, "generate", "noise", "--shape", "8,8,8", "-n", "2", "-o", "out")
    assert made.returncode == 0, made.stderr
    assert sorted(path.name for path in (site.folder / "out").iterdir()) == ["noise-0.tif", "noise-1.tif"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise RuntimeError('out of order')", "RuntimeError: out of order"),
        ("import a_module_that_does_not_exist", "a_module_that_does_not_exist"),
        ("SPEC = 3", "names a int"),
        ("", "AttributeError"),
    ],
)
def test_a_broken_generator_plugin_is_a_warning_that_names_it_and_the_others_go_on(site, code, reason):
    site("broken", GENERATORS, {"wreck": "broken:SPEC"}, code)
    site("noisy", GENERATORS, {"noise": "noisy:SPEC"}, generator("noisy"))
    listed = microchar(site, "generators")
    assert listed.returncode == 0, listed.stderr
    assert "wreck" not in listed.stdout
    assert "noisy makes noise" in listed.stdout
    assert listed.stderr.startswith("microchar: warning: generator 'wreck' (broken:SPEC) is left out")
    assert reason in listed.stderr


@pytest.mark.parametrize(
    ("extra", "advice"), [("", "pip install not_there"), ("noisy[all]", 'pip install "noisy[all]"')]
)
def test_a_missing_dependency_says_what_to_install(site, extra, advice):
    site("noisy", GENERATORS, {"noise": "noisy:SPEC"}, generator("noisy", ("numpy", "not_there"), extra))
    listed = microchar(site, "generators")
    assert listed.returncode == 0, listed.stderr
    assert f"not usable here: needs not_there, not installed: {advice}" in listed.stdout
    details = microchar(site, "generators", "noise")
    assert advice in details.stdout
    made = microchar(site, "generate", "noise", "--shape", "8,8,8", "-o", "out")
    assert made.returncode == 1
    assert f"generator 'noise' needs not_there, not installed: {advice}" in made.stderr
    assert not (site.folder / "out").exists()


def test_two_generators_of_one_name_are_an_error_that_names_both(site):
    site("noisy", GENERATORS, {"noise": "noisy:SPEC"}, generator("noisy"))
    site("loud", GENERATORS, {"noise": "loud:SPEC"}, generator("loud"))
    listed = microchar(site, "generators")
    assert listed.returncode == 2
    assert "two generators are named 'noise': " in listed.stderr
    assert "noisy:SPEC" in listed.stderr
    assert "loud:SPEC" in listed.stderr


def test_a_plugin_cannot_take_the_name_of_a_built_in_generator(site):
    site("noisy", GENERATORS, {"shuffle": "noisy:SPEC"}, generator("noisy"))
    listed = microchar(site, "generators")
    assert listed.returncode == 2
    assert "two generators are named 'shuffle'" in listed.stderr


def test_the_tutorial_plugin_passes_the_conformance_test_and_the_command_line(site):
    code = (EXAMPLES / "checkerboard_plugin.py").read_text(encoding="utf-8")
    site("checkerboard-plugin", GENERATORS, {"checkerboard": "checkerboard_plugin:SPEC"}, code, "checkerboard_plugin")
    checked = run(
        site,
        "-W",
        "error",
        "-c",
        dedent(
            """
            import numpy as np
            import microchar as mc
            from checkerboard_plugin import Checkerboard

            coarse = np.random.default_rng(0).random((9, 9, 9)) < 0.3
            real = coarse.repeat(5, 0).repeat(5, 1).repeat(5, 2)[:40, :40, :40]
            for generator in (Checkerboard(), Checkerboard(cell=3)):
                mc.testing.check_generator(generator, real)
            fitted = Checkerboard().fit(real)
            assert int(fitted.state["cell"]) == 5, fitted.state
            assert float(fitted.state["fraction"]) == real.mean()
            mc.write_volume(real, "real.tif")
            """
        ),
    )
    assert checked.returncode == 0, checked.stderr
    fitted = microchar(site, "fit", "checkerboard", "real.tif", "--set", "cell=4")
    assert fitted.returncode == 0, fitted.stderr
    made = microchar(site, "generate", "model.safetensors", "--shape", "24,24,24", "-o", "out")
    assert made.returncode == 0, made.stderr


MODEL = """
    from microchar.generation.models import BundledModel

    SAND = BundledModel(generator={generator!r}, package="sandbox", file="models/{file}.safetensors",
                        title="A sandstone", summary="equal parts of sand and stone")
"""


@pytest.fixture
def sandbox(site):
    """Give a function that installs a package with a model of `shuffle`."""
    import microchar as mc

    def install(name: str = "sand", generator: str = "shuffle", file: str = "sand") -> None:
        code = MODEL.format(generator=generator, file=file)
        site("sandbox", MODELS, {name: "sandbox:SAND"}, code, "sandbox/__init__")
        labels = np.arange(512).reshape(8, 8, 8) % 2
        fitted = mc.generators.create("shuffle").fit(mc.as_volume(labels * 9, voxel_size="2um"))
        fitted.save(site.folder / "sandbox" / "models" / "sand.safetensors")

    (site.folder / "sandbox" / "models").mkdir(parents=True)
    return install


def test_a_bundled_model_is_listed_and_makes_volumes(site, sandbox):
    sandbox()
    listed = microchar(site, "generators")
    assert listed.returncode == 0, listed.stderr
    assert re.search(r"^sand +shuffle: equal parts of sand and stone$", listed.stdout, re.MULTILINE)
    details = microchar(site, "generators", "sand")
    assert "a fit of:    shuffle" in details.stdout
    assert "usable here: yes" in details.stdout
    made = microchar(site, "generate", "sand", "--shape", "8,8,8", "--seed", "3", "-o", "out")
    assert (made.returncode, made.stdout) == (0, "out/sand-3.tif\n"), made.stderr
    checked = run(
        site,
        "-W",
        "error",
        "-c",
        dedent(
            """
            import sys
            from microchar.generation.models import bundled_models
            assert bundled_models()["sand"].title == "A sandstone"
            assert "safetensors" not in sys.modules
            import microchar as mc
            volume = mc.read_volume("out/sand-3.tif")
            assert (volume.grey_values, volume.voxel_size, volume.unit) == ((0, 9), (2.0, 2.0, 2.0), "um")
            made = mc.generators.load_model("sand").generate((8, 8, 8), seed=3)
            assert (made.values == volume.values).all()
            """
        ),
    )
    assert checked.returncode == 0, checked.stderr
    ranked = microchar(site, "rank", "out/sand-3.tif", "sand", "--shape", "4,4,4", "--metrics", "volume_fraction")
    assert ranked.returncode == 0, ranked.stderr
    misspelt = microchar(site, "generate", "sandd", "--shape", "8,8,8")
    assert misspelt.returncode == 2
    assert "unknown model 'sandd': did you mean 'sand'? bundled are berea, sand" in misspelt.stderr


def test_a_generator_goes_before_a_model_of_its_name(site, sandbox):
    sandbox("overlapping-spheres")
    listed = microchar(site, "generators")
    assert "not usable here: a generator has this name" in listed.stdout
    made = microchar(site, "generate", "overlapping-spheres", "--shape", "8,8,8", "--radius", "2", "-o", "out")
    assert made.returncode == 0, made.stderr
    import microchar as mc

    assert mc.read_volume(site.folder / "out" / "overlapping-spheres-0.tif").grey_values != (0, 9)


def test_a_model_that_cannot_be_used_says_why(site, sandbox):
    sandbox(generator="diffusion-model")
    listed = microchar(site, "generators")
    assert "not usable here: needs the generator 'diffusion-model', not installed" in listed.stdout


def test_a_model_whose_file_is_missing_is_an_error_that_names_it(site, sandbox):
    sandbox(file="gravel")
    made = microchar(site, "generate", "sand", "--shape", "8,8,8")
    assert made.returncode == 2
    assert "gravel.safetensors: no such file" in made.stderr


def test_a_broken_model_plugin_is_a_warning_that_names_it(site):
    site("broken", MODELS, {"wreck": "broken:WRECK"}, "WRECK = 'models/wreck.safetensors'")
    listed = microchar(site, "generators")
    assert listed.returncode == 0, listed.stderr
    assert listed.stderr.startswith("microchar: warning: model 'wreck' (broken:WRECK) is left out, it names a str")


def test_a_metric_plugin_is_listed_and_measured(site):
    site("sharing", METRICS, {"sharing": "sharing:Sharing"}, METRIC.format(name="Sharing"))
    listed = microchar(site, "metrics")
    assert listed.returncode == 0, listed.stderr
    assert "a share that a plugin measures" in listed.stdout
    checked = run(
        site,
        "-W",
        "error",
        "-c",
        dedent(
            """
            import numpy as np
            import microchar as mc

            mc.testing.check_metric(mc.metrics.Sharing())
            found = mc.measure(np.eye(8, dtype=np.uint8), ["sharing"])
            assert found["sharing"].value(phase="1").value == 1 / 8
            """
        ),
    )
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("code", ["raise RuntimeError('out of order')", "Wreck = 3", "import not_there"])
def test_a_broken_metric_plugin_is_a_warning_that_names_it_and_the_others_go_on(site, code):
    site("broken", METRICS, {"wreck": "broken:Wreck"}, code)
    listed = microchar(site, "metrics")
    assert listed.returncode == 0, listed.stderr
    assert "volume_fraction" in listed.stdout
    assert "wreck" not in listed.stdout
    assert "microchar: warning: metric 'wreck' (broken:Wreck) is left out" in listed.stderr


@pytest.mark.parametrize("taken", ["sharing", "volume_fraction"])
def test_two_metrics_of_one_name_are_an_error_that_names_both(site, taken):
    site("sharing", METRICS, {"sharing": "sharing:Sharing"}, METRIC.format(name="Sharing"))
    site("other", METRICS, {taken: "other:Other"}, METRIC.format(name="Other"))
    listed = microchar(site, "metrics")
    assert listed.returncode == 2
    assert f"two metrics are named '{taken}'" in listed.stderr
    assert "other:Other" in listed.stderr
