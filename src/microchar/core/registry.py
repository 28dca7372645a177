"""`Registry`: the installed objects of one kind (metrics, generators, models), by id.

Each object has an attribute ``id``. Built-in objects may be the modules of a package, named like the ids. Other
distributions register their objects through an entry-point group. A plugin that is broken or whose id is taken
already is left out, with a warning that names it, so that it cannot stop commands that do not use it.
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
    """Return the names of the modules of a package, except those with a leading underscore, without importing them."""
    names = [module.name for module in pkgutil.iter_modules(package.__path__)]
    return sorted(name for name in names if not name.startswith("_"))


class Registry(Generic[T]):
    """Objects of one kind, by id.

    Parameters
    ----------
    kind : str
        Name of the kind in messages, such as "metric".
    group : str
        Entry-point group through which other distributions register their objects.
    base : type
        Class that each object must be an instance of or, if the object is a class, derive from.
    listing : str
        Command that lists the objects, for messages.
    package : str, optional
        Package whose modules hold the built-in objects; each module is named like the id of its
        object. The modules are found without importing them. The ids in ``package.ORDER`` come
        first, in that order.
    """

    def __init__(self, kind: str, group: str, base: type, *, listing: str, package: str = ""):
        self.kind, self.group, self.listing, self.package = kind, group, listing, package
        self._base = base

    def names(self) -> tuple[str, ...]:
        """Return all ids: those of built-in objects in the order of their package, then those of plugins, sorted."""
        return (*self._built_in, *(name for name in self.plugins if name not in self._built_in))

    def find(self, name: str) -> T:
        """Return the object with an id; raise InputError, which suggests the most similar id, if the id is unknown."""
        if name in self._built_in:
            return self._of_module(name)
        if name in self.plugins:
            return self.plugins[name]
        hint = did_you_mean(name, self.names())
        raise InputError(f"unknown {self.kind} {name!r}: {hint}{self.listing} lists all of them")

    @cached_property
    def plugins(self) -> Mapping[str, T]:
        """Objects named by entry points, by id; broken plugins and duplicate ids are left out with a warning."""
        by_id: dict[str, T] = {}
        origin = {name: f"{self.package}.{name}" for name in self._built_in}
        for point in sorted(set(entry_points(group=self.group)), key=_own_first):
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
            by_id[name] = plugin
        return by_id

    def _read(self, point: EntryPoint) -> T | None:
        try:
            plugin = point.load()
            reason = self._objection(plugin)
        except Exception as error:  # noqa: BLE001 - a plugin may raise any exception, and must not disable the others
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
            return f"it refers to {plugin!r}, expected {expected}"
        return "" if isinstance(getattr(plugin, "id", None), str) else f"{plugin!r} has no id"

    @cached_property
    def _built_in(self) -> tuple[str, ...]:
        if not self.package:
            return ()
        package = import_module(self.package)
        order = {name: position for position, name in enumerate(package.ORDER)}
        return tuple(sorted(module_names(package), key=lambda name: order.get(name, len(order))))

    def _of_module(self, name: str) -> T:
        members = vars(import_module(f"{self.package}.{name}")).values()
        return cast(T, next(member for member in members if not self._objection(member) and member.id == name))


def _own_first(point: EntryPoint) -> tuple[bool, str, str]:
    # What comes with microchar goes before plugins of the same id.
    return point.dist is None or point.dist.name != "microchar", point.name, point.value
