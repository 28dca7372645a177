"""Patch quilting: where patches lie, where in the training image they may come from, and how they are joined."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Triple
from microchar.core.volume import OUTSIDE
from microchar.measurement.blocks import available_cores

#: Label of a voxel that no patch has reached yet.
UNKNOWN = 254
#: Positions looked at for each one that may be drawn.
_POOL = 4
#: Shortest edge of the region of the training image that is searched for a patch.
_REGION = 128
#: Capacity that no cut crosses: more than all pairs of one voxel and its six neighbours together.
_NEVER = 100

Array = np.ndarray
#: Voxels of a patch, counted from its corner, and the labels they must have.
Data = list[tuple[Triple, int]]


@dataclass(frozen=True)
class Patch:
    """A patch that was placed: its corner in the generated volume and in the training image."""

    corner: Triple
    origin: Triple


# --- where patches lie ---------------------------------------------------------


@dataclass(frozen=True)
class Cover:
    """A volume covered by patches of one shape.

    Parameters
    ----------
    shape, patch : tuple of int
        Of the volume and of the patches.
    periodic : tuple of int
        Axes along which patches reach over the last face into the first.
    starts : tuple of tuple of int
        Where patches start along each axis.
    """

    shape: Triple
    patch: Triple
    periodic: tuple[int, ...]
    starts: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, shape: Triple, patch: int, overlap: int, periodic: Sequence[int]) -> Cover:
        """Cover a volume by as few patches as the overlap allows, of at most `patch` voxels along each axis."""
        around = tuple(axis for axis in periodic if shape[axis] > 1)
        plan = [_along(n, patch, overlap, axis in around) for axis, n in enumerate(shape)]
        for axis in around:
            if plan[axis][0] >= shape[axis]:
                raise InputError(
                    f"shape={shape}: axis {axis} is too short to be periodic with an overlap of {overlap} voxels, "
                    f"expected at least {2 * overlap + 2}; or choose a smaller overlap"
                )
        return cls(shape, (plan[0][0], plan[1][0], plan[2][0]), around, tuple(starts for _, starts in plan))

    def corners(self) -> Iterator[Triple]:
        """Return the corners of the patches in raster order."""
        return product(*self.starts)  # type: ignore[return-value]

    def box(self, corner: Triple, size: Sequence[int], margin: int = 0) -> tuple[Array, ...]:
        """Return the index of a box of voxels in an array that has a margin of that many more at every face.

        The box has the margin too: beyond the face of a periodic axis it is the
        other end of the volume, elsewhere the margin of the array.
        """
        along = []
        for axis, (start, length) in enumerate(zip(corner, size, strict=True)):
            places = np.arange(start - margin, start + length + margin)
            along.append(margin + (places % self.shape[axis] if axis in self.periodic else places))
        return np.ix_(*along)

    def ways(self, here: Triple, there: Sequence[Triple]) -> Array:
        """Return the shortest ways to a voxel from others, along each axis."""
        ways = np.array(here) - np.array(there, int).reshape(-1, 3)
        for axis in self.periodic:
            n = self.shape[axis]
            ways[:, axis] = (ways[:, axis] + n // 2) % n - n // 2
        return ways


def _along(n: int, patch: int, overlap: int, periodic: bool) -> tuple[int, tuple[int, ...]]:
    """Length and starts of the patches along an axis: equal lengths, consecutive ones share the overlap at least."""
    step = patch - overlap
    if periodic:
        count = max(2, -(-n // step))
        return -(-n // count) + overlap, tuple(place * n // count for place in range(count))
    if n <= patch:
        return n, (0,)
    count = -(-(n - overlap) // step)
    length = -(-(n - overlap) // count) + overlap
    return length, tuple(place * (n - length) // (count - 1) for place in range(count))


# --- where in the training image they may come from ------------------------------


class Search:
    """The training image, prepared to be compared with a patch at every position.

    Of a large image a region is searched, another one for each patch, so that a
    patch takes a fraction of a second whatever the image's size.

    Parameters
    ----------
    image : uint8, 3D
        Labels; boxes that touch `OUTSIDE` are never taken.
    patch : tuple of int
        Shape of all patches.
    n_phases : int
        Labels are 0 … n_phases − 1.
    tick : callable
        Called without arguments between the Fourier transforms.

    Attributes
    ----------
    offset : tuple of int
        Corner of the region; `move` sets it.
    shape : tuple of int
        Positions in the region along each axis.
    """

    def __init__(self, image: Array, patch: Triple, n_phases: int, tick: Callable[[], None]):
        from scipy import fft

        self.image, self.patch, self.tick = image, patch, tick
        self.region = tuple(min(n, max(_REGION, 3 * p)) for n, p in zip(image.shape, patch, strict=True))
        # Along an axis on which patches are one voxel thick there is nothing to correlate.
        self.axes = tuple(axis for axis in range(3) if patch[axis] > 1)
        self.lengths = [fft.next_fast_len(self.region[axis], real=True) for axis in self.axes]
        self.shape = tuple(n - p + 1 for n, p in zip(self.region, patch, strict=True))
        self.offset: Triple | None = None
        self.unmasked = _unmasked(image, patch)
        if not self.unmasked.any():
            raise InputError(
                f"patch={max(patch)}: no box of {'×'.join(map(str, patch))} voxels of the training image is free of "
                "masked voxels; choose a smaller patch"
            )
        counts = np.array([np.count_nonzero(image == phase) for phase in range(n_phases)])
        self.fractions = counts / counts.sum()
        self.weights = np.sqrt(counts.max() / np.maximum(counts, 1)).astype(np.float32)

    def move(self, rng: np.random.Generator) -> None:
        """Go to a random region, one around a position where a patch can come from."""
        centre = np.array([int(rng.integers(n)) for n in self.unmasked.shape])
        while not self.unmasked[tuple(centre)]:
            centre = np.array([int(rng.integers(n)) for n in self.unmasked.shape])
        corner = np.clip(centre - np.array(self.shape) // 2, 0, np.array(self.image.shape) - self.region)
        offset = (int(corner[0]), int(corner[1]), int(corner[2]))
        if offset != self.offset:
            self.offset = offset
            part = self.image[tuple(slice(o, o + n) for o, n in zip(offset, self.region, strict=True))]
            self.spectra = [self._transform(part == phase) for phase in range(1, len(self.weights))]

    def inside(self, values: Array) -> Array:
        """Return the positions in the region of an array over all positions."""
        assert self.offset is not None
        return values[tuple(slice(o, o + n) for o, n in zip(self.offset, self.shape, strict=True))]

    def box(self, origin: Triple) -> Array:
        """Return the patch that lies at a position of the training image."""
        return self.image[tuple(slice(o, o + p) for o, p in zip(origin, self.patch, strict=True))]

    def mismatches(self, old: Array) -> Array:
        r"""Weigh, at every position, the voxels whose label differs from the known ones of a patch.

        A known voxel of phase p weighs :math:`w_p = \phi_p^{-1/2}`, scaled so that
        the most frequent phase weighs one. Unweighted, a box of that phase alone
        would match almost anything well, and the others would die out.

        With the indicators :math:`I_p` of the training image and :math:`J_p` of
        the known voxels, what matches is :math:`\sum_p w_p I_p \star J_p`; as
        :math:`\sum_p I_p = 1`, that is
        :math:`\sum_{p \ge 1} I_p \star (w_p J_p - w_0 J_0) + w_0 |J_0|`.
        """
        from scipy import fft

        if (old == UNKNOWN).all():
            return np.zeros(self.shape, np.float32)
        known = np.concatenate([self.weights, np.zeros(256 - len(self.weights), np.float32)])[old]
        zero = known * (old == 0)
        product = sum(
            spectrum * np.conj(self._transform(known * (old == phase) - zero))
            for phase, spectrum in enumerate(self.spectra, start=1)
        )
        self.tick()
        full = fft.irfftn(product, s=self.lengths, axes=self.axes, workers=available_cores(), overwrite_x=True)
        matched = full[tuple(slice(n) for n in self.shape)]
        # Rounded away: the noise of the transforms, by which equal ones would differ.
        return np.rint(known.sum() - zero.sum() - matched)

    def choose(
        self, old: Array, counts: Array, data: Data, forbidden: Array, candidates: int, rng: np.random.Generator
    ) -> Triple:
        """Draw a position.

        Only those count that honour the most data; of the ones that match the
        known voxels best, the `candidates` are drawn from which bring the volume
        fractions nearest to the training image's.

        Parameters
        ----------
        old : uint8
            What lies in the patch's box.
        counts : int64
            Voxels of each phase that lie in the whole volume.
        data : list
            Labels that voxels of the patch should have.
        forbidden : bool
            Positions not to take while there are others.
        candidates : int
            How many to draw from.
        rng : numpy.random.Generator
        """
        score = self.mismatches(old)
        allowed = self.inside(self.unmasked) & ~forbidden
        if not allowed.any():
            allowed = self.inside(self.unmasked)
        if data:
            missed = self._missed(data)
            allowed = allowed & (missed == missed[allowed].min())
        score[~allowed] = np.inf
        size = min(_POOL * candidates, int(np.count_nonzero(allowed)))
        last = np.partition(score, size - 1, axis=None)[size - 1]
        # All that are as good as the last one take part, or ties would be won by the first voxels of the image.
        pool = rng.permutation(np.flatnonzero(score <= last))[:size]
        assert self.offset is not None
        a, b, c = self.offset
        found = np.stack(np.unravel_index(pool, self.shape), axis=1).tolist()
        origins = [(a + i, b + j, c + k) for i, j, k in found]
        off = [self._imbalance(counts, self.box(origin)[old == UNKNOWN]) for origin in origins]
        return origins[rng.choice(np.argsort(off, kind="stable")[:candidates])]

    def _missed(self, data: Data) -> Array:
        """Count the data that a patch from each position misses."""
        missed = np.zeros(self.shape, np.int32)
        for place, label in data:
            shifted = self.image[place[0] :, place[1] :, place[2] :]
            missed += self.inside(shifted) != label
        return missed

    def _imbalance(self, counts: Array, added: Array) -> float:
        """How far the volume fractions are from those of the training image after adding voxels."""
        after = counts + np.bincount(added, minlength=len(counts))
        return float(np.abs(after - self.fractions * after.sum()).sum())

    def _transform(self, values: Array) -> Array:
        from scipy import fft

        self.tick()
        return fft.rfftn(values.astype(np.float32), s=self.lengths, axes=self.axes, workers=available_cores())


def _unmasked(image: Array, patch: Triple) -> Array:
    """Mark the positions at which a patch touches no masked voxel."""
    masked = image == OUTSIDE
    if not masked.any():
        return np.ones([n - p + 1 for n, p in zip(image.shape, patch, strict=True)], bool)
    sums = np.pad(masked.astype(np.int32), [(1, 0)] * 3)
    for axis, p in enumerate(patch):
        sums = np.cumsum(sums, axis=axis, dtype=np.int32)
        later = np.take(sums, np.arange(p, sums.shape[axis]), axis)
        sums = later - np.take(sums, np.arange(sums.shape[axis] - p), axis)
    return sums == 0


def continuations(corner: Triple, placed: Sequence[Patch], search: Search, reach: int, cover: Cover) -> Array:
    """Mark the positions in the region at which a patch would continue a neighbour's copy of the training image.

    They match best, and taking them would copy the training image whole. Those up
    to `reach` voxels away along every axis are marked as well.
    """
    assert search.offset is not None
    marked = np.zeros(search.shape, bool)
    ways = cover.ways(corner, [patch.corner for patch in placed])
    near = (np.abs(ways) <= cover.patch).all(axis=1)
    for number in np.flatnonzero(near).tolist():
        moved = zip(placed[number].origin, ways[number].tolist(), search.offset, strict=True)
        centre = [origin + way - first for origin, way, first in moved]
        margins = [reach if axis in search.axes else 0 for axis in range(3)]
        box = (slice(max(c - m, 0), max(c + m + 1, 0)) for c, m in zip(centre, margins, strict=True))
        marked[tuple(box)] = True
    return marked


# --- how they are joined -----------------------------------------------------------


def join(around: Array, new: Array, data: Data) -> Array:
    """Join a patch to what is there along the cut that the fewest mismatches touch.

    Each known voxel of the patch's box keeps its old label or takes the new one;
    unknown ones take the new one. A pair of neighbouring voxels of which one is
    old and one new costs as many mismatches (old label ≠ new label) as it
    touches (Kwatra et al. 2003, with the discrete metric); the least total cost is
    a minimum cut, found by maximum flow.

    Parameters
    ----------
    around : uint8
        The patch's box in the generated volume with a margin of one voxel.
    new : uint8
        The patch.
    data : list
        Labels that voxels should have: where old or new has it, that one is kept.

    Returns
    -------
    ndarray of uint8
        The patch's box, joined.
    """
    old = around[1:-1, 1:-1, 1:-1]
    differs = (old != UNKNOWN) & (old != new)
    if not differs.any():
        return new
    keep, take = _ends(around, differs)
    for place, label in data:
        if differs[place]:
            keep[place] += _NEVER * (old[place] == label)
            take[place] += _NEVER * (new[place] == label)
    return np.where(_minimum_cut(old, differs, keep, take), old, new)


def _ends(around: Array, differs: Array) -> tuple[Array, Array]:
    """Cost of taking the new label beside old voxels outside the box, and of keeping the old beside new voxels."""
    outside = np.zeros(around.shape, bool)
    outside[...] = around < UNKNOWN
    outside[1:-1, 1:-1, 1:-1] = False
    unreached = np.zeros(around.shape, bool)
    unreached[1:-1, 1:-1, 1:-1] = around[1:-1, 1:-1, 1:-1] == UNKNOWN
    keep, take = np.zeros(differs.shape, np.int32), np.zeros(differs.shape, np.int32)
    for axis in range(3):
        for shift in (-1, 1):
            at = [slice(1, -1)] * 3
            at[axis] = slice(1 + shift, around.shape[axis] - 1 + shift)
            keep += outside[tuple(at)]
            take += unreached[tuple(at)]
    return keep * differs, take * differs


def _minimum_cut(old: Array, differs: Array, keep: Array, take: Array) -> Array:
    """Return where the old label is kept."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    known = old != UNKNOWN
    number = np.full(old.shape, -1, np.int32)
    pairs, costs = [], []
    indices = np.arange(old.size, dtype=np.int32).reshape(old.shape)
    for axis in range(3):
        first, second = _lower(axis), _upper(axis)
        cost = differs[first].astype(np.int32) + differs[second]
        counts = known[first] & known[second] & (cost > 0)
        pairs.append(np.stack([indices[first][counts], indices[second][counts]]))
        costs.append(cost[counts])
    a, b = np.concatenate(pairs, axis=1)
    cost = np.concatenate(costs)
    # Where old and new agree, far from mismatches, it does not matter which is taken: those voxels are no nodes.
    nodes = np.union1d(np.flatnonzero(differs), np.concatenate([a, b])).astype(np.int32)
    number.ravel()[nodes] = np.arange(len(nodes))
    a, b = number.ravel()[a], number.ravel()[b]
    source, sink = len(nodes), len(nodes) + 1
    kept, taken = np.flatnonzero(keep), np.flatnonzero(take)
    tails = np.concatenate([a, b, np.full(len(kept), source), number.ravel()[taken]])
    heads = np.concatenate([b, a, number.ravel()[kept], np.full(len(taken), sink)])
    capacity = np.concatenate([cost, cost, keep.ravel()[kept], take.ravel()[taken]]).astype(np.int32)
    size = len(nodes) + 2
    graph = coo_array((capacity, (tails.astype(np.int32), heads.astype(np.int32))), shape=(size, size)).tocsr()
    residual = (graph - maximum_flow(graph, source, sink).flow).tocsr()
    residual.eliminate_zeros()
    reached = breadth_first_order(residual, source, return_predecessors=False)
    result = np.zeros(old.shape, bool)
    result.ravel()[nodes[reached[reached < len(nodes)]]] = True
    return result


def _lower(axis: int) -> tuple[slice, ...]:
    return tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))


def _upper(axis: int) -> tuple[slice, ...]:
    return tuple(slice(1, None) if a == axis else slice(None) for a in range(3))


# --- how much was copied ---------------------------------------------------------------


def copied_share(labels: Array, placed: Sequence[Patch], search: Search, window: Triple, cover: Cover) -> float:
    """Share of the windows of a volume that are, voxel by voxel, what a patch brought from the training image."""
    copied = np.zeros(labels.shape, bool)
    if any(w > p for w, p in zip(window, cover.patch, strict=True)):
        return 0.0
    for patch in placed:
        same = labels[cover.box(patch.corner, cover.patch)] == search.box(patch.origin)
        for axis, w in enumerate(window):
            same = np.lib.stride_tricks.sliding_window_view(same, w, axis=axis).all(axis=-1)
        copied[cover.box(patch.corner, same.shape)] |= same
    counted = tuple(
        slice(n) if axis in cover.periodic else slice(n - w + 1)
        for axis, (n, w) in enumerate(zip(labels.shape, window, strict=True))
    )
    return float(copied[counted].mean())
