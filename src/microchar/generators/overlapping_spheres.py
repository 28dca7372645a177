"""The `overlapping-spheres` generator: balls of one radius at the points of a Poisson process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Triple
from microchar.core.memory import physical_memory
from microchar.core.progress import Progress
from microchar.core.volume import OUTSIDE
from microchar.generation.fitted_state import Layout, check_fractions
from microchar.generation.spec import GeneratorSpec
from microchar.generation.streaming import Box, TiledGenerator
from microchar.generation.training import TrainingData

SPEC = GeneratorSpec(
    id="overlapping-spheres",
    factory="microchar.generators.overlapping_spheres:OverlappingSpheres",
    title="Overlapping spheres",
    summary="balls of one radius at random points, free to overlap: a Boolean model",
    inputs=("volume", "slices", "parameters"),
    periodic_axes=(0, 1, 2),
    streams=True,
    cost="a second and a byte a voxel",
)

#: Spheres painted between two calls of the progress.
_AT_ONCE = 4096
#: Edge of a tile by default.
_TILE = 256
#: Largest radius in voxels, longer than any volume.
_LARGEST = 1_000_000


@dataclass(kw_only=True)
class OverlappingSpheres(TiledGenerator):
    r"""Spheres of one radius at the points of a Poisson process, free to overlap.

    Parameters
    ----------
    radius : float
        :math:`R` in voxels. Not used once fitted.
    volume_fraction : float
        Of the union of the spheres, in the ensemble; the fractions of samples
        fluctuate. Not used once fitted.
    spheres : {1, 0}
        Label of the phase covered by spheres; the other phase is the rest.

    Notes
    -----
    Let :math:`\epsilon` be the uncovered fraction and :math:`v = 4\pi R^3/3`. The process
    has :math:`\rho = -\ln\epsilon / v` points per volume. Both ends of a lag :math:`r` are
    uncovered with probability

    .. math:: S(r) = \epsilon^{v_2(r)/v}, \qquad
              \frac{v_2(r)}{v} = 1 + \frac{3x}{4} - \frac{x^3}{16}, \quad x = r/R \le 2,

    and the specific surface area is :math:`s = -3 \epsilon \ln\epsilon / R`. A voxel is
    covered if its centre is, so the probability is exact at whole lags for any radius.

    *Fit*: to the volume fraction and the share of unlike neighbours. The formula for
    :math:`S(r)` at :math:`r` = one voxel converts that share into :math:`R` without the
    bias of counting faces. The mean of :math:`1/R` over the axes is used, at the voxel
    size of the data. A 2D image of a 3D material can be used too. *What it
    reproduces*: volume fraction and specific surface area. *What it does not*:
    anything else; the rest is that of this model, whose uncovered part percolates down
    to :math:`\epsilon \approx 0.03` and whose covered part percolates from
    :math:`\approx 0.29`.

    *2D*: an image is a section through spheres, not a plane of discs. *Periodic*:
    spheres wrap around the requested axes; along others the volume is a window in an
    infinite medium. *Cost*: about a second and 20 MB at 256³ for any radius (on a busy
    core).

    References
    ----------
    Torquato, S. (2002), Random Heterogeneous Materials, Springer, chapter 5.

    Examples
    --------
    >>> from microchar.generators.overlapping_spheres import OverlappingSpheres
    >>> volume = OverlappingSpheres(radius=4, volume_fraction=0.3).generate((32, 32, 32), seed=1)
    >>> volume.phases
    ('0', '1')
    """

    spec: ClassVar[GeneratorSpec] = SPEC
    layout: ClassVar[Layout] = {"radius": ("float64", (1,)), "volume_fraction": ("float64", (1,))}

    radius: float = 8.0
    volume_fraction: float = 0.5
    spheres: int = 1

    def learn(self, data: TrainingData, rng: np.random.Generator, progress: Progress) -> dict[str, np.ndarray]:
        """Compute the radius from the share of unlike neighbours."""
        self._check()
        fraction = float(data.volume_fractions()[self.spheres])
        progress(0.5, "unlike neighbours")
        uncovered = np.log(1 - fraction)
        inverse = []
        for size, unlike in zip(data.material.voxel_size, _unlike(data), strict=True):
            if unlike is not None and 0 < unlike / 2 < 1 - fraction:
                excess = np.log(1 - fraction - unlike / 2) / uncovered - 1
                if excess < 1:
                    inverse.append(_scaled_lag(excess) / size)
        if not inverse:
            raise InputError(
                "generator 'overlapping-spheres': the phases change from voxel to voxel, so that spheres would have "
                "a radius of half a voxel or less; expected structure larger than a voxel"
            )
        radius = 1 / float(np.mean(inverse))
        self.history |= {"radius": radius, "unit": data.material.unit, "volume_fraction": fraction}
        return {"radius": np.array([radius]), "volume_fraction": np.array([fraction])}

    def check_state(self) -> None:
        """Check radius and volume fraction."""
        assert self.material is not None
        check_fractions(self.state["volume_fraction"], None)
        radii = self.state["radius"] / np.array(self.material.voxel_size)
        if not ((radii > 0) & (radii <= _LARGEST)).all():
            raise ValueError(f"its spheres have a radius of {radii.tolist()} voxels")

    def tile(self, shape: Triple, periodic: tuple[int, ...], longest: int) -> Triple:
        """Return cubes: any tile will do."""
        a, b, c = (min(n, longest, _TILE) for n in shape)
        return (a, b, c)

    def make_box(
        self, box: Box, shape: Triple, rng: np.random.Generator, periodic: tuple[int, ...], progress: Progress
    ) -> np.ndarray:
        """Draw the centres of the whole volume, which takes little time, and paint the spheres that meet the box."""
        from microchar.kernels.spheres import paint

        radii, centres = self._drawn(shape, rng, periodic, progress)
        start = np.array([s.start for s in box])
        covered = np.zeros([s.stop - s.start for s in box], np.uint8)
        met = _meeting(centres, radii, box, shape, periodic)
        for first in range(0, len(met), _AT_ONCE):
            progress(first / len(met), f"{first} of {len(met)} spheres")
            paint(covered, met[first : first + _AT_ONCE] - start, radii, np.zeros(3, bool))
        return covered if self.spheres else 1 - covered

    def _drawn(
        self, shape: Triple, rng: np.random.Generator, periodic: tuple[int, ...], progress: Progress
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the radii of the spheres along the axes, and the centres of all."""
        self._check()
        radius, fraction = self.radius, self.volume_fraction
        if self.state:
            radius, fraction = float(self.state["radius"][0]), float(self.state["volume_fraction"][0])
        radii = radius / np.array((self.material or self.default_material()).voxel_size)
        # An axis of length one is a section through spheres, not a period.
        wraps = np.array([axis in periodic and shape[axis] > 1 for axis in range(3)])
        for axis in np.flatnonzero(wraps):
            if 2 * radii[axis] > shape[axis]:
                raise InputError(
                    f"shape={shape}: a sphere of radius {radii[axis]:.1f} voxels overlaps itself around axis {axis}; "
                    f"expected at least {int(np.ceil(2 * radii[axis]))} voxels along a periodic axis"
                )
        progress(0.0, "spheres")
        margin = np.where(wraps, 0, radii)
        extent = np.array(shape) + 2 * margin
        density = -np.log(1 - fraction) / (4 / 3 * np.pi * radii.prod())
        expected = density * extent.prod()
        if not expected * 3 * 8 <= physical_memory():
            raise InputError(
                f"generator {self.id!r}: about {expected:.3g} spheres with radii of {radii.tolist()} voxels do not fit "
                "into memory; expected larger spheres, or a smaller shape"
            )
        return radii, rng.random((rng.poisson(expected), 3)) * extent - margin - 0.5

    def _check(self) -> None:
        if not isinstance(self.radius, int | float) or not 0.5 < self.radius <= _LARGEST:
            raise InputError(
                f"radius={self.radius!r}: expected a number of voxels greater than 0.5, at most {_LARGEST}"
            )
        if not isinstance(self.volume_fraction, int | float) or not 0 < self.volume_fraction < 1:
            raise InputError(f"volume_fraction={self.volume_fraction!r}: expected a number between 0 and 1")
        if self.spheres not in (0, 1):
            raise InputError(f"spheres={self.spheres!r}: expected a label, 0 or 1")


