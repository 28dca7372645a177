"""Multiple-point statistics by patch quilting: pieces of the training image, joined along their best cuts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Triple
from microchar.core.progress import Progress
from microchar.core.volume import MAX_PHASES, OUTSIDE
from microchar.generation.fitted_state import Layout
from microchar.generation.generator import Generator
from microchar.generation.spec import GeneratorSpec
from microchar.generation.training import TrainingData
from microchar.generators._quilting import (
    UNKNOWN,
    Cover,
    Data,
    Patch,
    Search,
    continuations,
    copied_share,
    join,
)

SPEC = GeneratorSpec(
    id="multiple-point",
    factory="microchar.generators.multiple_point:MultiplePoint",
    title="Multiple-point (patch quilting)",
    summary="overlapping patches of the training image, joined along minimum cuts; copies, and says how much",
    inputs=("volume", "slices"),
    phases=(2, MAX_PHASES),
    periodic_axes=(0, 1, 2),
    cost="128³ from 128³: 10 s of one core, 0.2 GB; 256³ from 400³: 80 s, 0.35 GB",
)

#: Default patch: this share of the training image's shortest axis, in voxels between these bounds.
_SHARE, _SMALLEST, _LARGEST = 4, 4, 48
#: Windows that are looked for in the training image, likewise: the same for all patches, to compare them by.
_WINDOW_SHARE, _LARGEST_WINDOW = 8, 16


@dataclass(kw_only=True)
class MultiplePoint(Generator):
    r"""Patches of the training image, quilted.

    Overlapping patches are laid in raster order (cross-correlation based
    simulation [1]_). Where a patch overlaps those already there, the voxels that
    mismatch are counted at every position of the training image at once, by FFT
    (of an image longer than 128 voxels, or three patches: of a region of that
    length, another one for each patch). One of the best positions is drawn, and
    the patch from there is joined along the cut through the overlap that touches
    the fewest mismatches (a minimum cut [2]_; in two dimensions what image
    quilting does by dynamic programming [3]_).

    Rare phases weigh more in the match, by the inverse square root of their
    volume fraction, and of the best positions those are drawn from that bring
    the volume fractions nearest to the training image's: without either, boxes of
    the most frequent phase, which match almost anything, take over.

    Positions that would continue a neighbour's copy of the training image, and
    those up to an overlap away from them, are not taken as long as there are
    others: they match best and would copy the training image whole.

    What it reproduces: everything that happens within a patch, of any order and
    for any number of phases, connectivity included, and the volume fractions.
    What it does not: correlations longer than a patch, fluctuations of the volume
    fraction included (it is held at that of the training image); the surface to
    the last per cents, as seams add some (see below); anything that the training
    image does not hold. Its volumes are pieces of the training image, so that
    agreement with it, at lengths below a patch, says nothing: compare with
    held-out parts.

    Measured on Berea sandstone, 128³ from 128³ (216 patches of 32³), three seeds:
    10 s of one core and 0.2 GB; volume fraction of the pores .206 to .207
    (training image .207), unlike neighbours 2 to 6 % fewer, 137 to 147 pore
    clusters (88; other parts of the rock 70 to 143), the largest with .97 of the
    pores (.99; .98 to .998), 2 to 3 % of the windows of 16³ copied. Small patches
    cost surface: 64³ from 64³ by patches of 16³ has 15 to 20 % more unlike
    neighbours. A cathode of three phases, 128³: volume fractions to .002, 9 % more
    unlike neighbours.

    `Volume.source` and `Volume.notes` say how much was copied: ``copied_share`` is
    the share of windows of ``copied_window`` voxels (an eighth of the training
    image's shortest axis, at most 16, whatever the patch) that are, voxel by voxel, a window
    of the training image which one patch brought along.

    From a volume, 3D volumes and 2D images are made; the images are normal to the
    axis of length one and take their patches from planes normal to it. From
    slices, 2D images are quilted, from the slices of the same direction (or of the
    only direction there is).

    *3D volumes from slices* cannot be quilted, as there are no patches for the
    third axis. They are voted on, as in solid texture synthesis [4]_: for windows
    of 7 × 7 voxels in the planes normal to each axis, at half the resolution and
    then at the full one, the nearest windows of the slices of that direction are
    found by their principal components; of the four nearest one is taken, those
    the less that were used much already [5]_. Each voxel becomes the mean of all that
    the windows say which it is in, weighted by their distance *d* as
    :math:`d^{-3}`; a threshold by rank (three phases and more: votes are shifted
    until it is so) gives the volume fractions of the slices, to the voxel but for
    ties. Three rounds at each level; the start is the ``gaussian-field`` fitted to
    the same slices, whose demands on their lengths hold. One direction stands for
    all three, as in an isotropic material; of two, the third has no vote. `patch`,
    `overlap` and `candidates` play no part. What comes out has the two-point
    correlation of the slices nearly, and their shapes within a window: not the
    connectivity in 3D, about which slices say little, and not their surface to the
    last quarter. Berea, 64³ from one slice of 400², on 2 shared cores: 7 s and
    0.45 GB, volume fraction that of the slice, 29 % more unlike neighbours (.058
    against .045), 88 % of the pores in the largest cluster (real blocks: 98 %).

    Voxels outside the mask of the training volume are never copied.

    Parameters
    ----------
    patch : int, optional
        Edge of the patches in voxels, at most that of the training image; by default
        a quarter of its shortest axis, 4 to 48. On a shorter axis of the
        generated volume the patch is as long as that axis, and one patch that
        covers all is a window of the training image. Patches are shortened a
        little where fewer voxels cover the axis with as many of them.
    overlap : int, optional
        Voxels by which neighbours overlap at least, at most half of `patch`; by
        default a third of it.
    candidates : int
        Positions among which each patch is drawn. More of them vary more and
        match less.
    hard_data : tuple of (int, int, int, int)
        Voxels that are known: position along axes 0, 1, 2, and the phase as its
        place in the order of grey values; on the command line
        ``hard_data="0,5,7,1; 3,3,2,0"``. Patches that honour most of them are
        preferred; those that remain are set in the end and counted in
        ``hard_data_set``.

    References
    ----------
    .. [1] P. Tahmasebi, A. Hezarkhani, M. Sahimi, Multiple-point geostatistical
       modeling based on the cross-correlation functions, Comput. Geosci. 16
       (2012) 779-797.
    .. [2] V. Kwatra, A. Schödl, I. Essa, G. Turk, A. Bobick, Graphcut textures,
       ACM Trans. Graph. 22 (2003) 277-286.
    .. [3] A. A. Efros, W. T. Freeman, Image quilting for texture synthesis and
       transfer, SIGGRAPH (2001) 341-346.
    .. [4] J. Kopf, C.-W. Fu, D. Cohen-Or, O. Deussen, D. Lischinski, T.-T. Wong,
       Solid texture synthesis from 2D exemplars, ACM Trans. Graph. 26 (2007) 2.
    .. [5] J. Chen, B. Wang, High quality solid texture synthesis using position
       and index histogram matching, Vis. Comput. 26 (2010) 253-262.

    Examples
    --------
    >>> import numpy as np
    >>> from microchar.generators.multiple_point import MultiplePoint
    >>> stripes = np.indices((24, 24, 24))[2] // 2 % 2
    >>> volume = MultiplePoint(patch=8).fit(stripes).generate((20, 20, 20), seed=1)
    >>> bool((volume.values[..., :-2] != volume.values[..., 2:]).all())
    True
    """

    spec: ClassVar[GeneratorSpec] = SPEC
    #: A volume, or slices one behind the other with the axis that each is normal to; 255 where there is nothing.
    layout: ClassVar[Layout] = {"image": ("uint8", ("n0", "n1", "n2")), "normals": ("int64", ("slice",))}

    patch: int | None = None
    overlap: int | None = None
    candidates: int = 5
    hard_data: tuple[tuple[int, int, int, int], ...] = ()

    def learn(self, data: TrainingData, rng: np.random.Generator, progress: Progress) -> dict[str, np.ndarray]:
        """Keep the training image."""
        progress(0.0, "training image")
        if data.volume is not None:
            image, normals = data.volume.read(), np.zeros(0, np.int64)
        else:
            image, normals = _stack(data)
        patch, overlap = self._sizes(image, sliced=len(normals) > 0)
        self.history |= {"patch": patch, "overlap": overlap}
        return {"image": image, "normals": normals}

    def make(
        self, shape: Triple, rng: np.random.Generator, periodic: tuple[int, ...], progress: Progress
    ) -> np.ndarray:
        """Lay patches in raster order; for a volume from slices, vote."""
        if self.state["normals"].size and min(shape) > 1:
            return self._solid(shape, rng, periodic, progress)
        patch, overlap = self._sizes(self.state["image"], sliced=self.state["normals"].size > 0)
        cover = Cover.of(shape, patch, overlap, periodic)
        known = self._hard_data(shape)
        corners = list(cover.corners())
        placed: list[Patch] = []

        def tick() -> None:
            progress(len(placed) / len(corners), f"patch {len(placed) + 1} of {len(corners)}")

        search = Search(self._image(shape), cover.patch, self._n_phases, tick)
        counts = np.zeros(self._n_phases, np.int64)
        # A margin that is never reached spares the patches at the faces a special case.
        canvas = np.full([n + 2 for n in shape], UNKNOWN, np.uint8)
        labels = canvas[1:-1, 1:-1, 1:-1]
        for corner in corners:
            around = canvas[cover.box(corner, cover.patch, margin=1)]
            data = _inside(known, corner, cover)
            search.move(rng)
            forbidden = continuations(corner, placed, search, overlap, cover)
            origin = search.choose(around[1:-1, 1:-1, 1:-1], counts, data, forbidden, self.candidates, rng)
            joined = join(around, search.box(origin), data)
            counts += _counts(joined, counts.size) - _counts(around[1:-1, 1:-1, 1:-1], counts.size)
            labels[cover.box(corner, cover.patch)] = joined
            placed.append(Patch(corner, origin))
        labels = np.ascontiguousarray(labels)
        self._remark(labels, placed, search, cover)
        if self.hard_data:
            self.remarks["hard_data_set"] = _set_data(labels, known)
        return labels

    def _solid(
        self, shape: Triple, rng: np.random.Generator, periodic: tuple[int, ...], progress: Progress
    ) -> np.ndarray:
        """Make a volume from slices: a Gaussian field with their two-point correlation, voted into shape."""
        from microchar.generators._solid_texture import WINDOW, balanced, solid, volume_fractions
        from microchar.generators.gaussian_field import GaussianField

        if min(shape) < WINDOW:
            raise InputError(
                f"shape={shape}: axis {shape.index(min(shape))} is shorter than {WINDOW} voxels, the window by which "
                "a volume is made from slices"
            )
        known = self._hard_data(shape)
        assert self.material is not None
        slices = _unstack(self.state["image"], self.state["normals"])
        if min(min(image.shape) for group in slices.values() for image in group) < WINDOW:
            raise InputError(
                f"slices: a volume is made from windows of {WINDOW} × {WINDOW} pixels, found a smaller slice"
            )
        # It is a torus in any case: along an axis that shall not repeat, more than the window is cut off.
        full = tuple(n if axis in periodic else n + WINDOW for axis, n in enumerate(shape))
        field = GaussianField().fit(
            TrainingData(material=self.material, slices=slices), progress=lambda _, what: progress(0.0, what)
        )
        start = field.generate(
            full, seed=int(rng.integers(2**32)), periodic=(0, 1, 2), progress=lambda _, what: progress(0.0, what)
        )
        votes = solid(slices, start.read(), self._n_phases, known, rng, progress)
        labels = balanced(votes[tuple(slice(n) for n in shape)], volume_fractions(slices, self._n_phases))
        self.remarks["copied_share"] = "does not apply: voxels are voted on by windows of slices"
        if self.hard_data:
            self.remarks["hard_data_set"] = _set_data(labels, known)
        return labels

    @property
    def _n_phases(self) -> int:
        assert self.material is not None
        return len(self.material.phases)

    def _remark(self, labels: np.ndarray, placed: list[Patch], search: Search, cover: Cover) -> None:
        extent = _extent(self.state["image"], sliced=self.state["normals"].size > 0)
        edge = min(max(extent // _WINDOW_SHARE, 2), _LARGEST_WINDOW)
        window = (min(edge, cover.shape[0]), min(edge, cover.shape[1]), min(edge, cover.shape[2]))
        self.remarks["copied_share"] = round(copied_share(labels, placed, search, window, cover), 4)
        self.remarks["copied_window"] = window

    def _sizes(self, image: np.ndarray, *, sliced: bool) -> tuple[int, int]:
        """Patch and overlap, checked against the training image."""
        extent = _extent(image, sliced=sliced)
        patch = min(max(extent // _SHARE, _SMALLEST), _LARGEST) if self.patch is None else self.patch
        overlap = max(patch // 3, 1) if self.overlap is None else self.overlap
        for name, number, least in (("patch", patch, 2), ("overlap", overlap, 1), ("candidates", self.candidates, 1)):
            if isinstance(number, bool) or not isinstance(number, int) or number < least:
                raise InputError(f"{name}={number!r}: expected a whole number of at least {least}")
        if patch > extent:
            raise InputError(f"patch={patch}: larger than the training image, whose shortest axis has {extent} voxels")
        if overlap > patch // 2:
            raise InputError(f"overlap={overlap}: expected at most {patch // 2}, half of patch={patch}")
        return patch, overlap

    def _image(self, shape: Triple) -> np.ndarray:
        """Return the training image for volumes of that shape; from slices, those of the right direction."""
        image, normals = self.state["image"], self.state["normals"]
        if not normals.size:
            return image
        flat = [axis for axis in range(3) if shape[axis] == 1]
        directions = sorted(set(normals.tolist()))
        chosen = normals == flat[0]
        if not chosen.any():
            if len(directions) > 1:
                raise InputError(
                    f"shape={shape}: an image normal to axis {flat[0]}, but the training slices are normal to "
                    f"axes {', '.join(map(str, directions))}"
                )
            chosen[:] = True
        return np.moveaxis(image[chosen], 0, flat[0])

    def _hard_data(self, shape: Triple) -> dict[Triple, int]:
        known: dict[Triple, int] = {}
        for entry in self.hard_data:
            whole = isinstance(entry, tuple) and all(isinstance(x, int) and not isinstance(x, bool) for x in entry)
            if not whole or len(entry) != 4:
                raise InputError(f"hard_data: found {entry!r}, expected (i, j, k, phase) in whole numbers")
            i, j, k, label = entry
            if not all(0 <= x < n for x, n in zip((i, j, k), shape, strict=True)):
                raise InputError(f"hard_data: voxel {(i, j, k)} does not lie in the shape {shape}")
            if not 0 <= label < self._n_phases:
                raise InputError(f"hard_data: voxel {(i, j, k)} has phase {label}, expected 0 to {self._n_phases - 1}")
            if known.setdefault((i, j, k), label) != label:
                raise InputError(f"hard_data: voxel {(i, j, k)} has two phases")
        return known


def _stack(data: TrainingData) -> tuple[np.ndarray, np.ndarray]:
    """Lay slices one behind the other; smaller ones are filled up with voxels that are never copied."""
    slices = [(axis, image) for axis in sorted(data.slices) for image in data.slices[axis]]
    rows, columns = (max(image.shape[axis] for _, image in slices) for axis in range(2))
    stack = np.full((len(slices), rows, columns), OUTSIDE, np.uint8)
    for plane, (_, image) in zip(stack, slices, strict=True):
        plane[: image.shape[0], : image.shape[1]] = image
    return stack, np.array([axis for axis, _ in slices], np.int64)


def _unstack(stack: np.ndarray, normals: np.ndarray) -> dict[int, tuple[np.ndarray, ...]]:
    """Return the slices by the axis they are normal to, without what they were filled up with."""
    slices: dict[int, tuple[np.ndarray, ...]] = {}
    for axis, plane in zip(normals.tolist(), stack, strict=True):
        inside = plane != OUTSIDE
        image = plane[: np.count_nonzero(inside[:, 0]), : np.count_nonzero(inside[0])]
        slices[axis] = (*slices.get(axis, ()), image)
    return slices


def _set_data(labels: np.ndarray, known: dict[Triple, int]) -> int:
    """Set the known voxels and count those that had another label."""
    wrong = [(place, label) for place, label in known.items() if labels[place] != label]
    for place, label in wrong:
        labels[place] = label
    return len(wrong)


def _counts(labels: np.ndarray, n_phases: int) -> np.ndarray:
    """Voxels of each phase, those without a label left out."""
    return np.bincount(labels.ravel(), minlength=256)[:n_phases]


def _extent(image: np.ndarray, *, sliced: bool) -> int:
    """Shortest axis of the training image."""
    return min(image.shape[1:]) if sliced else min(image.shape)


def _inside(known: dict[Triple, int], corner: Triple, cover: Cover) -> Data:
    """Return the known voxels in a patch, counted from its corner."""
    found: Data = []
    for voxel, label in known.items():
        i, j, k = (
            (x - c) % n if axis in cover.periodic else x - c
            for axis, (x, c, n) in enumerate(zip(voxel, corner, cover.shape, strict=True))
        )
        if all(0 <= x < p for x, p in zip((i, j, k), cover.patch, strict=True)):
            found.append(((i, j, k), label))
    return found
