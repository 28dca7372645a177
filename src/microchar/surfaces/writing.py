"""`write_surfaces`: surfaces to files for printers and viewers."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Sequence
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import microchar.surfaces.formats
from microchar.core.errors import InputError
from microchar.core.files import ANY, PathLike, Replacing, file_path, write_together
from microchar.core.registry import module_names
from microchar.core.units import convert, parse_length
from microchar.surfaces.surface import Surface


class MeshFormat(Protocol):
    """What a module of `microchar.surfaces.formats` must define.

    Attributes
    ----------
    FORMAT : str
        Name of the format, for display.
    SUFFIXES : tuple of str
        Endings of the names of such files, in lower case.
    SEVERAL : bool
        Whether a file holds several surfaces by name; if not, each goes to its own file.
    UNIT : str
        Unit in which programs take the lengths; "" if they take them as they are.
    """

    FORMAT: str
    SUFFIXES: tuple[str, ...]
    SEVERAL: bool
    UNIT: str

    def write(self, path: Path, surfaces: Sequence[Surface]) -> None:
        """Write surfaces, one if the format is not for several."""

    def wrote(self, path: Path) -> bool:
        """Return whether microchar wrote a file."""


@cache
def mesh_formats() -> dict[str, MeshFormat]:
    """Return the formats by suffix."""
    modules: list[Any] = [
        import_module(f"microchar.surfaces.formats.{name}") for name in module_names(microchar.surfaces.formats)
    ]
    return {suffix: module for module in modules for suffix in module.SUFFIXES}


def mesh_format(path: PathLike) -> MeshFormat | None:
    """Return the format of a file by its name, None if it is not one of surfaces."""
    return mesh_formats().get(Path(path).suffix.lower())


def write_surfaces(
    surfaces: Surface | Iterable[Surface],
    path: PathLike,
    *,
    print_size: str | None = None,
    replacing: Replacing = ANY,
) -> list[Path]:
    """Write surfaces of one volume to a file for printers or viewers: all of them, or nothing.

    Parameters
    ----------
    surfaces : Surface or sequence of Surface
        Surfaces of phases, as `microchar.phase_surface` makes them.
    path : str or path
        The suffix chooses the format:

        - ``.3mf``: one coloured object per surface, in millimetres;
        - ``.stl``: binary, in millimetres; several surfaces go to a file each, with the
          name of the phase behind the stem, ``rock-pore.stl``;
        - ``.ply``: binary, in the unit of the surface; a file each, too;
        - ``.obj``: one object per surface, in the unit of the surface.

        In formats in millimetres, a voxel of unknown size is one millimetre.
    print_size : str, optional
        Length of the longest edge of the whole volume, such as ``"100mm"``, to which the
        surfaces are scaled, so that all phases of a volume fit together. The lengths in
        the file are then in millimetres.
    replacing : Replacing, optional
        Which existing files may be replaced; by default all regular files.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    InputError
        If the format is not known, or a file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import microchar as mc
    >>> cube = mc.phase_surface(np.ones((4, 4, 4), np.uint8))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path] = mc.write_surfaces(cube, f"{folder}/cube.stl", print_size="10cm")
    >>> path.name
    'cube.stl'
    """
    surfaces = [surfaces] if isinstance(surfaces, Surface) else list(surfaces)
    files = surface_files(path, [surface.phase for surface in surfaces])
    format_ = known_format(path)
    if print_size is not None:
        surfaces = [surface.scaled(scale_to(print_size, surface.extent), "mm") for surface in surfaces]
    elif format_.UNIT:
        surfaces = [surface.in_unit(format_.UNIT) for surface in surfaces]
    parts = [surfaces] if format_.SEVERAL else [[surface] for surface in surfaces]
    writers = {file.name: partial(format_.write, surfaces=part) for file, part in zip(files, parts, strict=True)}
    return list(write_together(files[0].parent, writers, replacing=replacing).values())


def known_format(path: PathLike) -> MeshFormat:
    """Return the format of a file by its name; raise InputError if it is not one of surfaces."""
    format_ = mesh_format(path)
    if format_ is None:
        raise InputError(f"{path}: surfaces are written as {', '.join(sorted(mesh_formats()))}; choose one of these")
    return format_


def surface_files(path: PathLike, phases: Collection[str]) -> list[Path]:
    """Return the files that `write_surfaces` writes for surfaces of these phases."""
    path = file_path(path)
    if not phases:
        raise InputError(f"{os.fspath(path)}: no surface to write, expected one or more")
    if len(phases) == 1 or known_format(path).SEVERAL:
        return [path]
    plain = (re.sub(r"[^\w.+-]", "_", phase) for phase in phases)
    names = [f"{path.stem}-{phase}{path.suffix}" for phase in plain]
    if len({name.casefold() for name in names}) < len(names):
        raise InputError(f"{path}: two phases would have the same file ({', '.join(names)}); write each by itself")
    return [path.with_name(name) for name in names]


def scale_to(print_size: str, extent: Sequence[float]) -> float:
    """Return the factor that makes the longest edge of a volume so long, in millimetres."""
    length, unit = parse_length(print_size)
    if unit == "voxel" or length <= 0:
        raise InputError(f"print_size={print_size!r}: expected a length with a unit, greater than 0, such as '100mm'")
    return convert(length, unit, "mm") / max(extent)