def _scaled_lag(excess: float) -> float:
    """Return the solution x of 3x/4 - x³/16 = excess between 0 and 2."""
    roots = np.roots([-1 / 16, 0, 3 / 4, -excess])
    return float(min(x.real for x in roots if abs(x.imag) < 1e-9 and x.real > 0))


def _meeting(centres: np.ndarray, radii: np.ndarray, box: Box, shape: Triple, periodic: tuple[int, ...]) -> np.ndarray:
    """Return the centres of the spheres that may meet a box, with their images along periodic axes."""
    for axis, (part, n) in enumerate(zip(box, shape, strict=True)):
        images = [-n, 0, n] if axis in periodic and n > 1 else [0]
        near = []
        for image in images:
            at = centres[:, axis] + image
            # A voxel more than the radius: rounding must not decide.
            meets = (at > part.start - radii[axis] - 1) & (at < part.stop + radii[axis])
            near.append(centres[meets])
            near[-1][:, axis] += image
        centres = np.concatenate(near)
    return centres


def _unlike(data: TrainingData) -> list[float | None]:
    """Return the share of unlike pairs of neighbours along each axis; None if there are no pairs."""
    if data.volume is not None:
        pieces = [data.volume.read()]
    else:
        pieces = [np.expand_dims(image, normal) for normal, group in data.slices.items() for image in group]
    shares: list[float | None] = []
    for axis in range(3):
        pairs = unlike = 0
        for piece in pieces:
            line = np.moveaxis(piece, axis, 0)
            counts = (line[1:] != OUTSIDE) & (line[:-1] != OUTSIDE)
            pairs += int(np.count_nonzero(counts))
            unlike += int(np.count_nonzero(counts & (line[1:] != line[:-1])))
        shares.append(unlike / pairs if pairs else None)
    return shares
