"""Interface of each phase with all others, per volume."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from microchar.core.grid import Grid
from microchar.core.result import Result
from microchar.core.volume import Volume
from microchar.measurement.blocks import Counts
from microchar.metrics._neighbourhood import NeighbourhoodMetric, crofton_density, face_density


@dataclass(frozen=True)
class SpecificSurfaceArea(NeighbourhoodMetric):
    r"""Specific surface area :math:`S_V` of each phase.

    The area of the interface between the phase and all others per *total* volume
    (not per volume of the phase); for a 2D image, the length of the interface per
    area. The faces of the volume are no interface.

    Parameters
    ----------
    periodic : tuple of int
        Axes along which the volume repeats.

    Notes
    -----
    Three estimators; the first is the one to quote.

    **crofton**. A line through an isotropic structure crosses the interface
    :math:`P_L = S_V / 2` times per length. Voxels and their 26 neighbours give
    lines in 13 directions :math:`u_d`, neighbours at the distance :math:`r_d`:

    .. math:: S_V = 2 \sum_d w_d P_L(u_d), \qquad
              P_L(u_d) = \frac{\text{pairs with one voxel in the phase}}{r_d \cdot \text{pairs}}.

    The weight :math:`w_d` is the share of all directions to which
    :math:`\pm u_d` is the nearest, from a spherical Voronoi diagram for the actual
    voxel size; for cubic voxels these are the published 0.0457779, 0.0369806 and
    0.0351956 (axes, face and space diagonals; sum over 26 directions 1). In 2D
    there are four directions and :math:`L_A = \frac{\pi}{2} \sum_d w_d P_L(u_d)`.
    *Denominator*: the pairs whose two voxels count, for each direction, so that
    the boundary of the volume introduces no bias. *Bias*: none for isotropic
    structures that are smooth on the scale of a few voxels (spheres of radius 5,
    10, 20 voxels read 1.0 %, 0.2 %, 0.05 % low). What is finer than a voxel
    diagonal is lost: overlapping spheres, with their crevices, read 10 %, 5 %,
    3.5 % low at radii of 5, 10, 15 voxels. A plane reads between 7.3 % low (normal to an axis) and
    2.3 % high, with cubic voxels; twice as long voxels widen that to -13 % .. +9 %.

    **faces**. Area of the voxel faces between the phase and others per volume of
    the voxels that count. *Bias*: a staircase of any fineness is too large: an
    isotropic surface reads 3/2 too high (in 2D 4/π), a plane normal to an axis
    exactly.
    Of *n* planes of voxels *n* - 1 have a neighbour behind them, so that without
    periodicity the value is low by the factor 1 - 1/*n*.

    **marching_cubes**. Area of the triangles in each 2x2x2 window, for the level
    halfway between the phase and others, per volume of the windows. The sum over
    windows equals the area of the mesh that ``skimage.measure.marching_cubes``
    makes of the whole volume. *Bias*: a smooth isotropic surface reads about 9 %
    high, because the triangles of a binary image have few orientations. The
    surface of a phase and that of its complement may differ a little, because
    ambiguous windows are joined within the phase. In 2D the analogue is called
    **marching_squares** (reads about 5 % high).

    A phase without voxels has surface 0.

    References
    ----------
    .. [1] C. Lang, J. Ohser, R. Hilfer, "On the analysis of spatial binary
       images", Journal of Microscopy 203, 303-313 (2001).
    .. [2] J. Ohser, F. Mücklich, "Statistical Analysis of Microstructures in
       Materials Science", Wiley (2000).
    .. [3] G. Lehmann, D. Legland, "Efficient N-dimensional surface estimation
       using Crofton formula and run-length encoding", Insight Journal (2012).
    .. [4] T. Lewiner, H. Lopes, A. W. Vieira, G. Tavares, "Efficient
       implementation of marching cubes' cases with topological guarantees",
       Journal of Graphics Tools 8, 1-15 (2003).

    Examples
    --------
    A slab of two planes in eight, in voxels of 2 µm: two faces in 16 µm.

    >>> import numpy as np
    >>> import microchar as mc
    >>> slab = np.zeros((8, 8, 8), dtype=np.uint8)
    >>> slab[3:5] = 1
    >>> found = mc.metrics.SpecificSurfaceArea()(mc.as_volume(slab, voxel_size="2um"))
    >>> faces = found.value(phase="1", estimator="faces")
    >>> faces.value, faces.unit
    (0.125, 'um^-1')
    """

    id = "specific_surface_area"
    title = "Specific surface area"
    symbol = r"S_V"
    summary = "interface of the phase with all others per total volume"
    kind = "scalar"
    length_power = -1
    min_ndim = 2

    def finish(self, counts: Counts, volume: Volume) -> Result:
        """Estimate the surface of each phase in three ways."""
        grid = volume.grid
        densities = {
            "crofton": _rows(crofton_density(counts, grid)),
            "faces": _rows(face_density(counts, grid)),
            "marching_cubes" if grid.ndim == 3 else "marching_squares": _mesh_density(counts, grid),
        }
        values = [
            self.density(grid, None if density is None else density[p], phase=phase, estimator=estimator)
            for p, phase in enumerate(volume.phases)
            for estimator, density in densities.items()
        ]
        return self.result(
            volume,
            values,
            estimator="crofton (13 directions, 4 in 2D; Voronoi weights for the voxel size); beside it "
            + ", ".join(list(densities)[1:]),
            denominator="total volume: crofton, pairs of voxels that count; faces, voxels that count; "
            "marching cubes, 2x2x2 windows whose voxels all count",
        )


def _rows(density: np.ndarray | None) -> np.ndarray | None:
    return None if density is None else density.sum(axis=1)


def _mesh_density(counts: Counts, grid: Grid) -> np.ndarray | None:
    windows = counts["windows"][0]
    if not windows:
        return None
    spacing = tuple(h if n > 1 else 1.0 for h, n in zip(grid.voxel_size, grid.shape, strict=True))
    areas: np.ndarray = counts["configurations"][0] @ mesh_areas(spacing)
    return areas / (windows * grid.voxel_volume)


@cache
def mesh_areas(spacing: tuple[float, ...]) -> np.ndarray:
    """Area of the marching-cubes triangles in a window, by which of its eight corners hold the phase."""
    from skimage.measure import marching_cubes, mesh_surface_area

    areas = np.zeros(256)
    for look in range(1, 255):
        window = (look >> np.arange(8) & 1).reshape(2, 2, 2).astype(float)
        vertices, triangles, _, _ = marching_cubes(window, 0.5, spacing=spacing)  # type: ignore[no-untyped-call]
        areas[look] = mesh_surface_area(vertices.astype(float), triangles)  # type: ignore[no-untyped-call]
    return areas
