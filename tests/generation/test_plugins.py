"""Generators and models of other distributions are found; broken and doubled ones are warnings that name them."""

from __future__ import annotations

import re
from pathlib import Path

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

    SPEC = GeneratorSpec(id="{id}", factory="{module}:Noise", title="Noise", summary="{module} makes noise",
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


def generator(module: str, requires: tuple[str, ...] = (), extra: str = "", *, id: str = "noise") -> str:
    return GENERATOR.format(module=module, id=id, requires=requires, extra=extra)


GENERATORS, MODELS = "microchar.generators", "microchar.models"


def test_a_generator_plugin_is_listed_and_makes_volumes(site):
    site.install("noisy", GENERATORS, {"noise": "noisy:SPEC"}, generator("noisy"))
    listed = site.microchar("generators")
    assert listed.returncode == 0, listed.stderr
    assert "noisy makes noise" in listed.stdout
    assert "shuffle" in listed.stdout
    made = site.microchar("generate", "noise", "--shape", "8,8,8", "-n", "2", "-o", "out")
    assert made.returncode == 0, made.stderr
    assert sorted(path.name for path in (site.folder / "out").iterdir()) == ["noise-0.tif", "noise-1.tif"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise RuntimeError('out of order')", "RuntimeError: out of order"),
        ("import a_module_that_does_not_exist", "a_module_that_does_not_exist"),
        ("SPEC = 3", "it refers to 3, expected a microchar.generation.spec.GeneratorSpec"),
        ("", "AttributeError"),
    ],
)
def test_a_broken_generator_plugin_is_a_warning_that_names_it_and_the_others_go_on(site, code, reason):
    site.install("broken", GENERATORS, {"wreck": "broken:SPEC"}, code)
    site.install("noisy", GENERATORS, {"noise": "noisy:SPEC"}, generator("noisy"))
    listed = site.microchar("generators")
    assert listed.returncode == 0, listed.stderr
    assert "wreck" not in listed.stdout
    assert "noisy makes noise" in listed.stdout
    assert listed.stderr.startswith("microchar: warning: generator 'wreck' (broken:SPEC) is left out")
    assert reason in listed.stderr


@pytest.mark.parametrize(
    ("extra", "advice"), [("", "pip install not_there"), ("noisy[all]", 'pip install "noisy[all]"')]
)
def test_a_missing_dependency_says_what_to_install(site, extra, advice):
    site.install("noisy", GENERATORS, {"noise": "noisy:SPEC"}, generator("noisy", ("numpy", "not_there"), extra))
    listed = site.microchar("generators")
    assert listed.returncode == 0, listed.stderr
    assert f"not usable here: needs not_there, not installed: {advice}" in listed.stdout
    details = site.microchar("generators", "noise")
    assert advice in details.stdout
    made = site.microchar("generate", "noise", "--shape", "8,8,8", "-o", "out")
    assert made.returncode == 1
    assert f"generator 'noise' needs not_there, not installed: {advice}" in made.stderr
    assert not (site.folder / "out").exists()


def test_of_two_generators_of_one_id_the_second_is_a_warning_that_names_both(site):
    site.install("noisy", GENERATORS, {"first": "noisy:SPEC"}, generator("noisy"))
    site.install("loud", GENERATORS, {"second": "loud:SPEC"}, generator("loud"))
    listed = site.microchar("generators")
    assert listed.returncode == 0, listed.stderr
    assert "two generators are named 'noise': noisy:SPEC is used and loud:SPEC is left out" in listed.stderr
    assert "noisy makes noise" in listed.stdout
    assert "loud makes noise" not in listed.stdout


def test_the_id_is_that_of_the_spec_and_not_of_the_entry_point(site):
    site.install("noisy", GENERATORS, {"anything": "noisy:SPEC"}, generator("noisy", id="noise"))
    listed = site.microchar("generators")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert re.search("^noise ", listed.stdout, re.MULTILINE)
    assert "anything" not in listed.stdout


def test_of_a_plugin_and_a_built_in_generator_of_one_id_one_is_a_warning(site):
    site.install("noisy", GENERATORS, {"zz": "noisy:SPEC"}, generator("noisy", id="shuffle"))
    listed = site.microchar("generators")
    assert listed.returncode == 0, listed.stderr
    assert "two generators are named 'shuffle': microchar.generators.shuffle:SPEC is used" in listed.stderr
    assert "noisy makes noise" not in listed.stdout


