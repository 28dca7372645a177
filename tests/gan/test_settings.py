"""Settings are declared once: the generators' parameters, the command line and the presets follow from them."""

from __future__ import annotations

import ast
from dataclasses import MISSING, fields
from pathlib import Path
from typing import get_type_hints

import pytest

import microchar_gan
from microchar.cli.program import main
from microchar_gan.crop_generators import Dcgan3d, VaeGan
from microchar_gan.crop_settings import DcganSettings, VaeGanSettings
from microchar_gan.flow import SdfFlow
from microchar_gan.gan import GanGenerator, SliceGan, UnetGan
from microchar_gan.rnn_settings import RnnSettings
from microchar_gan.settings import PRESETS, FlowSettings, Settings, settings_of
from microchar_gan.slice_rnn import SliceRnn

ROOT = Path(microchar_gan.__file__).parent
SETTINGS = {declared.name: declared for declared in fields(Settings)}
OF_FLOW = {declared.name: declared for declared in fields(FlowSettings)}
COMMON = [declared.name for declared in fields(GanGenerator) if declared.init]
#: The generators whose settings are classes of their own.
OTHERS = [(Dcgan3d, DcganSettings), (VaeGan, VaeGanSettings), (SliceRnn, RnnSettings)]
#: Parameters of SliceGan beyond the common ones, in the order in which model files list them.
OF_SLICEGAN = [
    "width", "critic_width", "anisotropic", "penalty_weight", "field", "slice_size", "batch", "slices_per_axis",
    "n_critic", "rate", "critic_rate", "half_rate", "score_every",
]  # fmt: skip
#: Folders and modules of the package, from the last to import to the first; plugins is imported by the first four only.
ORDER = [
    "gan", "flow", "crop_generators", "slice_rnn", "averaged_generator", "network_generator", "training", "tiling",
    "networks", "crop_settings", "rnn_settings", "settings",
]  # fmt: skip


def test_the_parameters_of_the_generators_are_the_settings():
    assert COMMON == ["preset", "minutes", "steps", "device", "precision"]
    assert list(UnetGan().parameters()) == COMMON + [name for name in SETTINGS if name != "architecture"]
    assert list(SliceGan().parameters()) == COMMON + OF_SLICEGAN
    assert list(SdfFlow().parameters()) == COMMON + list(OF_FLOW)
    for cls, settings in OTHERS:
        assert list(cls().parameters()) == COMMON + [declared.name for declared in fields(settings)]


@pytest.mark.parametrize(
    ("cls", "settings"), [(UnetGan, Settings), (SliceGan, Settings), (SdfFlow, FlowSettings), *OTHERS]
)
def test_a_parameter_has_the_type_and_meaning_of_its_setting_and_is_the_presets_by_default(cls, settings):
    hints, of_settings = get_type_hints(cls), get_type_hints(settings)
    declared = {one.name: one for one in fields(settings)}
    for parameter in (one for one in fields(cls) if one.name in declared):
        assert hints[parameter.name] == of_settings[parameter.name] | None
        assert parameter.default is None
        assert parameter.kw_only
        assert parameter.metadata["meaning"] == declared[parameter.name].metadata["meaning"]


def test_every_setting_has_a_default_and_one_line_of_meaning():
    others = [declared for _, settings in OTHERS for declared in fields(settings)]
    for declared in (*SETTINGS.values(), *OF_FLOW.values(), *others):
        assert declared.default is not MISSING
        assert 10 < len(declared.metadata["meaning"]) < 110
        assert "\n" not in declared.metadata["meaning"]


@pytest.mark.parametrize("preset", [name for name in PRESETS if name != "slicegan"])
def test_given_parameters_replace_those_of_the_preset(preset):
    assert UnetGan(preset=preset).settings() == settings_of(preset, {})
    changed = UnetGan(preset=preset, cbam=False, rate=0.5).settings()
    assert changed == settings_of(preset, {"cbam": False, "rate": 0.5})


@pytest.mark.parametrize(("name", "cls"), [("unet-gan", UnetGan), ("slicegan", SliceGan), ("sdf-flow", SdfFlow)])
def test_the_command_line_prints_each_parameter_with_its_default_type_and_meaning(name, cls, capsys):
    assert main(["generators", name]) == 0
    lines = capsys.readouterr().out.splitlines()
    defaults = cls().settings()
    for parameter in (one for one in fields(cls) if one.init):
        at = next(i for i, line in enumerate(lines) if line.startswith(f"    {parameter.name} = "))
        if hasattr(defaults, parameter.name):
            assert f"= {getattr(defaults, parameter.name)!r} if unset  (" in lines[at]
        assert lines[at + 1].strip() == parameter.metadata["meaning"]


def test_a_misspelt_parameter_is_refused():
    with pytest.raises(TypeError, match="widht"):
        UnetGan(widht=8)


# --- the order of imports ---------------------------------------------------------


def imports_of(path: Path) -> set[str]:
    """Return the modules of the package that a file imports, without the package's name."""
    imported = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{microchar_gan.__name__}."):
            module = ROOT.parent / node.module.replace(".", "/")
            # `from folder import module` imports the module.
            files = [module / name.name for name in node.names] if module.is_dir() else [module]
            imported |= {".".join(file.relative_to(ROOT).parts) for file in files}
    return imported


@pytest.fixture(scope="module")
def modules():
    """Return the imports of each module of the package."""
    return {".".join(path.relative_to(ROOT).with_suffix("").parts): imports_of(path) for path in ROOT.rglob("*.py")}


def test_imports_go_one_way(modules):
    assert not modules["plugins"]
    assert {name for name, imported in modules.items() if "plugins" in imported} == set(ORDER[:4])
    for name, imported in modules.items():
        rooms = {one.partition(".")[0] for one in imported} - {"plugins"}
        if name not in ("__init__", "plugins"):
            own_room = ORDER.index(name.partition(".")[0])
            assert all(ORDER.index(room) >= own_room for room in rooms), name
        if name.startswith("training."):
            assert "tiling" not in rooms, name


def test_no_module_imports_itself_by_way_of_others(modules):
    for name in modules:
        reached, waiting = set(), list(modules[name])
        while waiting:
            module = waiting.pop()
            if module not in reached:
                reached.add(module)
                waiting += modules[module]
        assert name not in reached, name
