"""Read the voxel size of a TIFF file from its OME, ImageJ or tifffile metadata or from its resolution tags."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from microchar.core.errors import InputError
from microchar.core.units import canonical_unit, convert

if TYPE_CHECKING:
    import tifffile

#: Edge lengths of a voxel along axes 0, 1, 2 (None if not stated), and the unit of each.
Edges = tuple[Sequence[float | None], Sequence[str]]

#: Image software writes dots per inch up to this number. Smaller voxels than that do not come from a scan of paper.
_PRINT_DPI = 1200
#: Values of the tag ResolutionUnit, and lengths in centimetres of those that are units.
_NO_UNIT, _INCH, _CENTIMETRE = 1, 2, 3
_RESOLUTION_UNITS = {_INCH: 2.54, _CENTIMETRE: 1.0}


def stated_voxel_size(file: tifffile.TiffFile, ndim: int) -> tuple[tuple[float, float, float] | None, str, str]:
    """Return the voxel size, its unit, and a note on where they come from (or why they are missing).

    OME and ImageJ metadata are trusted, and a unit in the JSON description that tifffile
    writes. Without them, resolution tags are used as voxel size only if they cannot come
    from ordinary image software. Dots per inch up to 1200 state the size of a printed
    picture (72, 96, 300, also if written per centimetre), or they are pixels per a unit
    that is not named, since inch is what tifffile names unasked.
    """
    if file.ome_metadata and (edges := _ome(file.ome_metadata)) is not None:
        return _resolved(edges, "OME metadata", ndim)
    if file.imagej_metadata and (edges := _per_named_unit(file, file.imagej_metadata)) is not None:
        return _resolved(edges, "ImageJ metadata", ndim)
    described = _description(file)
    if (edges := _physical_sizes(described.get) or _described(file, described)) is not None:
        return _resolved(edges, "tifffile metadata", ndim)
    return _from_tags(file, ndim)


def _description(file: tifffile.TiffFile) -> Mapping[str, Any]:
    """Return what tifffile wrote as JSON, with the keys that its users give."""
    try:
        described = json.loads(file.pages.first.description)
    except ValueError:
        return {}
    return described if isinstance(described, dict) else {}


def _resolved(edges: Edges, origin: str, ndim: int) -> tuple[tuple[float, float, float] | None, str, str]:
    sizes, units = edges
    x = sizes[2]
    if x is None:
        return None, "voxel", ""
    try:
        names = [canonical_unit(unit) for unit in units]
        y = x if sizes[1] is None else convert(sizes[1], names[1], names[2])
        z = x if sizes[0] is None else convert(sizes[0], names[0], names[2])
    except InputError:
        return (
            None,
            "voxel",
            f"the {origin} state lengths in {'/'.join(dict.fromkeys(units))}, which is not a known unit",
        )
    if names[2] == "voxel" and x == y == z:
        return None, "voxel", ""
    assumed = (
        " (distance between planes not stated, assumed equal to the pixel size)"
        if sizes[0] is None and ndim == 3
        else ""
    )
    return (z, y, x), names[2], f"voxel size read from {origin}{assumed}"


def _ome(xml: str) -> Edges | None:
    try:
        elements = ElementTree.fromstring(xml).iter()
    except ElementTree.ParseError:
        return None
    pixels = next((element for element in elements if element.tag.endswith("}Pixels")), None)
    return None if pixels is None else _physical_sizes(pixels.get)


def _physical_sizes(stated: Callable[[str], Any]) -> Edges | None:
    if stated("PhysicalSizeX") is None:
        return None
    sizes = [_positive(stated(f"PhysicalSize{axis}")) for axis in "ZYX"]
    return sizes, [str(stated(f"PhysicalSize{axis}Unit") or "µm") for axis in "ZYX"]


def _per_named_unit(file: tifffile.TiffFile, stated: Mapping[str, Any]) -> Edges | None:
    # ImageJ writes the micro sign as an escape sequence.
    unit = str(stated.get("unit", "")).replace("\\u00B5", "µ")
    if unit in ("", "inch"):  # ImageJ copies this unit from the tags of a picture
        return None
    units = [str(stated.get(key, unit)).replace("\\u00B5", "µ") for key in ("zunit", "yunit")]
    tags = file.pages.first.tags
    sizes = [_positive(stated.get("spacing")), *(_edge(tags.valueof(f"{axis}Resolution")) for axis in "YX")]
    return sizes, [*units, unit]


def _described(file: tifffile.TiffFile, stated: Mapping[str, Any]) -> Edges | None:
    edges = _per_named_unit(file, stated)
    tags = file.pages.first.tags
    resolutions, unit = [tags.valueof(f"{axis}Resolution") for axis in "YX"], tags.valueof("ResolutionUnit", _INCH)
    if edges is None or (unit == _NO_UNIT and resolutions == [(1, 1), (1, 1)]):  # what is written where none is given
        return None
    if unit != _CENTIMETRE:  # inch is written unasked: pixels are per the unit of the description
        return edges
    sizes, units = edges  # a centimetre is not
    return [sizes[0], *(_edge(resolution, 1e4) for resolution in resolutions)], [units[0], "um", "um"]


def _from_tags(file: tifffile.TiffFile, ndim: int) -> tuple[tuple[float, float, float] | None, str, str]:
    tags = file.pages.first.tags
    unit = int(tags.valueof("ResolutionUnit", _INCH))
    centimetres = _RESOLUTION_UNITS.get(unit)
    sizes = [_edge(tags.valueof(f"{axis}Resolution"), (centimetres or 0) * 1e4) for axis in "YX"]
    if not centimetres or None in sizes:
        return None, "voxel", ""
    dpi = [25400 / size for size in sizes if size]
    # Inch is what many programs name unasked, whatever the unit; a centimetre is believed unless it holds whole dpi.
    if all(number < _PRINT_DPI + 0.5 and (unit == _INCH or abs(number - round(number)) < 0.05) for number in dpi):
        note = f"its resolution of {round(dpi[1], 1):g} dots per inch is what image software writes for any image"
        return None, "voxel", note
    return _resolved(([None, *sizes], ["um"] * 3), "the resolution tags", ndim)


def _edge(resolution: tuple[int, int] | None, factor: float = 1.0) -> float | None:
    """Convert a resolution (pixels per unit, as a fraction) to the edge length of a pixel times a factor."""
    if resolution is None or min(resolution) <= 0:
        return None
    pixels, units = resolution
    edge = units / pixels * factor
    # ImageJ truncates pixels per unit to millionths, so that an edge of 15.2 would be read as 15.20011: return the
    # number with the fewest digits within this rounding error.
    reach = min(1 / pixels, 1e-3) if units == 10**6 else 1e-9
    for digits in range(1, 16):
        rounded = float(f"{edge:.{digits}g}")
        if abs(rounded - edge) <= reach * edge:
            return rounded
    return edge


def _positive(length: Any) -> float | None:
    try:
        size = abs(float(length or 0))
    except (ValueError, TypeError, OverflowError):
        return None
    return size if 0 < size < float("inf") else None