def test_the_tutorial_plugin_passes_the_conformance_test_and_the_command_line(site):
    code = (EXAMPLES / "checkerboard_plugin.py").read_text(encoding="utf-8")
    site.install(
        "checkerboard-plugin", GENERATORS, {"checkerboard": "checkerboard_plugin:SPEC"}, code, "checkerboard_plugin"
    )
    checked = site.run(
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
    )
    assert checked.returncode == 0, checked.stderr
    fitted = site.microchar("fit", "checkerboard", "real.tif", "--set", "cell=4")
    assert fitted.returncode == 0, fitted.stderr
    made = site.microchar("generate", "model.safetensors", "--shape", "24,24,24", "-o", "out")
    assert made.returncode == 0, made.stderr


MODEL = """
    from microchar.generation.models import BundledModel

    SAND = BundledModel(id={id!r}, generator={generator!r}, package="sandbox", file="models/{file}.safetensors",
                        title="A sandstone", summary="equal parts of sand and stone")
"""


@pytest.fixture
def sandbox(site):
    """Give a function that installs a package with a model of `shuffle`."""
    import microchar as mc

    def install_model(name: str = "sand", generator: str = "shuffle", file: str = "sand") -> None:
        code = MODEL.format(id=name, generator=generator, file=file)
        site.install("sandbox", MODELS, {name: "sandbox:SAND"}, code, "sandbox/__init__")
        labels = np.arange(512).reshape(8, 8, 8) % 2
        fitted = mc.create_generator("shuffle").fit(mc.as_volume(labels * 9, voxel_size="2um"))
        fitted.save(site.folder / "sandbox" / "models" / "sand.safetensors")

    (site.folder / "sandbox" / "models").mkdir(parents=True)
    return install_model


def test_a_bundled_model_is_listed_and_makes_volumes(site, sandbox):
    sandbox()
    listed = site.microchar("generators")
    assert listed.returncode == 0, listed.stderr
    assert re.search(r"^sand +shuffle: equal parts of sand and stone$", listed.stdout, re.MULTILINE)
    details = site.microchar("generators", "sand")
    assert "a fit of:    shuffle" in details.stdout
    assert "usable here: yes" in details.stdout
    made = site.microchar("generate", "sand", "--shape", "8,8,8", "--seed", "3", "-o", "out")
    assert (made.returncode, made.stdout) == (0, "out/sand-3.tif\n"), made.stderr
    checked = site.run(
        """
        import sys
        from microchar.generation.models import bundled_models
        assert bundled_models()["sand"].title == "A sandstone"
        assert "safetensors" not in sys.modules
        import microchar as mc
        volume = mc.read_volume("out/sand-3.tif")
        assert (volume.grey_values, volume.voxel_size, volume.unit) == ((0, 9), (2.0, 2.0, 2.0), "um")
        made = mc.load_model("sand").generate((8, 8, 8), seed=3)
        assert (made.values == volume.values).all()
        """
    )
    assert checked.returncode == 0, checked.stderr
    ranked = site.microchar("rank", "out/sand-3.tif", "sand", "--shape", "4,4,4", "--metrics", "volume_fraction")
    assert ranked.returncode == 0, ranked.stderr
    misspelt = site.microchar("generate", "sandd", "--shape", "8,8,8")
    assert misspelt.returncode == 2
    assert "unknown model 'sandd': did you mean 'sand'? `microchar generators` lists all of them" in misspelt.stderr


def test_a_generator_goes_before_a_model_of_its_name(site, sandbox):
    sandbox("overlapping-spheres")
    listed = site.microchar("generators")
    assert "not usable here: a generator has this name" in listed.stdout
    made = site.microchar("generate", "overlapping-spheres", "--shape", "8,8,8", "--radius", "2", "-o", "out")
    assert made.returncode == 0, made.stderr
    import microchar as mc

    assert mc.read_volume(site.folder / "out" / "overlapping-spheres-0.tif").grey_values != (0, 9)


def test_a_model_that_cannot_be_used_says_why(site, sandbox):
    sandbox(generator="diffusion-model")
    listed = site.microchar("generators")
    assert "not usable here: needs the generator 'diffusion-model', not installed" in listed.stdout


def test_a_model_whose_file_is_missing_is_an_error_that_names_it(site, sandbox):
    sandbox(file="gravel")
    made = site.microchar("generate", "sand", "--shape", "8,8,8")
    assert made.returncode == 2
    assert "gravel.safetensors: no such file" in made.stderr


def test_a_broken_model_plugin_is_a_warning_that_names_it(site):
    site.install("broken", MODELS, {"wreck": "broken:WRECK"}, "WRECK = 'models/wreck.safetensors'")
    listed = site.microchar("generators")
    assert listed.returncode == 0, listed.stderr
    assert listed.stderr.startswith("microchar: warning: model 'wreck' (broken:WRECK) is left out, it refers to")
