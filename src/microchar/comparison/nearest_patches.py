"""`memorisation`: find out whether a generator copies its training volume, by a search for nearest patches."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Triple, triple
from microchar.core.volume import Volume, as_volume
from microchar.measurement.blocks import thread_pool


@dataclass(frozen=True, eq=False)
class Memorisation:
    """Distances of generated patches to the training volume and to an unseen volume.

    Parameters
    ----------
    to_training, to_unseen : ndarray of float64
        For each patch, the fraction of voxels that differ from the most similar
        position in the training volume and in the unseen volume.
    patch : tuple of int
        Edges of a patch in voxels.
    """

    to_training: np.ndarray
    to_unseen: np.ndarray
    patch: Triple

    @property
    def patches(self) -> int:
        """Number of patches."""
        return len(self.to_training)

    @property
    def nearer_to_training(self) -> float:
        """Fraction of patches that are nearer to the training volume; a patch equally near to both counts half."""
        nearer = np.mean(self.to_training < self.to_unseen)
        return float(nearer + np.mean(self.to_training == self.to_unseen) / 2)

    @property
    def standard_error(self) -> float:
        r"""Binomial standard error of `nearer_to_training` if nothing is memorised, :math:`1 / (2 \sqrt n)`."""
        return 0.5 / math.sqrt(self.patches)

    @property
    def medians(self) -> tuple[float, float]:
        """Median distance to the training volume and median distance to the unseen volume."""
        return float(np.median(self.to_training)), float(np.median(self.to_unseen))


def memorisation(
    generated: Any,
    training: Any,
    unseen: Any,
    *,
    patch: int | Sequence[int] = 16,
    patches: int = 200,
    seed: int = 0,
    threads: int | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> Memorisation:
    r"""Compare the distances of generated patches to the training volume and to an unseen volume of the same shape.

    The distance of a patch :math:`p` of `n` voxels to a volume :math:`v` is the
    smallest fraction of differing voxels (Hamming distance) over all positions :math:`x`,

    .. math:: d(p, v) = \min_x \frac{1}{n} \sum_{j} [p(j) \ne v(x + j)].

    All positions are searched, without approximation. If the generator makes
    independent samples of the material, about half of the patches are nearer to
    each volume; if the generator copies, all are nearer to the training volume.

    Parameters
    ----------
    generated : Volume, array_like or sequence of them
        Volumes that the generator made; patches are drawn from all of them.
    training, unseen : Volume or array_like
        The training volume, and a volume of the same shape that the generator has
        not seen; both of the same phases as `generated`.
    patch : int or sequence of three int
        Edges of a patch in voxels; a single number applies to the axes longer than one
        voxel. ``(1, 32, 32)`` compares slices, which a generator trained on slices
        could memorise.
    patches : int
        Largest number of patches to compare. Patches do not overlap, so there may be
        fewer.
    seed : int
        Seed of the choice of patches.
    threads : int, optional
        Number of threads; default all cores this process may use.
    progress : callable, optional
        ``progress(fraction, text)``.

    Returns
    -------
    Memorisation

    Raises
    ------
    InputError
        If the shapes of `training` and `unseen` or any phases differ, or a patch
        is larger than a volume.

    Notes
    -----
    *Cost*: a Fourier transform of the whole volume for each patch takes 25 to 60 ns
    per voxel on one core; 200 patches and two volumes of 3 million voxels take up to a
    minute.

    *Bias*: both volumes are pieces of one specimen, and one of them may be more
    similar to all generated volumes. A third piece, passed as `generated`, shows by
    how much. The standard error assumes independent patches; patches of
    one sample within a correlation length are not quite independent. Rotated or
    mirrored copies are not found. Patches of a single phase are usually equally
    near to both volumes and draw the fraction towards one half: use patches larger
    than most pores. Voxels outside a mask differ from every voxel.

    References
    ----------
    Meehan, C., Chaudhuri, K. and Dasgupta, S. (2020), A non-parametric test to
    detect data-copying in generative models, Proc. AISTATS, PMLR 108, 3546.

    Examples
    --------
    >>> import numpy as np
    >>> from microchar.comparison.nearest_patches import memorisation
    >>> training, unseen = np.random.default_rng(0).integers(0, 2, (2, 16, 16, 16))
    >>> result = memorisation(training[3:11, :8, :8], training, unseen, patch=4)
    >>> result.patches, result.nearer_to_training, result.medians[0]
    (8, 1.0, 0.0)
    """
    volumes = [_read(volume, "generated") for volume in _several(generated)]
    known, new = _read(training, "training"), _read(unseen, "unseen")
    for volume in (*volumes, new):
        if volume.phases != known.phases:
            raise InputError(
                f"{volume.name}: phases {volume.phases}, but the training volume has {known.phases}; segment all "
                "alike, or name the phases of arrays with as_volume(array, phases=...)"
            )
    if new.shape != known.shape:
        raise InputError(
            f"training {known.shape} and unseen {new.shape}: a larger volume holds nearer patches; "
            "cut both to the same shape"
        )
    edges = _edges(patch, known.shape)
    drawn = _draw([volume.read() for volume in volumes], edges, known.n_phases, patches, seed)
    report = progress or (lambda fraction, text: None)
    per_volume = []
    for i, volume in enumerate((known, new)):
        nearest = _Nearest(volume.read(), known.n_phases)
        distances: list[float] = []
        with thread_pool(threads) as pool:
            for distance in pool.map(nearest.distance, drawn):
                report((i + len(distances) / len(drawn)) / 2, f"patches: {('training', 'unseen')[i]} volume")
                distances.append(distance)
        per_volume.append(np.array(distances))
    return Memorisation(per_volume[0], per_volume[1], edges)


class _Nearest:
    """A volume prepared for the search: the Fourier transforms of the indicator functions of its phases."""

    def __init__(self, labels: np.ndarray, n_phases: int):
        from scipy import fft

        self._shape = labels.shape
        # Only positions where the patch lies inside the volume are searched: nothing wraps around there.
        self._padded = tuple(fft.next_fast_len(n, real=True) for n in labels.shape)
        self._transforms = [fft.rfftn((labels == phase).astype(np.float32), self._padded) for phase in range(n_phases)]

    def distance(self, patch: np.ndarray) -> float:
        """Return the fraction of differing voxels at the position that is most similar to the patch."""
        from scipy import fft

        product_ = sum(
            np.conj(self._transform(patch == phase)) * transform for phase, transform in enumerate(self._transforms)
        )
        alike = fft.irfftn(product_, self._padded)
        positions = tuple(slice(n - m + 1) for n, m in zip(self._shape, patch.shape, strict=True))
        # The values are whole numbers up to rounding errors of single precision, which are far below one half.
        return 1 - round(float(alike[positions].max())) / patch.size

    def _transform(self, indicator: np.ndarray) -> np.ndarray:
        """Return the Fourier transform, computed axis by axis so that zeros around the patch are not transformed."""
        from scipy import fft

        a, b, c = self._padded
        return fft.fft(fft.fft(fft.rfft(indicator.astype(np.float32), c, 2), b, 1), a, 0)


def _several(generated: Any) -> list[Any]:
    return list(generated) if isinstance(generated, list | tuple) else [generated]


def _read(volume: Any, name: str) -> Volume:
    return volume if isinstance(volume, Volume) else as_volume(volume, name=name)


def _edges(patch: int | Sequence[int], shape: Triple) -> Triple:
    edges = list(patch) if isinstance(patch, Sequence) else [patch if n > 1 else 1 for n in shape]
    if len(edges) != 3 or any(not 1 <= edge <= n for edge, n in zip(edges, shape, strict=False)):
        raise InputError(f"patch={patch!r}: expected one or three edges of at least 1 voxel that fit into {shape}")
    return triple(edges)


def _draw(volumes: Sequence[np.ndarray], edges: Triple, n_phases: int, patches: int, seed: int) -> list[np.ndarray]:
    """Draw disjoint patches at random from all volumes; patches with voxels outside the mask are left out."""
    if patches < 1:
        raise InputError(f"patches={patches!r}: expected at least 1")
    rng = np.random.default_rng(seed)
    pieces = []
    for labels in volumes:
        # The lattice of patches starts at a random offset within the voxels that it leaves over.
        corners = [
            range(int(rng.integers(n % edge + 1)) if n >= edge else 0, n - edge + 1, edge)
            for n, edge in zip(labels.shape, edges, strict=True)
        ]
        for corner in product(*corners):
            piece = labels[tuple(slice(a, a + edge) for a, edge in zip(corner, edges, strict=True))]
            if piece.max() < n_phases:
                pieces.append(piece)
    if not pieces:
        raise InputError(
            f"generated: no patch of {edges} voxels fits into {[labels.shape for labels in volumes]} inside the mask; "
            "make patch= smaller"
        )
    chosen = rng.permutation(len(pieces))[:patches]
    return [pieces[i] for i in sorted(chosen)]
