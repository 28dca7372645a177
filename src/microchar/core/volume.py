"""`Volume`: a segmented volume in memory or on disk; and `as_volume`, which makes one from an array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from microchar.core.arrays import plain_array
from microchar.core.errors import InputError
from microchar.core.grey_values import distinct, near_binary, segment, slabs, spread_levels, value_range, whole_numbers
from microchar.core.grid import Grid, Triple, triple
from microchar.core.phases import listed, name_phases, parse_phases
from microchar.core.scratch import scratch_array
from microchar.core.stored_voxels import StoredVoxels
from microchar.core.text import printable
from microchar.core.units import parse_voxel_size

if TYPE_CHECKING:
    import xarray

#: Label of a voxel outside the mask; such voxels are not counted.
OUTSIDE = 255
#: A phase of a smaller volume fraction may be stray voxels.
_STRAY = 1e-4


@dataclass(frozen=True, eq=False)
class Volume:
    """A segmented volume of two or more phases.

    Make one with `as_volume` (from an array) or `read_volume` (from a file);
    both check their input. The constructor does not.

    Parameters
    ----------
    values : ndarray, 3D, integer
        Grey values as stored, possibly memory-mapped, or `StoredVoxels` that stay in
        their file.
    grey_values : tuple of int
        Grey value of each phase, ascending. The label of a voxel is the position of
        its grey value in this tuple.
    phases : tuple of str
        Name of each phase, in the order of `grey_values`.
    voxel_size, unit
        See `Grid`.
    mask : ndarray of bool, 3D, optional
        True where voxels count.
    grey : ndarray, 3D, integer or float, optional
        The unsegmented image as stored, for the metrics that act on grey levels.
    name : str
        Name of the volume in tables and figures.
    source : mapping
        Origin of the volume (path, sha256, format), for the provenance.
    notes : tuple of str
        What was assumed or changed when the volume was made; shown in the report.
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", printable(self.name))
        object.__setattr__(self, "phases", tuple(map(printable, self.phases)))

    def _repr_html_(self) -> str:
        from microchar.core.notebook import volume_html

        return volume_html(self)

    @property
    def shape(self) -> Triple:
        """Number of voxels along axes 0, 1, 2."""
        return triple(int(n) for n in self.values.shape)

    @property
    def grid(self) -> Grid:
        """Shape and voxel size."""
        return Grid(self.shape, self.voxel_size, self.unit)

    @property
    def n_phases(self) -> int:
        """Number of phases, including named phases that have no voxels."""
        return len(self.phases)

    def read(self, start: Sequence[int] = (0, 0, 0), stop: Sequence[int] | None = None) -> np.ndarray:
        """Return the labels of a box as a contiguous uint8 array; voxels outside the mask are `OUTSIDE`.

        Coordinates beyond the volume wrap around, as needed for periodic axes.
        """
        stop = self.shape if stop is None else stop
        values = wrapped(self.values, start, stop)
        # One comparison per phase boundary is faster than a lookup table, and works for every integer type.
        labels = np.zeros(values.shape, np.uint8)
        for number, grey in enumerate(self.grey_values[1:]):
            if number == 0:
                np.greater_equal(values, grey, out=labels.view(bool))
            else:
                labels += (values >= grey).view(np.uint8)
        if self.mask is not None:
            labels[~wrapped(self.mask, start, stop)] = OUTSIDE
        return labels

    def grey_levels(self, start: Sequence[int] = (0, 0, 0), stop: Sequence[int] | None = None) -> np.ndarray:
        """Return the grey levels of a box: those of the grey image as stored or, if there is none, of the phases.

        Without a grey image, the phases in ascending order of grey value are
        spread evenly over 0..255 (two phases: 0, 255; three: 0, 127, 255).
        Voxels outside the mask have a grey level, too.
        """
        stop = self.shape if stop is None else stop
        if self.grey is not None:
            return np.ascontiguousarray(wrapped(self.grey, start, stop))
        table = np.zeros(256, np.uint8)
        table[: self.n_phases] = self.phase_levels()
        return table[self.read(start, stop)]

    def phase_levels(self) -> np.ndarray:
        """Return the grey level that stands for each phase if there is no grey image."""
        return spread_levels(self.n_phases)

    def to_xarray(self) -> xarray.DataArray:
        """Return the grey values as an xarray array, which `as_volume` takes back.

        The dimensions are z, y and x (axes 0, 1 and 2; an image has two), their coordinates
        the centres of the voxels in the unit of the voxel size. The mask is the coordinate
        "mask"; the attributes hold the names and the grey values of the phases.

        Examples
        --------
        >>> import microchar as mc
        >>> array = mc.as_volume([[0, 1, 1]], voxel_size="2um").to_xarray()
        >>> array.x.values, array.x.units
        (array([1., 3., 5.]), 'um')
        """
        from microchar.core.data_array import as_data_array

        return as_data_array(self)

    def crop(self, start: Sequence[int], stop: Sequence[int]) -> Volume:
        """Return the box from `start` to `stop` (exclusive) as a view."""
        if not all(0 <= a < b <= n for a, b, n in zip(start, stop, self.shape, strict=True)):
            raise InputError(
                f"{self.name}: the box from {tuple(start)} to {tuple(stop)} does not lie in the shape {self.shape}"
            )
        return replace(
            self,
            values=_part(self.values, start, stop),
            mask=None if self.mask is None else _part(self.mask, start, stop),
            grey=None if self.grey is None else _part(self.grey, start, stop),
        )


