"""Small pieces of real materials, as published: TIFF files of this package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from microchar.core.errors import InputError
from microchar.core.text import did_you_mean
from microchar.core.volume import Volume
from microchar.io.reading import read_volume

_FOLDER = Path(__file__).parent / "volumes"


def path(name: str) -> Path:
    """Return the TIFF file of a real volume, for the command line and for other programs.

    Parameters
    ----------
    name : {"berea", "cast_iron", "ketton", "nmc_cathode", "separator"}

    Returns
    -------
    pathlib.Path
        The file; the file beside it with the suffix ``.txt`` holds source and licence.

    Raises
    ------
    InputError
        If there is no volume of that name.

    Examples
    --------
    >>> import microchar as mc
    >>> file = mc.datasets.path("ketton")
    >>> file.name, file.with_suffix(".txt").exists()
    ('ketton.tif', True)
    """
    known = sorted(file.stem for file in _FOLDER.glob("*.tif"))
    if name not in known:
        raise InputError(f"no volume {name!r}; {did_you_mean(name, known)}there are {', '.join(known)}")
    return _FOLDER / f"{name}.tif"


def berea() -> Volume:
    """Berea sandstone: "pore" and "grain", 128³ voxels of a micro-CT scan.

    The voxel size is not stated with the data. Users of the scan cite 3 µm, others
    5.345 µm.

    Returns
    -------
    Volume

    Examples
    --------
    >>> import microchar as mc
    >>> rock = mc.datasets.berea()
    >>> rock.shape, rock.phases
    ((128, 128, 128), ('pore', 'grain'))
    """
    return _read("berea", {"pore": 0, "grain": 255})


def ketton() -> Volume:
    """Ketton limestone: "pore" and "grain", 128³ voxels of a micro-CT scan.

    The voxel size is not stated with the data; users of the scan cite 15.2 µm.

    Returns
    -------
    Volume

    Examples
    --------
    >>> import microchar as mc
    >>> mc.datasets.ketton().shape
    (128, 128, 128)
    """
    return _read("ketton", {"pore": 0, "grain": 255})


def nmc_cathode() -> Volume:
    """Calendered NMC cathode of a lithium-ion battery: "pore", "NMC" and "carbon-binder", 128³ voxels.

    The particles are from tomography, the carbon-binder domain was generated
    numerically. The voxel size is not stated with the data.

    Returns
    -------
    Volume

    Examples
    --------
    >>> import microchar as mc
    >>> mc.datasets.nmc_cathode().phases
    ('pore', 'NMC', 'carbon-binder')
    """
    return _read("nmc_cathode", {"pore": 0, "NMC": 1, "carbon-binder": 2})


def cast_iron() -> Volume:
    """Nodular cast iron GGG40: "graphite" and "iron", 100³ voxels of a micro-CT scan.

    The voxel size is not stated with the data.

    Returns
    -------
    Volume

    Examples
    --------
    >>> import microchar as mc
    >>> round(float((mc.datasets.cast_iron().read() == 0).mean()), 6)
    0.113944
    """
    return _read("cast_iron", {"graphite": 87, "iron": 182})


def separator() -> Volume:
    """Dry-stretched battery separator, strongly anisotropic: phases "0" and "1", 128 × 75 × 75 voxels.

    Voxel size, and which phase is the pore, are not stated with the data.

    Returns
    -------
    Volume

    Examples
    --------
    >>> import microchar as mc
    >>> mc.datasets.separator().shape
    (128, 75, 75)
    """
    return _read("separator", {"0": 0, "1": 1})


def _read(name: str, phases: Mapping[str, int]) -> Volume:
    return read_volume(path(name), phases=phases, name=name.replace("_", " "))
