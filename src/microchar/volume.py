"""A segmented volume: labels, phases, voxel size; frozen; in memory or on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from microchar.errors import InputError
from microchar.units import canonical_unit, convert, parse_length

#: Label of a voxel that counts for nothing: outside the mask.
OUTSIDE = 255
#: More distinct grey values than this are taken for an image that was never segmented.
MAX_PHASES = 16

Triple = tuple[int, int, int]
#: A length argument: voxels (int), a text with a unit ("5um"), or one of either per axis.
LengthLike = int | str | Sequence[int | str]


@dataclass(frozen=True)
class Grid:
    """The lattice a volume lives on: its shape and its voxel size, without the voxels.

    Parameters
    ----------
    shape : tuple of int
        Voxels along axes 0, 1, 2 = (plane, row, column).
    voxel_size : tuple of float
        Edge lengths of a voxel along axes 0, 1, 2, in `unit`.
    unit : str
        Unit of length; "voxel" where no voxel size is known.
    """

    shape: Triple
    voxel_size: tuple[float, float, float] = (1.0, 1.0, 1.0)
    unit: str = "voxel"

    @property
    def axes(self) -> tuple[int, ...]:
        """Axes longer than one voxel; the others drop out everywhere."""
        return tuple(a for a in range(3) if self.shape[a] > 1)

    @property
    def ndim(self) -> int:
        """Number of axes longer than one voxel: 3 for a volume, 2 for an image."""
        return len(self.axes)

    @property
    def voxel_volume(self) -> float:
        """Volume of a voxel over the axes that count (an area for a 2D image)."""
        return float(np.prod([self.voxel_size[a] for a in self.axes]))

    def to_voxels(self, length: LengthLike, argument: str) -> Triple:
        """Turn a length argument into whole voxels per axis (0 on axes of length one)."""
        per_axis = [length] * 3 if isinstance(length, int | str | np.integer) else list(length)
        if len(per_axis) != 3:
            raise InputError(
                f"{argument}={length!r}: expected one length or one for each of the 3 axes, found {len(per_axis)}"
            )
        voxels = [0, 0, 0]
        for axis in self.axes:
            voxels[axis] = self._to_voxels(per_axis[axis], axis, argument)
            if voxels[axis] < 1:
                raise InputError(f"{argument}={length!r}: expected at least one voxel, found {voxels[axis]}")
        return (voxels[0], voxels[1], voxels[2])

    def _to_voxels(self, length: int | str, axis: int, argument: str) -> int:
        if not isinstance(length, str):
            if isinstance(length, bool) or length != int(length):
                raise InputError(f"{argument}={length!r}: expected whole voxels or a length such as '5um'")
            return int(length)
        number, unit = parse_length(length)
        if unit == "voxel":
            return round(number)
        return round(convert(number, unit, self.unit) / self.voxel_size[axis])


@dataclass(frozen=True, eq=False)
class Volume:
    """A segmented volume of two or more phases.

    Make one with `as_volume` (from an array) or `read_volume` (from a file);
    both check their input. The constructor itself does not.

    Parameters
    ----------
    values : ndarray, 3D, integer
        Grey values as stored, possibly memory-mapped.
    grey_values : tuple of int
        The grey value of each phase, ascending; a voxel's label is the position
        of its grey value in this tuple.
    phases : tuple of str
        Name of each phase, in the order of `grey_values`.
    voxel_size, unit
        See `Grid`.
    mask : ndarray of bool, 3D, optional
        True where voxels count.
    grey : ndarray, 3D, optional
        The unsegmented image, for the metrics that act on grey levels.
    name : str
        What the volume is called in tables and figures.
    source : mapping
        Where it came from (path, sha256, format); goes into the provenance.
    notes : tuple of str
        What was assumed or changed on the way in; shown in the report.
    """

    values: np.ndarray
    grey_values: tuple[int, ...]
    phases: tuple[str, ...]
    voxel_size: tuple[float, float, float] = (1.0, 1.0, 1.0)
    unit: str = "voxel"
    mask: np.ndarray | None = None
    grey: np.ndarray | None = None
    name: str = "volume"
    source: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def shape(self) -> Triple:
        """Voxels along axes 0, 1, 2."""
        n0, n1, n2 = self.values.shape
        return (int(n0), int(n1), int(n2))

    @property
    def grid(self) -> Grid:
        """Shape and voxel size."""
        return Grid(self.shape, self.voxel_size, self.unit)

    @property
    def n_phases(self) -> int:
        """Number of phases, absent ones that were named included."""
        return len(self.phases)

    def read(self, start: Sequence[int] = (0, 0, 0), stop: Sequence[int] | None = None) -> np.ndarray:
        """Labels of a box as a contiguous uint8 array; voxels outside the mask are `OUTSIDE`.

        Coordinates beyond the volume wrap around, which is what periodic axes need.
        """
        stop = self.shape if stop is None else stop
        labels = self._relabelled(_wrapped(self.values, start, stop))
        if self.mask is not None:
            labels[~_wrapped(self.mask, start, stop)] = OUTSIDE
        return labels

    def _relabelled(self, values: np.ndarray) -> np.ndarray:
        # A new array in any case: read() writes the mask into it.
        if self.grey_values == tuple(range(self.n_phases)):
            return np.array(values, dtype=np.uint8, order="C")
        if values.dtype == np.uint8:
            table = np.zeros(256, np.uint8)
            table[list(self.grey_values)] = np.arange(self.n_phases, dtype=np.uint8)
            return np.ascontiguousarray(table[values])
        return np.searchsorted(np.array(self.grey_values), values).astype(np.uint8)

    def grey_levels(self, start: Sequence[int] = (0, 0, 0), stop: Sequence[int] | None = None) -> np.ndarray:
        """Grey levels of a box: of the grey image where there is one, else of the phases.

        Without a grey image the phases, in ascending order of grey value, are
        spread evenly over 0..255 (two phases: 0, 255; three: 0, 127, 255).
        """
        stop = self.shape if stop is None else stop
        if self.grey is not None:
            return np.ascontiguousarray(_wrapped(self.grey, start, stop))
        table = np.zeros(256, np.uint8)
        table[: self.n_phases] = self.phase_levels()
        return table[self.read(start, stop)]

    def phase_levels(self) -> np.ndarray:
        """Grey level that stands for each phase where there is no grey image."""
        return np.arange(self.n_phases) * 255 // max(self.n_phases - 1, 1)

    def crop(self, start: Sequence[int], stop: Sequence[int]) -> Volume:
        """Return the box from `start` up to, not including, `stop`, as a view."""
        box = tuple(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
        return replace(
            self,
            values=self.values[box],
            mask=None if self.mask is None else self.mask[box],
            grey=None if self.grey is None else self.grey[box],
        )


def _wrapped(array: np.ndarray, start: Sequence[int], stop: Sequence[int]) -> np.ndarray:
    box = array
    for axis, (first, last, n) in enumerate(zip(start, stop, array.shape, strict=True)):
        if first >= 0 and last <= n:
            box = box[(slice(None),) * axis + (slice(first, last),)]
        else:
            box = np.take(box, np.arange(first, last) % n, axis=axis)
    return box


def as_volume(
    array: Any,
    *,
    voxel_size: float | str | Sequence[float | str] | None = None,
    phases: Mapping[str, int] | Sequence[str] | None = None,
    mask: Any = None,
    grey: Any = None,
    name: str = "volume",
    source: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
) -> Volume:
    """Check an array and make it a `Volume`.

    Parameters
    ----------
    array : array_like, 2D or 3D
        Grey values or labels: integer, bool, or float with whole numbers only.
        Anything with ``__array__`` will do, a CPU torch tensor included. A
        `Volume` is returned with the given arguments replaced.
    voxel_size : float, str or sequence of three, optional
        Edge length(s) of a voxel: ``3.0`` (in voxels of another unit, so without
        unit), ``"0.398um"``, or three of them. Without it lengths are in voxels.
    phases : mapping of str to int, or sequence of str, optional
        Grey value of each named phase, or the names in ascending order of grey
        value. Without it each distinct grey value is a phase named by that value.
    mask : array_like of bool, optional
        True where voxels count.
    grey : array_like, optional
        The unsegmented image on the same lattice.
    name : str
        Name in tables and figures.
    source, notes
        Provenance, see `Volume`.

    Returns
    -------
    Volume

    Raises
    ------
    InputError
        If the array cannot be a segmented volume; the message says why.

    Examples
    --------
    >>> import numpy as np
    >>> import microchar as mc
    >>> volume = mc.as_volume(np.eye(4, dtype=np.uint8), voxel_size="2um")
    >>> volume.shape, volume.phases, volume.unit
    ((1, 4, 4), ('0', '1'), 'um')
    """
    if isinstance(array, Volume):
        return _replaced(array, voxel_size=voxel_size, phases=phases, mask=mask, grey=grey)
    values = _whole_numbers(_three_axes(np.asarray(array), name), name)
    size, unit = parse_voxel_size(voxel_size)
    grey_values, names = _phases(_distinct(values), phases, name)
    return Volume(
        values=values,
        grey_values=grey_values,
        phases=names,
        voxel_size=size,
        unit=unit,
        mask=_like(mask, values, "mask", name, bool),
        grey=_like(grey, values, "grey", name, None),
        name=name,
        source=dict(source or {}),
        notes=tuple(notes),
    )


def _replaced(volume: Volume, *, voxel_size: Any, phases: Any, mask: Any, grey: Any) -> Volume:
    changes: dict[str, Any] = {}
    if voxel_size is not None:
        changes["voxel_size"], changes["unit"] = parse_voxel_size(voxel_size)
    if phases is not None:
        changes["grey_values"], changes["phases"] = _phases(volume.grey_values, phases, volume.name)
    if mask is not None:
        changes["mask"] = _like(mask, volume.values, "mask", volume.name, bool)
    if grey is not None:
        changes["grey"] = _like(grey, volume.values, "grey", volume.name, None)
    return replace(volume, **changes) if changes else volume


def _three_axes(array: np.ndarray, name: str) -> np.ndarray:
    if array.ndim == 2:
        array = array[np.newaxis]
    if array.ndim != 3:
        raise InputError(
            f"{name}: expected a 3D volume or a 2D image, found {array.ndim} axes of shape {array.shape}; "
            "select one channel or time step first"
        )
    if 0 in array.shape:
        raise InputError(f"{name}: an axis has no voxels, the shape is {array.shape}")
    return array


def _whole_numbers(values: np.ndarray, name: str) -> np.ndarray:
    if values.dtype == bool:
        return values.view(np.uint8)
    if values.dtype.kind in "iu":
        return values
    if values.dtype.kind != "f":
        raise InputError(f"{name}: expected integer grey values, found the data type {values.dtype}")
    if not np.isfinite(values).all():
        raise InputError(
            f"{name}: the image holds NaN or infinite values; "
            "replace them, or exclude those voxels with a mask, and segment the image"
        )
    whole = values.astype(np.int64)
    if not np.array_equal(whole, values):
        raise InputError(
            f"{name}: found fractional grey values ({values.dtype}); microchar compares segmented volumes: "
            "segment the image first (threshold='otsu', or --threshold otsu on the command line)"
        )
    return whole.astype(np.min_scalar_type(int(whole.max())) if whole.min() >= 0 else np.int64)


def _distinct(values: np.ndarray) -> tuple[int, ...]:
    # Slab by slab: np.unique on a whole volume sorts it.
    found: set[int] = set()
    for plane in values:
        if plane.dtype == np.uint8:
            found.update(np.flatnonzero(np.bincount(plane.ravel(), minlength=256)).tolist())
        else:
            found.update(np.unique(plane).tolist())
        if len(found) > 65536:
            break
    return tuple(sorted(found))


def _phases(
    distinct: tuple[int, ...], phases: Mapping[str, int] | Sequence[str] | None, name: str
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    if isinstance(phases, Mapping):
        pairs = sorted((int(grey), str(phase)) for phase, grey in phases.items())
        greys = tuple(grey for grey, _ in pairs)
        if len(set(greys)) != len(greys):
            raise InputError(f"phases={dict(phases)!r}: two phases have the same grey value")
        unnamed = sorted(set(distinct) - set(greys))
        if unnamed:
            raise InputError(
                f"{name}: grey values {_listed(unnamed)} are in the volume and not among the named phases "
                f"{dict(phases)!r}; name every grey value"
            )
        return greys, tuple(phase for _, phase in pairs)
    if len(distinct) > MAX_PHASES:
        raise InputError(
            f"{name}: found {len(distinct)}{'+' if len(distinct) > 65536 else ''} distinct grey values, expected "
            f"at most {MAX_PHASES}, one for each phase; segment the image first "
            "(threshold='otsu' or a grey value; --threshold on the command line)"
        )
    if phases is None:
        return distinct, tuple(str(grey) for grey in distinct)
    if len(phases) != len(distinct):
        raise InputError(
            f"{name}: {len(phases)} phase names {list(phases)!r} for {len(distinct)} grey values {_listed(distinct)}"
        )
    return distinct, tuple(str(phase) for phase in phases)


def _listed(greys: Sequence[int]) -> str:
    shown = ", ".join(str(grey) for grey in greys[:8])
    return shown + (f", … ({len(greys)} in all)" if len(greys) > 8 else "")


def _like(array: Any, values: np.ndarray, what: str, name: str, dtype: type | None) -> np.ndarray | None:
    if array is None:
        return None
    array = np.asarray(array)
    array = array[np.newaxis] if array.ndim == 2 else array
    if array.shape != values.shape:
        raise InputError(
            f"{name}: the {what} has shape {array.shape}, the volume {values.shape}; they must be on the same voxels"
        )
    return array.astype(dtype) if dtype is not None else array


def parse_voxel_size(
    voxel_size: float | str | Sequence[float | str] | None,
) -> tuple[tuple[float, float, float], str]:
    """Read a voxel size argument as three edge lengths and their unit.

    Accepts a number, a text such as "0.398um" or "1,1,2um", or three of them.
    """
    if voxel_size is None:
        return (1.0, 1.0, 1.0), "voxel"
    if isinstance(voxel_size, str):
        voxel_size = voxel_size.split(",")
    parts = list(voxel_size) if isinstance(voxel_size, Sequence | np.ndarray) else [voxel_size]
    if len(parts) not in (1, 3):
        raise InputError(f"voxel_size={voxel_size!r}: expected one length or three, found {len(parts)}")
    lengths = [parse_length(part) if isinstance(part, str) else (float(part), "voxel") for part in parts]
    # "1,1,2um" gives the unit once, at the end.
    unit = lengths[-1][1]
    sizes = [number if own in (unit, "voxel") else convert(number, own, unit) for number, own in lengths]
    if not all(np.isfinite(size) and size > 0 for size in sizes):
        raise InputError(f"voxel_size={voxel_size!r}: expected lengths greater than 0")
    sizes = sizes * 3 if len(sizes) == 1 else sizes
    return (sizes[0], sizes[1], sizes[2]), canonical_unit(unit)
