"""`Search`: finds the positions in the training image from which a patch may come."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Triple
from microchar.core.text import by
from microchar.core.volume import OUTSIDE
from microchar.generators.multiple_point.cover import UNKNOWN, HardData
from microchar.measurement.blocks import available_cores

#: Number of best positions, for each candidate, among which the volume fractions decide.
_POOL = 4
#: Shortest edge in voxels of the region of the training image that is searched for a patch.
_REGION = 128


class Search:
    """The training image, prepared for comparison with a patch at every position.

    In a large image only a region is searched, another one for each patch, so that
    the time per patch does not depend on the size of the image.

    Parameters
    ----------
    image : uint8, 3D
        Labels; boxes that contain `OUTSIDE` are never used.
    patch : tuple of int
        Shape of all patches.
    n_phases : int
        The labels are 0 … n_phases − 1.
    tick : callable
        Called without arguments between the Fourier transforms.
    balanced : bool
        Whether rare phases weigh more in the match, and the volume fractions decide
        among the best positions. If not, all phases weigh alike and only the match decides.

    Attributes
    ----------
    offset : tuple of int
        Corner of the region, set by `move`.
    shape : tuple of int
        Number of positions in the region along each axis.
    """

    def __init__(
        self, image: np.ndarray, patch: Triple, n_phases: int, tick: Callable[[], None], *, balanced: bool = True
    ):
        from scipy import fft

        self.image, self.patch, self.tick = image, patch, tick
        self.region = tuple(min(n, max(_REGION, 3 * p)) for n, p in zip(image.shape, patch, strict=True))
        # Axes along which patches are one voxel thick need no correlation.
        self.axes = tuple(axis for axis in range(3) if patch[axis] > 1)
        self.lengths = [fft.next_fast_len(self.region[axis], real=True) for axis in self.axes]
        self.shape = tuple(n - p + 1 for n, p in zip(self.region, patch, strict=True))
        self.offset: Triple | None = None
        self.unmasked = _unmasked(image, patch)
        if not self.unmasked.any():
            raise InputError(
                f"patch={max(patch)}: every box of {by(patch)} voxels in the training image contains masked voxels; "
                "choose a smaller patch"
            )
        counts = np.array([np.count_nonzero(image == phase) for phase in range(n_phases)])
        self.fractions = counts / counts.sum()
        weights = np.sqrt(counts.max() / np.maximum(counts, 1)) if balanced else np.ones(n_phases)
        self.weights = weights.astype(np.float32)
        self.pool = _POOL if balanced else 1

    def move(self, rng: np.random.Generator) -> None:
        """Move to a random region that contains a position without masked voxels."""
        centre = np.array([int(rng.integers(n)) for n in self.unmasked.shape])
        while not self.unmasked[tuple(centre)]:
            centre = np.array([int(rng.integers(n)) for n in self.unmasked.shape])
        corner = np.clip(centre - np.array(self.shape) // 2, 0, np.array(self.image.shape) - self.region)
        offset = (int(corner[0]), int(corner[1]), int(corner[2]))
        if offset != self.offset:
            self.offset = offset
            part = self.image[tuple(slice(o, o + n) for o, n in zip(offset, self.region, strict=True))]
            self.spectra = [self._transform(part == phase) for phase in range(1, len(self.weights))]

    def inside(self, values: np.ndarray) -> np.ndarray:
        """Return the part of an array over all positions that lies in the region."""
        assert self.offset is not None
        return values[tuple(slice(o, o + n) for o, n in zip(self.offset, self.shape, strict=True))]

    def box(self, origin: Triple) -> np.ndarray:
        """Return the patch at a position of the training image."""
        return self.image[tuple(slice(o, o + p) for o, p in zip(origin, self.patch, strict=True))]

    def mismatches(self, old: np.ndarray) -> np.ndarray:
        r"""Return the weighted number of mismatches with the known voxels of a patch at every position.

        A known voxel of phase p has the weight :math:`w_p = \phi_p^{-1/2}`, scaled so
        that the most frequent phase has weight one. Without weights a box of that
        phase alone would match almost anything well, and the others would disappear.

        With the indicators :math:`I_p` of the training image and :math:`J_p` of the
        known voxels, the weight of the matches is :math:`\sum_p w_p I_p \star J_p`.
        Since :math:`\sum_p I_p = 1`, this equals
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
        # Rounding removes the noise of the transforms, which would distinguish equal scores.
        return np.rint(known.sum() - zero.sum() - matched)

    def choose(
        self,
        old: np.ndarray,
        counts: np.ndarray,
        data: HardData,
        forbidden: np.ndarray,
        candidates: int,
        rng: np.random.Generator,
    ) -> Triple:
        """Draw a position.

        Only the positions with the most satisfied hard data are considered. Of those
        that match the known voxels best, one is drawn among the `candidates` that
        bring the volume fractions nearest to those of the training image.

        Parameters
        ----------
        old : uint8
            Current labels in the box of the patch.
        counts : int64
            Voxels of each phase in the volume so far.
        data : list
            Voxels of the patch that should have given labels.
        forbidden : bool
            Positions to be avoided as long as there are others.
        candidates : int
            Number of positions to draw from.
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
        size = min(self.pool * candidates, int(np.count_nonzero(allowed)))
        last = np.partition(score, size - 1, axis=None)[size - 1]
        # All positions tied with the last one take part; otherwise those at the beginning of the image would win.
        pool = rng.permutation(np.flatnonzero(score <= last))[:size]
        assert self.offset is not None
        a, b, c = self.offset
        positions = np.stack(np.unravel_index(pool, self.shape), axis=1).tolist()
        origins = [(a + i, b + j, c + k) for i, j, k in positions]
        imbalance = [self._imbalance(counts, self.box(origin)[old == UNKNOWN]) for origin in origins]
        return origins[rng.choice(np.argsort(imbalance, kind="stable")[:candidates])]

    def _missed(self, data: HardData) -> np.ndarray:
        """Return the number of hard data that a patch from each position does not satisfy."""
        missed = np.zeros(self.shape, np.int32)
        for (i, j, k), label in data:
            shifted = self.image[i:, j:, k:]
            missed += self.inside(shifted) != label
        return missed

    def _imbalance(self, counts: np.ndarray, added: np.ndarray) -> float:
        """Return how far adding voxels leaves the volume fractions from those of the training image."""
        after = counts + np.bincount(added, minlength=len(counts))
        return float(np.abs(after - self.fractions * after.sum()).sum())

    def _transform(self, values: np.ndarray) -> np.ndarray:
        from scipy import fft

        self.tick()
        return fft.rfftn(values.astype(np.float32), s=self.lengths, axes=self.axes, workers=available_cores())


def _unmasked(image: np.ndarray, patch: Triple) -> np.ndarray:
    """Mark the positions at which a patch contains no masked voxel."""
    masked = image == OUTSIDE
    if not masked.any():
        return np.ones([n - p + 1 for n, p in zip(image.shape, patch, strict=True)], bool)
    sums = np.pad(masked.astype(np.int32), [(1, 0)] * 3)
    for axis, p in enumerate(patch):
        sums = np.cumsum(sums, axis=axis, dtype=np.int32)
        later = np.take(sums, np.arange(p, sums.shape[axis]), axis)
        sums = later - np.take(sums, np.arange(sums.shape[axis] - p), axis)
    return sums == 0
