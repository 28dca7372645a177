"""Files that hold several arrays: which one is the volume."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from microchar.core.errors import InputError


def choose_array(path: Path, shapes: Mapping[str, tuple[int, ...]], key: str) -> str:
    """Return the name of the array that was asked for or, without a name, of the only one with two or three axes.

    Parameters
    ----------
    path : Path
        The file, for messages.
    shapes : mapping of str to tuple of int
        Shape of each array of numbers in the file.
    key : str
        What stands behind "::" in the path; "" if nothing does.

    Raises
    ------
    InputError
        If there is no such array, or several could be meant.
    """
    names = {name.strip("/"): name for name in shapes}
    if key:
        if key.strip("/") not in names:
            raise InputError(f"{path}: has no array {key!r}; it holds {', '.join(names) or 'none'}")
        return names[key.strip("/")]
    volumes = [name for name, shape in shapes.items() if sum(n > 1 for n in shape) in (2, 3)]
    if len(volumes) == 1:
        return volumes[0]
    listed = ", ".join(f"{name.strip('/')} {shape}" for name, shape in shapes.items()) or "none"
    advice = f"; name one, as in '{path}::{volumes[0].strip('/')}'" if volumes else ""
    raise InputError(f"{path}: expected one array of two or three axes, found {listed}{advice}")