def _part(array: Any, start: Sequence[int], stop: Sequence[int]) -> Any:
    """Return a box of an array as a view; what stays in its file is not read."""
    if isinstance(array, StoredVoxels):
        return array.part(start, stop)
    return array[tuple(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))]


def wrapped(array: np.ndarray, start: Sequence[int], stop: Sequence[int]) -> np.ndarray:
    """Return a box of an array; coordinates beyond the array wrap around."""
    inside = [first >= 0 and last <= n for first, last, n in zip(start, stop, array.shape, strict=True)]
    # Apply the plain slices first: they are views, so that `take` then copies less.
    box = array[tuple(slice(a, b) if plain else slice(None) for a, b, plain in zip(start, stop, inside, strict=True))]
    for axis, plain in enumerate(inside):
        if not plain:
            box = np.take(box, np.arange(start[axis], stop[axis]) % array.shape[axis], axis=axis)
    return box


def as_volume(
    array: Any,
    *,
    voxel_size: float | str | Sequence[float | str] | None = None,
    phases: Mapping[str, int] | Sequence[str] | None = None,
    threshold: float | str | None = None,
    mask: Any = None,
    outside: int | None = None,
    grey: Any = None,
    name: str | None = None,
    source: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
) -> Volume:
    """Check an array and convert it to a `Volume`.

    Parameters
    ----------
    array : array_like, 2D or 3D
        Grey values or labels: integer, bool, or float with whole numbers only
        (any numbers if `threshold` is given). Any object with ``__array__`` is
        accepted, including a CPU torch tensor. A `Volume` is returned with the given
        arguments in place of its own and with the notes added.
    voxel_size : float, str or sequence of three, optional
        Edge length(s) of a voxel: ``"0.398um"``, ``"1,1,2um"`` (for an image also two,
        of rows and columns), or numbers without a unit, which give only the ratios of
        the edges; the unit is then "voxel". By default every edge is 1 voxel.
    phases : mapping of str to int, sequence of str, or str, optional
        Grey value of each named phase, or the names in ascending order of grey
        value; also as text, ``"pore=0,solid=255"`` (or ``"pore:0,solid:255"``) or
        ``"pore,solid"``. A name that ends with ``:number`` or ``=number``, or is the grey
        value of another phase, is refused. By default each distinct grey value is a phase
        named by that value; a note tells of values that look like noise on two phases,
        and of phases with less than 1e-4 of the voxels.
    threshold : float or "otsu", optional
        Grey value at which the image is segmented: phase 0 up to and including it,
        phase 1 above it. The image is kept as the grey image, unless `grey` is given.
    mask : array_like, optional
        Voxels count where it is not zero. Grey values outside it are not looked at.
    outside : int, optional
        Grey value of voxels that belong to no phase: they are outside the mask.
    grey : array_like, optional
        The unsegmented image on the same voxels.
    name : str, optional
        Name in tables and figures; default "volume".
    source, notes
        Provenance, see `Volume`.

    Returns
    -------
    Volume
        It holds the array itself, or a copy where a copy is necessary.

    Raises
    ------
    InputError
        If the array cannot be used as a segmented volume; the message says why.

    Examples
    --------
    >>> import numpy as np
    >>> import microchar as mc
    >>> volume = mc.as_volume(np.eye(4, dtype=np.uint8), voxel_size="2um")
    >>> volume.shape, volume.phases, volume.unit
    ((1, 4, 4), ('0', '1'), 'um')
    """
    if isinstance(phases, str):
        phases = parse_phases(phases)
    if isinstance(array, Volume):
        mask = _outside_mask(array, mask, outside)
        return _replaced(array, voxel_size, phases, threshold, mask, grey, name, source, notes)
    name = "volume" if name is None else name
    plain = plain_array(array, name)
    values = three_axes(plain.values, name)
    inside = _inside(values, _mask(mask, values.shape, name), _mask(plain.mask, values.shape, name), outside, name)
    if voxel_size is None and plain.voxel_size is not None:
        voxel_size = plain.voxel_size
    image = values if grey is None and threshold is not None else grey
    greys: tuple[int, ...]
    counts: dict[int, int] = {}
    if threshold is not None:
        values, cut = segment(values, threshold, inside, name)
        greys = (0, 1)
        _refuse_other_codes(phases, cut)
        source = {**(source or {}), "threshold": repr(cut)}
        method = " (Otsu)" if str(threshold).strip().lower() == "otsu" else ""
        notes = (*notes, f"segmented at the grey value {cut:g}{method}: phase 0 up to {cut:g}, phase 1 above")
    else:
        values = whole_numbers(values, inside, name)
        counts = distinct(values, inside, name)
        greys = tuple(counts)
    size, unit = parse_voxel_size(voxel_size, values.shape)
    grey_values, names = name_phases(greys, phases, name)
    return Volume(
        values=values,
        grey_values=grey_values,
        phases=names,
        voxel_size=size,
        unit=unit,
        mask=inside,
        grey=_grey(image, values.shape, inside, name),
        name=name,
        source=dict(source or {}),
        notes=(*notes, *_doubts(dict(zip(grey_values, names, strict=True)), counts, phases is not None)),
    )


