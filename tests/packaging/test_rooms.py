"""The order of the rooms: imports go one way down the list, modules form no circle, the way through is short."""

from __future__ import annotations

import ast
from functools import cache

import pytest

from conftest import ROOT

ROOMS = (
    *("cli", "report", "testing", "datasets", "generators", "generation", "comparison"),
    *("metrics", "stokes", "diffusion", "measurement", "io", "surfaces", "kernels", "core"),
)
#: Rooms that may import less than what stands below them.
ONLY = {"stokes": {"diffusion", "kernels", "core"}, "diffusion": {"kernels", "core"}, "surfaces": {"kernels", "core"}}
FILES = {
    ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("microchar", "microchar_gan")
    for path in sorted((ROOT / "src" / package).rglob("*.py"))
}


def at_run_time(tree):
    """Walk a tree without what type checkers alone read."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield node
            yield from at_run_time(node)


@cache
def imports():
    """Return what each module imports of the two packages, in functions too."""
    graph = {}
    for module, path in FILES.items():
        named = set()
        for node in at_run_time(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                named |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: a relative import, expected the full name"
                inside = {f"{node.module}.{alias.name}" for alias in node.names}
                # `from package import name` takes a module or what the package itself defines.
                named |= {name if name in FILES else node.module for name in inside}
        graph[module] = {name for name in named if name in FILES} - {module}
    return graph


def room(module):
    """Return the room of a module, "" at the top of microchar; all of microchar_gan stands above the rooms."""
    package, _, rest = module.partition(".")
    name = rest.partition(".")[0]
    return package if package != "microchar" else name if name in ROOMS else ""


def longest_chain(graph):
    """Return the longest way along the imports of a graph; ValueError with the circle where there is one."""
    longest = {}

    def follow(node, above):
        if node in above:
            raise ValueError(" -> ".join((*above[above.index(node) :], node)))
        if node not in longest:
            ways = (follow(other, (*above, node)) for other in sorted(graph[node]))
            longest[node] = [node, *max(ways, key=len, default=[])]
        return longest[node]

    return max((follow(node, ()) for node in sorted(graph)), key=len)


def rooms_below():
    """Return what rooms each room imports."""
    graph = {name: set() for name in ROOMS}
    for module, others in imports().items():
        if room(module) in graph:
            graph[room(module)] |= {room(other) for other in others if room(other) in graph} - {room(module)}
    return graph


def test_rooms_import_down_the_list_only():
    wrong = []
    for module in (module for module in imports() if room(module) != "microchar_gan"):
        name = room(module)
        below = ONLY.get(name, set(ROOMS[ROOMS.index(name) + 1 :] if name else ROOMS))
        wrong += [f"{module} -> {other}" for other in imports()[module] if room(other) not in {name, "", *below}]
    assert not wrong, "\n".join(["imports that do not go down the list of rooms:", *sorted(wrong)])


def test_no_modules_import_each_other_in_a_circle():
    longest_chain(imports())


def test_a_circle_is_found():
    assert longest_chain({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == ["a", "b", "c"]
    with pytest.raises(ValueError, match="b -> c -> b"):
        longest_chain({"a": {"b"}, "b": {"c"}, "c": {"b"}})


def test_the_longest_chain_of_rooms_is_short():
    chain = longest_chain(rooms_below())
    assert len(chain) <= 8, f"{len(chain)} rooms in a row: {' -> '.join(chain)}"


def test_the_top_of_the_package_fits_on_a_screen():
    entries = sorted(path.name for path in (ROOT / "src" / "microchar").iterdir() if path.name != "__pycache__")
    assert len(entries) <= 19, entries
    assert {name for name in entries if "." not in name} == set(ROOMS)


def test_no_module_is_named_like_a_function_that_it_defines():
    same = [
        module
        for module, path in FILES.items()
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == module.rpartition(".")[2]
    ]
    assert not same, same
