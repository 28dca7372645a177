"""HDF5: one dataset of a file, ``file.h5::group/dataset``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from microchar.core.errors import InputError
from microchar.io.formats._datasets import choose_array
from microchar.io.image import DAMAGE, Box, Image, Options, Stored, optional, phases_from, phases_text, stated_size

FORMAT = "HDF5"
SUFFIXES = (".h5", ".hdf5", ".he5", ".h5:", ".hdf5:", ".he5:")

#: Name of the dataset that microchar writes, and attributes of it.
_NAME, _SIZE, _UNIT, _PHASES = "volume", "voxel_size", "unit", "phases"


def read(path: Path, options: Options) -> Image:
    """Find the dataset named behind "::", or the only one that can be a volume."""
    with _opened(path) as file:
        datasets: dict[str, Any] = {}

        def collect(name: str, item: Any) -> None:
            if _is_array(item):
                datasets[name] = item

        file.visititems(collect)
        name = choose_array(path, {name: item.shape for name, item in datasets.items()}, options.key)
        dataset = datasets[name]
        return Image(
            Stored(path, dataset.shape, dataset.dtype, partial(_load, path, name)),
            **_size(dataset),
            phases=phases_from(_text(dataset, _PHASES), path),
        )


def _load(path: Path, name: str, box: Box) -> np.ndarray:
    with _opened(path) as file:
        return np.asarray(file[name][box])


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    h5py = optional("h5py", path)
    try:
        with h5py.File(path, "r") as file:
            yield file
    except InputError:
        raise
    except (TypeError, *DAMAGE) as error:
        raise InputError(f"{path}: not an HDF5 file, or damaged ({error}); export it again") from error


def write(path: Path, image: Image) -> None:
    """Write the voxels as the dataset "volume", compressed, with voxel size and phase names as attributes."""
    h5py = optional("h5py", path)
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset(_NAME, data=image.read(), chunks=True, compression="gzip", compression_opts=1)
        if image.voxel_size is not None:
            dataset.attrs[_SIZE] = image.voxel_size
            dataset.attrs[_UNIT] = _fixed(image.unit)
        if image.phases:
            dataset.attrs[_PHASES] = _fixed(phases_text(image.phases))


def _is_array(item: Any) -> bool:
    return hasattr(item, "shape") and hasattr(item, "dtype") and item.dtype.kind in "biuf" and len(item.shape) > 1


def _fixed(text: str) -> np.bytes_:
    # Texts of any length are kept in a heap, on which HDF5 waits for ever if the heap is damaged.
    return np.bytes_(text.encode("utf-8"))


def _text(dataset: Any, key: str) -> str:
    text = dataset.attrs.get(key, "")
    return text.decode("utf-8") if isinstance(text, bytes) else str(text)


def _size(dataset: Any) -> dict[str, Any]:
    # ilastik and many others write element_size_um.
    for key, unit in ((_SIZE, _text(dataset, _UNIT)), ("element_size_um", "um")):
        sizes = np.asarray(dataset.attrs.get(key, ()), float).ravel()
        if len(sizes) == 3:
            return stated_size(sizes.tolist(), unit, f"the attribute {key!r}")
    return {}
