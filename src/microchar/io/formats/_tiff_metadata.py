"""Read the voxel size of a TIFF file from its OME or ImageJ metadata or from its resolution tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from microchar.core.errors import InputError
from microchar.core.units import canonical_unit, convert

if TYPE_CHECKING:
    import tifffile

#: Edge lengths of a voxel along axes 0, 1, 2 (None if not stated), and the unit of each.
Edges = tuple[Sequence[float | None], Sequence[str]]

#: Image software writes whole numbers of dots per inch up to this one. Smaller voxels than that do not come from a scan
#: of paper.
_PRINT_DPI = 1200
#: Length in centimetres of the units of the tag ResolutionUnit: inch, centimetre.
_RESOLUTION_UNITS = {2: 2.54, 3: 1.0}


def stated_voxel_size(file: tifffile.TiffFile, ndim: int) -> tuple[tuple[float, float, float] | None, str, str]:
    """Return the voxel size, its unit, and a note on where they come from (or why they are missing).

    OME and ImageJ metadata are trusted. Without them, resolution tags are used as
    voxel size only if they cannot come from ordinary image software: a whole number
    of dots per inch up to 1200 (72, 96, 300, also if written per centimetre) states
    the size of a printed picture, not the size of a voxel.
    """
    if file.ome_metadata and (edges := _ome(file.ome_metadata)) is not None:
        return _resolved(edges, "OME metadata", ndim)
    if file.imagej_metadata and (edges := _imagej(file, file.imagej_metadata)) is not None:
        return _resolved(edges, "ImageJ metadata", ndim)
    return _from_tags(file, ndim)


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
    if pixels is None or pixels.get("PhysicalSizeX") is None:
        return None
    sizes = [_positive(pixels.get(f"PhysicalSize{axis}")) for axis in "ZYX"]
    return sizes, [pixels.get(f"PhysicalSize{axis}Unit", "µm") for axis in "ZYX"]


def _imagej(file: tifffile.TiffFile, stated: Mapping[str, Any]) -> Edges | None:
    # ImageJ writes the micro sign as an escape sequence.
    unit = str(stated.get("unit", "")).replace("\\u00B5", "µ")
    if unit in ("", "inch"):  # ImageJ copies this unit from the tags of a picture
        return None
    units = [str(stated.get(key, unit)).replace("\\u00B5", "µ") for key in ("zunit", "yunit")]
    tags = file.pages.first.tags
    sizes = [_positive(stated.get("spacing")), *(_edge(tags.valueof(f"{axis}Resolution")) for axis in "YX")]
    return sizes, [*units, unit]


def _from_tags(file: tifffile.TiffFile, ndim: int) -> tuple[tuple[float, float, float] | None, str, str]:
    tags = file.pages.first.tags
    centimetres = _RESOLUTION_UNITS.get(int(tags.valueof("ResolutionUnit", 2)))
    sizes = [_edge(tags.valueof(f"{axis}Resolution"), (centimetres or 0) * 1e4) for axis in "YX"]
    if not centimetres or None in sizes:
        return None, "voxel", ""
    dpi = [25400 / size for size in sizes if size]
    if all(number < _PRINT_DPI + 0.5 and abs(number - round(number)) < 0.05 for number in dpi):
        return None, "voxel", f"its resolution of {dpi[1]:.0f} dots per inch is what image software writes by default"
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


def _positive(length: str | float | None) -> float | None:
    try:
        size = abs(float(length or 0))
    except ValueError:
        return None
    return size if 0 < size < float("inf") else None
