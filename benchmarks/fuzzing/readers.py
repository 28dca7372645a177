"""Independent readers: what a file holds according to another library than the one that microchar uses for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

_LONGEST_LINE = 1000


def read_independently(path: Path, kind: str) -> np.ndarray | None:
    """Return the grey values of a file; None if there is no independent reader, or it refuses the file."""
    reader = _READERS.get(kind)
    if reader is None:
        return None
    try:
        return np.asarray(reader(path))
    except Exception:  # noqa: BLE001 - the other reader may raise what it likes
        return None


def _npz(path: Path) -> np.ndarray:
    with np.load(path, allow_pickle=False) as archive:
        (name,) = archive.files
        return archive[name]


def _tif(path: Path) -> np.ndarray:
    """Return what Pillow and libtiff agree about; each of them gives up early on some damage that is not of voxels."""
    import imagecodecs
    from PIL import Image, ImageSequence

    with Image.open(path) as image:
        pages = np.stack([np.asarray(page) for page in ImageSequence.Iterator(image)])
    if not np.array_equal(pages, imagecodecs.tiff_decode(path.read_bytes(), index=None).reshape(pages.shape)):
        raise ValueError("the readers do not agree")
    return pages


def _itk(path: Path) -> np.ndarray:
    import SimpleITK

    start = path.read_bytes()[:20_000].partition(b"\n\n")[0]
    if max(map(len, start.split(b"\n"))) > _LONGEST_LINE:
        raise ValueError("a line on which SimpleITK's reader of NRRD crashes")

    return SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))


def _codec(name: str) -> Callable[[Path], np.ndarray]:
    def decode(path: Path) -> np.ndarray:
        import imagecodecs

        return getattr(imagecodecs, f"{name}_decode")(path.read_bytes())

    return decode


def _bmp(path: Path) -> np.ndarray:
    """Return the palette indices of an uncompressed image of 8 bits."""
    content = path.read_bytes()
    start, width, height = (int.from_bytes(content[at : at + 4], "little", signed=True) for at in (10, 18, 22))
    if content[28] != 8 or any(content[30:34]):
        raise ValueError("another kind of BMP")
    stride = -(-width // 4) * 4
    rows = np.frombuffer(content, np.uint8, abs(height) * stride, start).reshape(-1, stride)[:, :width]
    return rows[::-1] if height > 0 else rows


def _slices(path: Path) -> np.ndarray:
    return np.stack([_codec("png")(file) for file in sorted(path.iterdir())])


_READERS: dict[str, Callable[[Path], np.ndarray]] = {
    "npy": lambda path: np.load(path, allow_pickle=False),
    "npz": _npz,
    "tif": _tif,
    "raw": lambda path: np.fromfile(path, np.uint8),
    "nrrd": _itk,
    "nii": _itk,
    "nii.gz": _itk,
    "slices": _slices,
    "png": _codec("png"),
    "bmp": _bmp,
    "jpg": _codec("jpeg"),
}
