"""3MF: coloured objects with their unit, as programs for printing read them (core specification 1.3)."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO
from xml.sax.saxutils import quoteattr

from microchar.surfaces.surface import Surface
from microchar.surfaces.text_lines import write_rows

FORMAT = "3MF"
SUFFIXES = (".3mf",)
SEVERAL = True
UNIT = "mm"

_MODEL = "3D/3dmodel.model"
_CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
_TYPES = f"""{_XML}<Types xmlns="{_PACKAGE}/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/>
</Types>
"""
_RELATIONS = f"""{_XML}<Relationships xmlns="{_PACKAGE}/relationships">
<Relationship Target="/{_MODEL}" Id="model" Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/>
</Relationships>
"""
_MARK = '<metadata name="Application">microchar '
#: Colours that differ for everybody (Okabe and Ito, 2008, Color universal design).
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
#: Id of the list of colours; those of objects follow.
_MATERIALS = 1


def write(path: Path, surfaces: Sequence[Surface]) -> None:
    """Write one object of its own colour per surface."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (("[Content_Types].xml", _TYPES), ("_rels/.rels", _RELATIONS)):
            archive.writestr(_entry(name), text)
        # The size of the text is known only when it is written.
        with archive.open(_entry(_MODEL), "w", force_zip64=True) as raw, io.TextIOWrapper(raw, "utf-8") as file:
            _write_model(file, surfaces)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)  # with a fixed time: equal surfaces make equal files
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _write_model(file: TextIO, surfaces: Sequence[Surface]) -> None:
    from microchar import __version__

    file.write(f'{_XML}<model unit="millimeter" xml:lang="en-US" xmlns="{_CORE}">\n')
    file.write(f"{_MARK}{__version__}</metadata>\n<resources>\n")
    file.write(f'<basematerials id="{_MATERIALS}">\n')
    for surface in surfaces:
        colour = _COLOURS[surface.label % len(_COLOURS)]
        file.write(f'<base name={quoteattr(surface.phase)} displaycolor="{colour}"/>\n')
    file.write("</basematerials>\n")
    ids = range(_MATERIALS + 1, _MATERIALS + 1 + len(surfaces))
    for number, surface in zip(ids, surfaces, strict=True):
        material = f'pid="{_MATERIALS}" pindex="{number - ids[0]}"'
        file.write(
            f'<object id="{number}" type="model" name={quoteattr(surface.phase)} {material}>\n<mesh>\n<vertices>\n'
        )
        write_rows(file, '<vertex x="%.9g" y="%.9g" z="%.9g"/>\n', surface.points)
        file.write("</vertices>\n<triangles>\n")
        write_rows(file, '<triangle v1="%d" v2="%d" v3="%d"/>\n', surface.triangles)
        file.write("</triangles>\n</mesh>\n</object>\n")
    file.write("</resources>\n<build>\n")
    file.writelines(f'<item objectid="{number}"/>\n' for number in ids)
    file.write("</build>\n</model>\n")


def wrote(path: Path) -> bool:
    """Return whether the model says that microchar made it."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_MODEL) as file:
            return _MARK.encode("ascii") in file.read(1000)
    except (zipfile.BadZipFile, KeyError):
        return False
