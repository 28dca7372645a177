"""Rooms import only from rooms below them, and no module imports itself by a detour."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter

from conftest import ROOT

ORDER = (
    *("cli", "report", "testing", "generators", "generation", "comparison", "metrics"),
    *("diffusion", "measurement", "io", "kernels", "core"),
)
FILES = {
    ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("microchar", "microchar_gan")
    for path in (ROOT / "src" / package).rglob("*.py")
}


def imported(name: str) -> set[str]:
    """Modules of ours that a module imports, inside functions too; for type checkers only does not count."""
    tree = ast.parse(FILES[name].read_text(encoding="utf-8"))
    checks = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)]
    skipped = {id(node) for check in checks for node in ast.walk(check)}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and id(node) not in skipped and node.module in FILES:
            found |= {full if (full := f"{node.module}.{one.name}") in FILES else node.module for one in node.names}
    return found - {name, "microchar"}


IMPORTS = {name: imported(name) for name in FILES}


def room(name: str) -> str:
    return name.split(".")[1]


def test_imports_go_down():
    inside = [(a, b) for a in IMPORTS for b in IMPORTS[a] if a.startswith("microchar.") and a != "microchar.__main__"]
    assert not [f"{a} imports {b}" for a, b in inside if b.startswith("microchar_gan")]
    assert not [f"{a} imports {b}" for a, b in inside if ORDER.index(room(a)) > ORDER.index(room(b))]
    assert not [a for a, b in inside if room(a) == "measurement" and room(b) == "metrics"]


def test_no_module_imports_itself_by_a_detour():
    TopologicalSorter(IMPORTS).prepare()  # raises CycleError, which names the circle


def test_no_module_is_named_like_a_function_that_it_holds():
    for name, path in FILES.items():
        functions = {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
        assert name.rpartition(".")[2] not in functions, name


def test_the_top_is_small():
    top = [entry.name for entry in (ROOT / "src" / "microchar").iterdir() if entry.name != "__pycache__"]
    assert len(top) <= 16, sorted(top)
