"""NRRD: header and voxels in one file (.nrrd), or the header beside the voxels (.nhdr); raw voxels stay on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from microchar.core.errors import InputError
from microchar.core.special_files import refuse_special
from microchar.io.image import (
    DAMAGE,
    Image,
    Options,
    optional,
    phases_from,
    phases_text,
    refuse_beyond_memory,
    refuse_shorter_than,
    stated_size,
)

FORMAT = "NRRD"
SUFFIXES = (".nrrd", ".nhdr")

#: Key of a header under which microchar keeps the names of phases.
_PHASES = "microchar phases"
#: Keys of a header whose voxels do not begin right behind it.
_ELSEWHERE = {"data file", "datafile", "byte skip", "byteskip", "line skip", "lineskip"}


def read(path: Path, options: Options) -> Image:
    """Read the voxels; the first axis of NRRD runs fastest and is axis 2 here."""
    del options
    nrrd = optional("nrrd", path)
    try:
        with path.open("rb") as file:
            header = nrrd.read_header(file)
            offset = file.tell()
        for key in ("data file", "datafile"):
            if key in header:
                refuse_special(path.parent / str(header[key]))
        shape = tuple(int(n) for n in header["sizes"])[::-1]
        dtype = np.dtype(nrrd.reader._determine_datatype(header))
        if header["encoding"] == "raw" and not _ELSEWHERE & set(header):
            refuse_shorter_than(path, offset, shape, dtype)
            values = np.memmap(path, dtype, "r", offset, shape)
        else:
            refuse_beyond_memory(path, shape, dtype)
            values = nrrd.read(str(path), index_order="C")[0]
        return Image(values, **_size(header), phases=phases_from(str(header.get(_PHASES, "")), path))
    except InputError:
        raise
    except (nrrd.NRRDError, TypeError, *DAMAGE) as error:
        raise InputError(
            f"{path}: not a NRRD file, or damaged ({str(error) or type(error).__name__}); export it again"
        ) from error


def write(path: Path, image: Image) -> None:
    """Write voxels without compression, with voxel size and phase names."""
    nrrd = optional("nrrd", path)
    header: dict[str, Any] = {"encoding": "raw", "endian": "little"}
    if image.voxel_size is not None:
        # pynrrd takes the header in the order of the file, where axis 2 comes first.
        header["space dimension"] = 3
        header["space directions"] = np.diag(image.voxel_size[::-1])
        header["space units"] = [image.unit] * 3
    if image.phases:
        header[_PHASES] = phases_text(image.phases)
    values = image.read()
    values = values.astype(values.dtype.newbyteorder("<"), copy=False)
    nrrd.write(str(path), values, header, index_order="C", custom_field_map={_PHASES: "string"})


def _size(header: dict[str, Any]) -> dict[str, Any]:
    if "space directions" in header:
        sizes = np.linalg.norm(np.atleast_2d(header["space directions"]), axis=1)[::-1]
    elif "spacings" in header:
        sizes = np.asarray(header["spacings"], float)[::-1]
    else:
        return {}
    edges = sizes[~np.isnan(sizes)].tolist()
    units = {str(unit) for unit in header.get("space units", header.get("units", [])) if str(unit)}
    if len(edges) < len(header["sizes"]) or len(edges) not in (2, 3) or len(units) > 1:
        return {"voxel_size_note": "the NRRD header does not state one length for each axis, in one unit"}
    edges = [edges[0], *edges] if len(edges) == 2 else edges
    return stated_size(edges, "".join(units), "the NRRD header")