def _replaced(
    volume: Volume,
    voxel_size: Any,
    phases: Mapping[str, int] | Sequence[str] | None,
    threshold: Any,
    mask: Any,
    grey: Any,
    name: str | None,
    source: Mapping[str, Any] | None,
    notes: Sequence[str],
) -> Volume:
    if threshold is not None:
        raise InputError(f"{volume.name}: threshold= applies to images; a Volume is already segmented")
    changes: dict[str, Any] = {}
    if voxel_size is not None:
        changes["voxel_size"], changes["unit"] = parse_voxel_size(voxel_size, volume.shape)
    if phases is not None:
        changes["grey_values"], changes["phases"] = name_phases(volume.grey_values, phases, volume.name)
    if mask is not None:
        changes["mask"] = _mask(mask, volume.shape, volume.name)
    if grey is not None:
        changes["grey"] = _grey(grey, volume.shape, changes.get("mask", volume.mask), volume.name)
    if name is not None:
        changes["name"] = name
    if source is not None:
        changes["source"] = dict(source)
    if notes:
        changes["notes"] = (*volume.notes, *notes)
    return replace(volume, **changes) if changes else volume


def spatial_axes(shape: Sequence[int], name: str) -> tuple[int, ...]:
    """Return which axes of an array are those of a volume, or of a 2D image; raise InputError if there are more.

    An array of two or three axes is taken as it is. Of one with more, as batches of
    images and files with channels and time steps are, the axes of length one are left out.
    """
    axes = tuple(axis for axis, n in enumerate(shape) if n != 1 or len(shape) <= 3)
    if len(shape) < 2 or len(axes) > 3:
        raise InputError(
            f"{name}: expected a 3D volume or a 2D image, found {len(shape)} axes of shape {tuple(shape)}; "
            "select one channel or time step first"
        )
    if 0 in shape:
        raise InputError(
            f"{name}: an axis has no voxels, the shape is {tuple(shape)}; expected at least one on each axis"
        )
    return axes


