"""A registry: ids stand in the objects, and a broken plugin takes no other with it."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from microchar.core import registry
from microchar.core.errors import InputError
from microchar.core.registry import Registry

pytestmark = pytest.mark.property


class Tool:
    """What is registered here."""

    def __init__(self, id):
        self.id = id


@pytest.fixture
def tools(monkeypatch):
    """Give a function from entry points, name to object, to the registry that has them for plugins."""

    def make(**plugins):
        module = ModuleType("some_plugins")
        vars(module).update(plugins)
        monkeypatch.setitem(sys.modules, "some_plugins", module)
        points = [EntryPoint(name, f"some_plugins:{name}", "tools") for name in plugins]
        monkeypatch.setattr(registry, "entry_points", lambda group: points)
        return Registry("tool", "tools", Tool, listing="`tools list`")

    return make


def test_the_id_counts_and_not_the_name_of_the_entry_point(tools):
    saw = Tool("saw")
    found = tools(anything=saw)
    assert found.names() == ("saw",)
    assert found.find("saw") is saw


def test_an_unknown_id_suggests_the_nearest(tools):
    found = tools(a=Tool("hammer"), b=Tool("saw"))
    with pytest.raises(InputError, match=r"unknown tool 'hamer': did you mean 'hammer'\? `tools list` lists all"):
        found.find("hamer")
    with pytest.raises(InputError, match="unknown tool 'x': `tools list`"):
        found.find("x")


@pytest.mark.parametrize(
    ("plugin", "reason"),
    [(3, "it refers to 3, expected a .*Tool"), (int, "expected a subclass of .*Tool"), (Tool(None), "has no id")],
)
def test_a_broken_plugin_is_a_warning_that_names_it_and_the_others_go_on(tools, plugin, reason):
    found = tools(broken=plugin, good=Tool("saw"))
    with pytest.warns(UserWarning, match=rf"tool 'broken' \(some_plugins:broken\) is left out, .*{reason}"):
        assert found.names() == ("saw",)


def test_a_plugin_that_raises_is_a_warning_too(tools, monkeypatch):
    found = tools(good=Tool("saw"))
    points = [*registry.entry_points(group="tools"), EntryPoint("gone", "no_such_module:tool", "tools")]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    with pytest.warns(UserWarning, match="tool 'gone' .* is left out, it cannot be read: ModuleNotFoundError"):
        assert found.names() == ("saw",)


def test_of_two_plugins_of_one_id_the_first_is_used(tools):
    first, second = Tool("saw"), Tool("saw")
    found = tools(a=first, b=second)
    with pytest.warns(UserWarning, match="two tools are named 'saw': some_plugins:a is used and some_plugins:b"):
        assert found.find("saw") is first
