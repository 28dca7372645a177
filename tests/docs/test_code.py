"""The code of the README and of the documentation is so: commands parse, Python runs, files and options exist."""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pytest

import microchar as mc
from conftest import ROOT
from microchar.cli._parameters import parameters_of, values_of
from microchar.cli.program import _parsed, _parser
from microchar.generation.catalogue import create_generator, generator_specs

DOCS = ROOT / "docs"
#: Made by the build; tests of docstrings run the code of these.
MADE = ("_build", "api", "generated", "gallery")
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", *sorted(DOCS.rglob("*.rst"))]
    if not set(MADE) & set(path.relative_to(ROOT).parts)
}
#: Pages whose Python is run by a test of what they are about, with what it needs.
TESTED = {
    "docs/generators/training_loop.rst": ROOT / "tests" / "gan" / "test_training_loop.py",
    "docs/generators/printing.rst": ROOT / "tests" / "cli" / "test_export.py",
    "docs/scale/clusters.rst": ROOT / "tests" / "measurement" / "test_executors.py",
    "docs/contribute/plugin.rst": ROOT / "tests" / "generation" / "test_plugins.py",
}
#: What pages call the files of the user, and the arrays that the user has.
SHAPES = {"docs/generators/ranking.rst": (180, 64, 64)}
SMALL = (24, 24, 24)
#: Without PyTorch, the parameters of the networks are not checked.
USABLE = {name for name, spec in generator_specs().items() if not spec.obstacle()}
#: Programs that are not microchar's own.
OTHERS = ("pip", "eval", ".", "dask")


def blocks(text: str, language: str) -> list[str]:
    """Return the blocks of a language, without their indentation."""
    indented = re.findall(rf"\.\. code-block:: {language}\n\n((?:   .*\n|\n)+)", text)
    fenced = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return [re.sub(r"^   ", "", block, flags=re.MULTILINE) for block in indented] + fenced


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each command."""
    for block in blocks(text, "console"):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("$ "):
                for part in line[2:].split(" && "):
                    yield shlex.split(part, comments=True)


def of(language: str) -> list[str]:
    """Return the pages that have such code."""
    return [name for name, text in PAGES.items() if blocks(text, language)]


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Make the current folder one with the files of a user; return the function that makes volumes of a shape."""
    monkeypatch.chdir(tmp_path)

    def make(shape):
        first, second = (
            mc.generators.cut_gaussian_field(shape, covariance="gaussian", correlation_length=4, seed=seed)
            for seed in (0, 1)
        )
        for name, volume in (("real.tif", first), ("fake.tif", second)):
            mc.write_volume((255 * volume.values).astype(np.uint8), name)
        return (255 * second.values).astype(np.uint8)

    return make


@pytest.mark.parametrize("page", of("console"))
def test_every_command_is_one(page, files):
    files(SMALL)
    os.makedirs("out")
    for study in ("study.toml", "out/study.toml"):
        with open(study, "w", encoding="utf-8") as file:
            file.write('volumes = ["real.tif", "fake.tif"]\n')
    for words in commands(PAGES[page]):
        program, *arguments = words
        if program == "microchar":
            options = parsed(arguments)
            if arguments[0] == "fit" and arguments[1] in USABLE:
                create_generator(options.name, **values_of(options.name, options.set, options.own))
        elif program in ("python", "python3"):
            run_by_python(arguments)
        elif program == "make":
            assert re.search(rf"^{arguments[0]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        else:
            assert program in OTHERS, words


def parsed(arguments):
    """Parse a command as the program does; wrong usage ends the program."""
    options = None
    with suppress(SystemExit):
        options = _parsed(arguments)
    assert options or "--help" in arguments, f"microchar {shlex.join(arguments)}"
    return options


def run_by_python(arguments):
    """Run a line of Python; of a file or folder, see that it exists."""
    if arguments[0] == "-c":
        exec(arguments[1], {})
    elif arguments[0] != "-m":
        assert (ROOT / arguments[0]).exists(), arguments[0]


@pytest.mark.parametrize("page", [name for name in of("python") if name not in TESTED])
def test_the_python_of_a_page_runs_in_order(page, files, capsys):
    array = files(SHAPES.get(page, SMALL))
    names = {"fake": array, "fake_array": array, "other_array": array[::-1].copy()}
    if "import microchar" not in PAGES[page]:
        names["mc"] = mc
    for block in blocks(PAGES[page], "python"):
        exec(block, names)


@pytest.mark.parametrize("page", TESTED)
def test_the_python_of_other_pages_is_run_elsewhere(page):
    assert blocks(PAGES[page], "python")
    assert page.rpartition("/")[2].partition(".")[0].split("_")[0] in TESTED[page].read_text(encoding="utf-8")


@pytest.mark.parametrize("page", of("toml"))
def test_toml_is_read(page, files):
    files(SMALL)
    for block in blocks(PAGES[page], "toml"):
        keys = tomllib.loads(block)
        if "project" not in keys:  # a study
            with open("study.toml", "w", encoding="utf-8") as file:
                file.write(block)
            assert parsed(["report", "--config", "study.toml"]).voxel_size == keys["voxel-size"]


def test_every_option_that_is_named_exists():
    _, choices, _ = _parser()
    known = {"--cell"}  # of the generator that the page on plugins makes
    known |= {option for command in choices.values() for action in command._actions for option in action.option_strings}
    for spec in generator_specs().values():
        if spec.obstacle():
            pytest.skip(f"{spec.id}: {spec.obstacle()}")
        known |= {f"--{each.name.replace('_', '-')}" for each in parameters_of(spec.load())}
    for script in [*(ROOT / "benchmarks").rglob("*.py"), *(ROOT / "examples").rglob("*.py")]:
        known |= set(re.findall(r'add_argument\(\s*"(--[\w-]+)"', script.read_text(encoding="utf-8")))
    for page, text in PAGES.items():
        for literal in re.findall(r"``([^`]+)``|(?<!`)`([^`\n]+)`(?!`)", text):
            for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", "".join(literal)):
                assert option in known, f"{page}: {option}"
