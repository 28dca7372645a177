"""Length of the lines along which three phases meet, per volume."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from math import hypot, pi

import numpy as np

from microchar.core.grid import Grid
from microchar.core.result import Result
from microchar.core.volume import Volume
from microchar.measurement.blocks import Counts
from microchar.metrics._neighbourhood import NeighbourhoodMetric


@dataclass(frozen=True)
class TriplePhaseBoundary(NeighbourhoodMetric):
    r"""Triple-phase-boundary density :math:`L_V` of each triplet of phases.

    The length of the lines along which three phases meet per total volume; for a
    2D image, the number of points at which they meet per area.

    On voxels, the lines are the lattice edges whose four voxels belong to three or
    four phases. An edge where four phases meet counts for each of their four
    triplets, that is, for every three phases among its four voxels. If the volume
    has more than three phases, the feature "all_triplets" counts each edge once.

    Parameters
    ----------
    periodic : tuple of int
        Axes along which the volume repeats.

    Notes
    -----
    **corrected** (recommended for isotropic structures). The edges along axis *a* are
    the triple points of the slices normal to it. A curve without preferred direction
    has :math:`L_V = 2 Q_A`, where :math:`Q_A` is the number of points per area in which
    it meets a plane. A slice made of pixels, however, has more than one triple point
    where phases meet at a sharp angle, because the tip of the wedge breaks up into
    single pixels. Consider a straight interface that ends on another one, both
    without preferred direction. The measure of the pairs of lines that produce three
    phases at the corners of a rectangle with sides *b* and *c* and diagonal *d* gives
    the number of three-phase rectangles per triple point

    .. math:: \kappa = \frac{2}{\pi} \left[1 + \frac{d (b + c) - d^2}{b c}\right]
              \quad \left(= \frac{4 \sqrt 2 - 2}{\pi} = 1.164 \text{ for squares}\right).

    The estimate divides by this number in each of the three slice directions:

    .. math:: L_V = \frac{2}{3} \sum_a \frac{Q_a}{\kappa_a}, \qquad
              Q_a = \frac{\text{three-phase edges along } a}{\text{edges along } a \cdot \text{area they stand for}}.

    For a 2D image the estimate is :math:`Q_a / \kappa_a`.

    *Denominator*: the edges whose four voxels lie inside the mask. The boundary of
    the volume therefore introduces no bias.

    *Bias*: none for an interface that ends on another, independent interface, if both
    are resolved. The table shows it for three phases *a*, *b*, *c* made of two
    independent Gaussian fields of covariance :math:`\exp(-r^2/\ell^2)`: the first field
    separates *a*, the second divides the rest into *b* and *c*. The true density is
    :math:`\frac{2}{\pi \ell^2} e^{-(\lambda_1^2 + \lambda_2^2)/2}` with the levels
    :math:`\lambda` of the cuts. Means of 12 periodic volumes of 192³ voxels, with
    standard errors:

    ======================  =========  ===============  ===============
    volume fractions of     ℓ, voxels  bias, corrected  bias, edges
    *a*, *b*, *c*
    ======================  =========  ===============  ===============
    0.35, 0.3, 0.35         4          +2.5 ± 0.1 %     +78.9 ± 0.2 %
    \                       6          +2.2 ± 0.2 %     +78.4 ± 0.3 %
    \                       8          +1.4 ± 0.5 %     +77.1 ± 0.9 %
    0.5, 0.25, 0.25         4          -2.4 ± 0.1 %     +70.5 ± 0.2 %
    \                       6          -1.2 ± 0.2 %     +72.6 ± 0.3 %
    \                       8          -0.4 ± 0.3 %     +74.0 ± 0.6 %
    ======================  =========  ===============  ===============

    The bias also depends on the angles at which the phases meet. If three interfaces
    meet at 120°, :math:`\kappa` is 1 and the value is 14 % too low. If wedges are
    sharper than those of independent interfaces, the value is too high. Lines that are
    all parallel to one axis are not isotropic: use *edges* for them.

    **edges**: the length of these edges per volume of the voxels inside the mask. A
    straight line along an axis is exact (a prism of three sectors and height *H* has
    *H* edges). The value of an isotropic structure is :math:`3 \kappa / 2` times the
    true value: 1.746 times if an interface ends on another, independent interface,
    and 3/2 times if three interfaces meet at 120°. Edges in the faces of a
    non-periodic volume do not count, so that the value of a volume of *n* voxels
    along each axis is reduced by the factor :math:`(1 - 1/n)^2`.

    The value of a triplet with an absent phase is 0.

    References
    ----------
    .. [1] L. A. Santaló, "Integral Geometry and Geometric Probability",
       Addison-Wesley (1976): the measure of sets of lines, and L = 2 Q.
    .. [2] J. R. Wilson et al., "Three-dimensional reconstruction of a solid-oxide
       fuel-cell anode", Nature Materials 5, 541-544 (2006).
       https://doi.org/10.1038/nmat1668
    .. [3] H. Iwai et al., "Quantification of SOFC anode microstructure based on
       dual beam FIB-SEM technique", Journal of Power Sources 195, 955-961 (2010).

    Examples
    --------
    Three sectors that meet in a line of eight edges:

    >>> import numpy as np
    >>> import microchar as mc
    >>> sectors = np.zeros((8, 4, 4), dtype=np.uint8)
    >>> sectors[:, :2, 2:] = 1
    >>> sectors[:, 2:] = 2
    >>> result = mc.metrics.TriplePhaseBoundary()(mc.as_volume(sectors))
    >>> result.value(phase="0|1|2", estimator="edges").value * sectors.size
    8.0
    """

    id = "triple_phase_boundary"
    title = "Triple-phase-boundary density"
    symbol = r"L_V"
    summary = "length of the lines where three phases meet, per total volume"
    kind = "scalar"
    length_power = -2
    min_phases = 3
    min_ndim = 2

    def finish(self, counts: Counts, volume: Volume) -> Result:
        """Compute both estimates for each triplet and, if there are several triplets, for all of them together."""
        grid = volume.grid
        numbers = {
            "|".join(volume.phases[p] for p in triplet): counts["triplets"][:, *triplet]
            for triplet in combinations(range(volume.n_phases), 3)
        }
        values = [
            self.density(grid, estimate(number, counts, grid), phase=triplet, estimator=estimator)
            for triplet, number in numbers.items()
            for estimator, estimate in ESTIMATES.items()
        ]
        if volume.n_phases > 3:
            values += [
                self.density(grid, estimate(counts["edges"][1], counts, grid), feature="all_triplets", estimator=name)
                for name, estimate in ESTIMATES.items()
            ]
        return self.result(
            volume,
            values,
            estimator="corrected (isotropic curves; slices in three directions, over the three-phase rectangles "
            "per triple point); beside it edges (raw)",
            denominator="total volume: corrected, edges inside the mask; edges, voxels inside the mask",
        )


def _corrected(number: np.ndarray, counts: Counts, grid: Grid) -> float | None:
    # The slices of an image are the image itself.
    normals = grid.axes if grid.ndim == 3 else tuple(axis for axis in range(3) if axis not in grid.axes)
    possible = counts["edges"][0]
    if not all(possible[a] for a in normals):
        return None
    points = 0.0
    for a in normals:
        b, c = (grid.voxel_size[axis] for axis in range(3) if axis != a)
        points += number[a] / (possible[a] * b * c * rectangles_per_point(b, c))
    return 2 / 3 * points if grid.ndim == 3 else points


def _raw(number: np.ndarray, counts: Counts, grid: Grid) -> float | None:
    voxels = counts["voxels"].sum()
    if not voxels:
        return None
    lengths = np.where(np.array(grid.shape) > 1, grid.voxel_size, 1.0)
    return float(number @ lengths / (voxels * grid.voxel_volume))


def rectangles_per_point(b: float, c: float) -> float:
    """Return the mean number of rectangles of four pixel centres with three phases, per triple point of random lines.

    The rectangles have the sides `b` and `c`. One of two lines of random direction ends on the other.
    """
    d = hypot(b, c)
    return 2 / pi * (1 + (d * (b + c) - d * d) / (b * c))


ESTIMATES: Mapping[str, Callable[[np.ndarray, Counts, Grid], float | None]] = {"corrected": _corrected, "edges": _raw}
