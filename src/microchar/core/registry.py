"""`Registry`: what is installed of one kind (metrics, generators, models), by id.

Ids stand in the objects themselves. Built-in objects may be the files of a package, named like the ids; other
distributions bring theirs through an entry-point group. A broken or doubled plugin is a warning that names it: it
must not stop commands that have nothing to do with it.
"""

from __future__ import annotations

import pkgutil
import warnings
from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Generic, TypeVar, cast

from microchar.core.errors import InputError
from microchar.core.text import did_you_mean

T = TypeVar("T")


def module_names(package: ModuleType) -> list[str]:
    """Return the names of a package's modules, but for those that begin with an underscore; none is imported."""
    names = [module.name for module in pkgutil.iter_modules(package.__path__)]
    return sorted(name for name in names if not name.startswith("_"))


class Registry(Generic[T]):
    """Objects of one kind by their ids.

    Parameters
    ----------
    kind : str
        What they are called in messages, such as "metric".
    group : str
        Entry-point group under which distributions name theirs.
    base : type
        What each must be an instance of or, for classes, derive from.
    listing : str
        Command that lists them, for messages.
    package : str, optional
        Package whose modules hold the built-in objects, each named like the id. They are found
        without being imported. The order in ``package.ORDER`` comes first.
    """

    def __init__(self, kind: str, group: str, base: type, *, listing: str, package: str = ""):
        self.kind, self.group, self.listing, self.package = kind, group, listing, package
        self._base = base

    def names(self) -> tuple[str, ...]:
        """Return all ids: built-in ones in the order of their package, then plugins sorted."""
        return (*self._built_in, *(name for name in self.plugins if name not in self._built_in))

    def find(self, name: str) -> T:
        """Return the object of an id; an unknown id is an InputError that suggests the nearest."""
        if name in self._built_in:
            return self._of_module(name)
        if name in self.plugins:
            return self.plugins[name]
        hint = did_you_mean(name, self.names())
        raise InputError(f"unknown {self.kind} {name!r}: {hint}{self.listing} lists all of them")

    @cached_property
    def plugins(self) -> Mapping[str, T]:
        """What the entry points name, by id; whatever is broken or doubled is left out with a warning."""
        found: dict[str, T] = {}
        origin = {name: f"{self.package}.{name}" for name in self._built_in}
        for point in sorted(set(entry_points(group=self.group)), key=lambda point: (point.name, point.value)):
            plugin = self._read(point)
            if plugin is None:
                continue
            name = plugin.id  # type: ignore[attr-defined]
            if origin.setdefault(name, point.value) != point.value:
                warnings.warn(
                    f"two {self.kind}s are named {name!r}: {origin[name]} is used and {point.value} is left out; "
                    "uninstall one of the distributions",
                    stacklevel=2,
                )
                continue
            found[name] = plugin
        return found

    def _read(self, point: EntryPoint) -> T | None:
        try:
            plugin = point.load()
            reason = self._objection(plugin)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything, and must not take the others with it
            reason = f"it cannot be read: {type(error).__name__}: {error}"
        if not reason:
            return cast(T, plugin)
        warnings.warn(f"{self.kind} {point.name!r} ({point.value}) is left out, {reason}", stacklevel=2)
        return None

    def _objection(self, plugin: object) -> str:
        expected = f"{self._base.__module__}.{self._base.__qualname__}"
        if isinstance(plugin, type):
            fits, expected = issubclass(plugin, self._base), f"a subclass of {expected}"
        else:
            fits, expected = isinstance(plugin, self._base), f"a {expected}"
        if not fits:
            return f"it names {plugin!r}, expected {expected}"
        return "" if isinstance(getattr(plugin, "id", None), str) else f"{plugin!r} has no id"

    @cached_property
    def _built_in(self) -> tuple[str, ...]:
        if not self.package:
            return ()
        package = import_module(self.package)
        order = {name: place for place, name in enumerate(package.ORDER)}
        return tuple(sorted(module_names(package), key=lambda name: order.get(name, len(order))))

    def _of_module(self, name: str) -> T:
        found = vars(import_module(f"{self.package}.{name}")).values()
        return cast(T, next(one for one in found if not self._objection(one) and one.id == name))
