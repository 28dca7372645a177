"""The `multiple-point` generator: what it needs and offers, and how it makes volumes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Triple
from microchar.core.phases import MAX_PHASES
from microchar.core.progress import Progress, section
from microchar.core.volume import OUTSIDE
from microchar.generation.fitted_state import Layout, check_labels
from microchar.generation.generator import Generator
from microchar.generation.spec import GeneratorSpec
from microchar.generation.training import TrainingData
from microchar.generators.multiple_point.copying import continuations, copied_share
from microchar.generators.multiple_point.cover import UNKNOWN, Cover, HardData, Patch
from microchar.generators.multiple_point.joining import join
from microchar.generators.multiple_point.search import Search

SPEC = GeneratorSpec(
    id="multiple-point",
    factory="microchar.generators.multiple_point:MultiplePoint",
    title="Multiple-point (patch quilting)",
    summary="overlapping patches of the training image, joined along minimum cuts; reports the share it copied",
    inputs=("volume", "slices"),
    phases=(2, MAX_PHASES),
    periodic_axes=(0, 1, 2),
    cost="128³ from 128³: 10 s of one core, 0.2 GB; 256³ from 400³: 80 s, 0.35 GB",
)

_MODES = ("quilting", "ccsim")
#: Default edge of a patch: the shortest axis of the training image divided by the first number, within two bounds.
_SHARE, _SMALLEST, _LARGEST = 4, 4, 48
#: Edge of the windows that measure copying, likewise; the same for all patches, so that they can be compared.
_WINDOW_SHARE, _LARGEST_WINDOW = 8, 16


@dataclass(kw_only=True)
class MultiplePoint(Generator):
    r"""Patch quilting of the training image, or cross-correlation based simulation.

    Overlapping patches are placed in raster order, as in cross-correlation based
    simulation (CCSIM) [1]_. The mismatches between the overlap of a patch and the voxels
    already placed are counted at every position of the training image at once, by
    FFT. If the image is longer than 128 voxels, or three patches, a region of that
    length is searched, another one for each patch. One of the best positions is
    drawn, and its patch is joined along the cut through the overlap that touches
    the fewest mismatches (a minimum cut [2]_; image quilting solves the same
    problem in two dimensions by dynamic programming [3]_).

    In the match, phases are weighted by the inverse square root of their volume
    fraction, and among the best positions those are drawn from that bring the
    volume fractions nearest to the training image. Without either, boxes of the
    most frequent phase, which match almost anything, would dominate.

    Positions that would extend the copy of a neighbouring patch, and those up to an
    overlap away from them, are avoided as long as there are others: they match best
    and would copy the entire training image.

    Parameters
    ----------
    patch : int, optional
        Edge of the patches in voxels, at most that of the training image; by default
        a quarter of its shortest axis, 4 to 48. On a shorter axis of the generated
        volume the patch is as long as that axis. A single patch that covers the
        volume is a window of the training image. Patches are shortened slightly if
        the same number of them still covers the axis.
    overlap : int, optional
        Smallest overlap of neighbours in voxels, at most half of `patch`; by default
        a third of it.
    mode : {"quilting", "ccsim"}
        "ccsim" follows [1]_: the cross-correlation of the overlap with the training image
        alone decides, summed over the indicators of the phases, all of which weigh alike;
        each patch is one of the best `candidates`, drawn at random, and is put down whole.
        There is no cut, no control of the volume fractions, and no rule against copies.
    candidates : int
        Number of positions among which each patch is drawn. More candidates give
        more variation and a worse match.
    hard_data : tuple of (int, int, int, int)
        Known voxels: the position along axes 0, 1, 2, and the index of the phase in
        ascending order of grey values; on the command line
        ``hard_data="0,5,7,1; 3,3,2,0"``. Patches that satisfy most of them are
        preferred; the remaining voxels are set at the end and counted in
        ``hard_data_set``.

    Notes
    -----
    *What it reproduces*: all structure within a patch, of any order and for any
    number of phases, including connectivity, and the volume fractions. *What it does
    not*: correlations longer than a patch, including fluctuations of the volume
    fraction, which is held at that of the training image; the last per cents of the
    surface area, because seams add some (see below); anything that the training
    image does not contain. The volumes consist of pieces of the training image, so
    agreement with it at lengths below a patch proves nothing: compare them with
    held-out parts.

    *Measured* on Berea sandstone, 128³ from 128³ (216 patches of 32³), three seeds:
    10 s of one core and 0.2 GB; volume fraction of the pores .206 to .207
    (training image .207), 2 to 6 % fewer unlike neighbours, 137 to 147 pore
    clusters (88; other parts of the rock 70 to 143), the largest with .97 of the
    pores (.99; .98 to .998), 2 to 3 % of the windows of 16³ copied. Small patches
    add surface: 64³ from 64³ with patches of 16³ has 15 to 20 % more unlike
    neighbours. A cathode of three phases, 128³: volume fractions to .002, 9 % more
    unlike neighbours.

    *Copied share*: `Volume.source` and `Volume.notes` report it. ``copied_share`` is
    the share of windows of ``copied_window`` voxels (an eighth of the shortest axis of
    the training image, at most 16, independent of the patch) that equal, voxel by
    voxel, a window of the training image contained in one patch.

    *CCSIM* has the limits of its simplicity: overlaps that do not match stay as steps at
    the faces of patches, the volume fraction drifts along the path, and what continues a
    neighbour in the training image is one of the best candidates, so that long pieces are
    copied. It is faster, because no cuts are computed. Multiple scales and the splitting of
    patches at hard data, of later papers, are not part of it.

    *Images*: from a volume, 3D volumes and 2D images are made. The patches of an
    image come from the planes with its orientation. From slices, 2D images are made
    of the slices with the same orientation, or of all if there is only one.

    *3D volumes from slices* cannot be quilted, because there are no patches for the
    third axis. They are made by solid texture synthesis [4]_: for windows of 7 × 7
    voxels in the planes normal to each axis, first at half the resolution and then at
    the full one, the nearest windows of the slices of that orientation are found by
    their principal components. One of the four nearest is used, with a preference for
    those used less so far [5]_. Each voxel becomes the mean of all windows that
    contain it, weighted by their distance *d* as :math:`d^{-3}`. A threshold by rank
    (for more than two phases, shifts of the votes) gives the volume fractions of the
    slices, to the voxel except for ties. Each level has three rounds. The start is the
    ``gaussian-field`` generator fitted to the same slices, whose requirements on their
    size apply. One orientation represents all three, as in an isotropic material; if
    there are two, the third has no vote. `patch`, `overlap` and `candidates` are not
    used. The result nearly has the two-point correlation of the slices, and their
    shapes within a window, but neither their 3D connectivity, about which slices say
    little, nor their surface area to better than a quarter. Berea, 64³ from one slice
    of 400², on 2 shared cores: 7 s and 0.45 GB, the volume fraction of the slice,
    29 % more unlike neighbours (.058 against .045), 88 % of the pores in the largest
    cluster (real blocks: 98 %).

    *Masks*: voxels outside the mask of the training volume are never copied.

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
    #: A volume, or a stack of slices with the axis that each is normal to; 255 marks voxels without data.
    layout: ClassVar[Layout] = {"image": ("uint8", ("n0", "n1", "n2")), "normals": ("int64", ("slice",))}

    patch: int | None = None
    overlap: int | None = None
    mode: str = "quilting"
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

    def check_state(self) -> None:
        """Check the training image, and that each of its slices has a direction."""
        image, normals = self.state["image"], self.state["normals"]
        check_labels(image, self._n_phases)
        if len(normals) not in (0, len(image)) or not np.isin(normals, (0, 1, 2)).all():
            raise ValueError(f"its {len(image)} slices are normal to the axes {normals.tolist()}")

    def make(
        self, shape: Triple, rng: np.random.Generator, periodic: tuple[int, ...], progress: Progress
    ) -> np.ndarray:
        """Place patches in raster order; synthesise a volume from slices by voting."""
        if self.state["normals"].size and min(shape) > 1:
            return self._make_solid(shape, rng, periodic, progress)
        patch, overlap = self._sizes(self.state["image"], sliced=self.state["normals"].size > 0)
        cover = Cover.of(shape, patch, overlap, periodic)
        known = self._known_voxels(shape)
        corners = list(cover.corners())
        placed: list[Patch] = []

        def tick() -> None:
            progress(len(placed) / len(corners), f"patch {len(placed) + 1} of {len(corners)}")

        quilting = self.mode == "quilting"
        search = Search(self._image(shape), cover.patch, self._n_phases, tick, balanced=quilting)
        counts = np.zeros(self._n_phases, np.int64)
        # With a margin, patches at the faces need no special case.
        canvas = np.full([n + 2 for n in shape], UNKNOWN, np.uint8)
        labels = canvas[1:-1, 1:-1, 1:-1]
        for corner in corners:
            around = canvas[cover.box(corner, cover.patch, margin=1)]
            data = _inside(known, corner, cover)
            search.move(rng)
            forbidden = (
                continuations(corner, placed, search, overlap, cover) if quilting else np.zeros(search.shape, bool)
            )
            origin = search.choose(around[1:-1, 1:-1, 1:-1], counts, data, forbidden, self.candidates, rng)
            joined = join(around, search.box(origin), data) if quilting else search.box(origin)
            counts += _counts(joined, counts.size) - _counts(around[1:-1, 1:-1, 1:-1], counts.size)
            labels[cover.box(corner, cover.patch)] = joined
            placed.append(Patch(corner, origin))
        labels = np.ascontiguousarray(labels)
        self._remark(labels, placed, search, cover)
        if self.hard_data:
            self.remarks["hard_data_set"] = _set_data(labels, known)
        return labels

    def _make_solid(
        self, shape: Triple, rng: np.random.Generator, periodic: tuple[int, ...], progress: Progress
    ) -> np.ndarray:
        """Make a volume from slices, starting from a Gaussian field with their two-point correlation."""
        from microchar.generators.gaussian_field import GaussianField
        from microchar.generators.multiple_point.solid_texture import WINDOW, balanced, solid, volume_fractions

        if min(shape) < WINDOW:
            raise InputError(
                f"shape={shape}: axis {shape.index(min(shape))} is too short, expected at least {WINDOW} voxels, the "
                "window with which volumes are made from slices"
            )
        known = self._known_voxels(shape)
        assert self.material is not None
        slices = _unstack(self.state["image"], self.state["normals"])
        if min(min(image.shape) for group in slices.values() for image in group) < WINDOW:
            raise InputError(
                f"slices: found one smaller than {WINDOW} × {WINDOW} pixels, the window with which volumes are made "
                "from slices; give larger ones"
            )
        # The synthesis is always periodic: along other axes a window more is made and cut off.
        full = tuple(n if axis in periodic else n + WINDOW for axis, n in enumerate(shape))
        before = section(progress, 0.0, 0.0, "start: ")
        field = GaussianField().fit(TrainingData(material=self.material, slices=slices), progress=before)
        start = field.generate(full, seed=int(rng.integers(2**32)), periodic=(0, 1, 2), progress=before)
        votes = solid(slices, start.read(), self._n_phases, known, rng, progress)
        labels = balanced(votes[tuple(slice(n) for n in shape)], volume_fractions(slices, self._n_phases))
        self.remarks["copied_share"] = "does not apply: each voxel is the vote of many windows of slices"
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
        """Return patch and overlap, checked against the training image."""
        if self.mode not in _MODES:
            raise InputError(f"mode={self.mode!r}: expected one of {', '.join(_MODES)}")
        extent = _extent(image, sliced=sliced)
        patch = min(max(extent // _SHARE, _SMALLEST), _LARGEST) if self.patch is None else self.patch
        overlap = max(patch // 3, 1) if self.overlap is None else self.overlap
        for name, number, least in (("patch", patch, 2), ("overlap", overlap, 1), ("candidates", self.candidates, 1)):
            if isinstance(number, bool) or not isinstance(number, int) or number < least:
                raise InputError(f"{name}={number!r}: expected a whole number of at least {least}")
        if patch > extent:
            raise InputError(
                f"patch={patch}: larger than the training image, expected at most {extent}, its shortest axis"
            )
        if overlap > patch // 2:
            raise InputError(f"overlap={overlap}: expected at most {patch // 2}, half of patch={patch}")
        return patch, overlap

    def _image(self, shape: Triple) -> np.ndarray:
        """Return the training image for a shape; of slices, those with the orientation of the shape."""
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
                    f"axes {', '.join(map(str, directions))}; choose one of these orientations"
                )
            chosen[:] = True
        return np.moveaxis(image[chosen], 0, flat[0])

    def _known_voxels(self, shape: Triple) -> dict[Triple, int]:
        known: dict[Triple, int] = {}
        for entry in self.hard_data:
            numbers = isinstance(entry, tuple) and all(isinstance(x, int) and not isinstance(x, bool) for x in entry)
            if not numbers or len(entry) != 4:
                raise InputError(f"hard_data: found {entry!r}, expected four whole numbers (i, j, k, phase)")
            i, j, k, label = entry
            if not all(0 <= x < n for x, n in zip((i, j, k), shape, strict=True)):
                raise InputError(f"hard_data: voxel {(i, j, k)} lies outside the shape {shape}")
            if not 0 <= label < self._n_phases:
                raise InputError(f"hard_data: voxel {(i, j, k)} has phase {label}, expected 0 to {self._n_phases - 1}")
            if known.setdefault((i, j, k), label) != label:
                raise InputError(f"hard_data: voxel {(i, j, k)} is given two phases, expected one")
        return known


def _stack(data: TrainingData) -> tuple[np.ndarray, np.ndarray]:
    """Stack slices; smaller ones are padded with voxels that are never copied."""
    slices = [(axis, image) for axis in sorted(data.slices) for image in data.slices[axis]]
    rows, columns = (max(image.shape[axis] for _, image in slices) for axis in range(2))
    stack = np.full((len(slices), rows, columns), OUTSIDE, np.uint8)
    for plane, (_, image) in zip(stack, slices, strict=True):
        plane[: image.shape[0], : image.shape[1]] = image
    return stack, np.array([axis for axis, _ in slices], np.int64)


def _unstack(stack: np.ndarray, normals: np.ndarray) -> dict[int, tuple[np.ndarray, ...]]:
    """Return the slices by the axis they are normal to, without padding."""
    slices: dict[int, tuple[np.ndarray, ...]] = {}
    for axis, plane in zip(normals.tolist(), stack, strict=True):
        inside = plane != OUTSIDE
        image = plane[: np.count_nonzero(inside[:, 0]), : np.count_nonzero(inside[0])]
        slices[axis] = (*slices.get(axis, ()), image)
    return slices


def _set_data(labels: np.ndarray, known: dict[Triple, int]) -> int:
    """Set the known voxels and return the number of those that had another label."""
    wrong = [(voxel, label) for voxel, label in known.items() if labels[voxel] != label]
    for voxel, label in wrong:
        labels[voxel] = label
    return len(wrong)


def _counts(labels: np.ndarray, n_phases: int) -> np.ndarray:
    """Return the number of voxels of each phase, without unlabelled ones."""
    return np.bincount(labels.ravel(), minlength=256)[:n_phases]


def _extent(image: np.ndarray, *, sliced: bool) -> int:
    """Return the length of the shortest axis of the training image."""
    return min(image.shape[1:]) if sliced else min(image.shape)


def _inside(known: dict[Triple, int], corner: Triple, cover: Cover) -> HardData:
    """Return the known voxels in a patch, with positions relative to its corner."""
    inside: HardData = []
    for voxel, label in known.items():
        i, j, k = (
            (x - c) % n if axis in cover.periodic else x - c
            for axis, (x, c, n) in enumerate(zip(voxel, corner, cover.shape, strict=True))
        )
        if all(0 <= x < p for x, p in zip((i, j, k), cover.patch, strict=True)):
            inside.append(((i, j, k), label))
    return inside