def three_axes(array: np.ndarray, name: str) -> np.ndarray:
    """Return an array with the three axes of a volume, a 2D image as one plane; raise InputError for other shapes."""
    lengths = [array.shape[axis] for axis in spatial_axes(array.shape, name)]
    return array if array.ndim == 3 else array.reshape([1] * (3 - len(lengths)) + lengths)


def same_voxels(array: Any, shape: tuple[int, ...], what: str, name: str) -> np.ndarray:
    """Make an array of a mask or grey image, and refuse it where it does not lie on the voxels of the volume."""
    array = three_axes(plain_array(array, f"{name}: {what}").values, f"{name}: {what}")
    refuse_other_voxels(array.shape, shape, what, name)
    return array


def refuse_other_voxels(found: tuple[int, ...], shape: tuple[int, ...], what: str, name: str) -> None:
    """Raise InputError if the shape of a mask or grey image is not that of the volume."""
    if found != shape:
        raise InputError(f"{name}: the {what} has shape {found}, the volume {shape}; they must have the same shape")


def _mask(mask: Any, shape: tuple[int, ...], name: str) -> np.ndarray | None:
    if mask is None:
        return None
    integers = whole_numbers(same_voxels(mask, shape, "mask", name), None, f"{name}: mask")
    # A mask of 0 and 1 is viewed as bool without a copy; a mask of 0 and 255 needs a copy.
    inside = integers.view(bool) if integers.dtype == np.uint8 and integers.max() <= 1 else integers != 0
    if not inside.any():
        raise InputError(
            f"{name}: the mask is zero everywhere, so no voxel counts; expected nonzero where voxels count"
        )
    return inside


def _inside(
    values: np.ndarray, mask: np.ndarray | None, own_mask: np.ndarray | None, outside: int | None, name: str
) -> np.ndarray | None:
    """Return where voxels count: inside both masks, and not of the grey value that is outside."""
    masks = [one for one in (mask, own_mask) if one is not None]
    if outside is not None:
        counts = scratch_array(values.shape, bool)
        for slab in slabs(values.shape):
            counts[slab] = values[slab] != outside
        masks.append(counts)
    if not masks:
        return None
    inside = np.logical_and.reduce(masks) if len(masks) > 1 else masks[0]
    if not inside.any():
        raise InputError(f"{name}: no voxel counts: all are outside the mask, or have the grey value outside={outside}")
    return inside


def _outside_mask(volume: Volume, mask: Any, outside: int | None) -> Any:
    if outside is None:
        return mask
    own = _mask(mask, volume.shape, volume.name) if mask is not None else volume.mask
    return _inside(volume.values, own, None, outside, volume.name)


def _grey(grey: Any, shape: tuple[int, ...], mask: np.ndarray | None, name: str) -> np.ndarray | None:
    if grey is None:
        return None
    levels = same_voxels(grey, shape, "grey image", name)
    if levels.dtype == bool:
        return levels.view(np.uint8)
    if levels.dtype.kind not in "iuf":
        raise InputError(f"{name}: grey image: expected numbers, found the data type {levels.dtype}")
    if levels.dtype.kind == "f":
        low, _ = value_range(levels, mask, f"{name}: grey image")
        if mask is not None and not np.isfinite(levels).all():
            return np.where(mask, levels, np.array(low, levels.dtype))
    return levels


def _doubts(phases: Mapping[int, str], counts: Mapping[int, int], named: bool) -> list[str]:
    """Return notes on grey values that may be no phases; those that were named are, unless they are very rare."""
    middle = None if named else near_binary(list(counts))
    if middle is not None:
        return [
            f"the grey values {listed(list(counts))} are {len(counts)} phases: if they should be two, use "
            f"threshold={middle}; if one of them belongs to no phase, use outside=GREY"
        ]
    total = sum(counts.values())
    return [
        f"phase {phases[grey]!r} has {count} of {total} voxels: if these are stray voxels, correct the segmentation, "
        f"or leave them out with outside={grey}"
        for grey, count in counts.items()
        if count < _STRAY * total
    ]


def _refuse_other_codes(phases: Mapping[str, int] | Sequence[str] | None, cut: float) -> None:
    if isinstance(phases, Mapping) and set(phases.values()) != {0, 1}:
        raise InputError(
            f"phases={dict(phases)!r}: after the threshold the grey values are 0 (up to {cut:g}) and 1 (above); "
            "name these two phases"
        )
