"""Local thickness: the diameter of the largest sphere that lies inside the phase and contains the voxel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from microchar.core.grid import Grid, Triple, triple
from microchar.core.progress import section
from microchar.core.result import Profile, Result, Status, Value
from microchar.core.volume import Volume
from microchar.measurement.blocks import Counts
from microchar.measurement.cells import CellGrid, mask_lengths
from microchar.measurement.metric import Shared, WholeMetric
from microchar.measurement.standard_errors import total, with_errors
from microchar.metrics._spheres import obstacle_to_spheres
from microchar.metrics._thickness import count_by_columns
from microchar.metrics.volume_fraction import VolumeFraction

_QUANTILES = (0.1, 0.5, 0.9)
_FEATURES = ("mean", "standard_deviation", *(f"quantile_{q}" for q in _QUANTILES))


@dataclass(frozen=True)
class LocalThickness(WholeMetric):
    r"""Volume-weighted distribution of the local thickness of each phase.

    The local thickness at a point of the phase is the diameter of the largest
    sphere that lies inside the phase and contains the point (not necessarily at its
    centre),

    .. math:: t(\mathbf x) = 2 \max \{ r : \mathbf x \in B(\mathbf c, r) \subset \text{phase} \} .

    It is large in the interior of a grain or pore and in those corners that a large
    sphere reaches. It is small in throats and cracks.

    Notes
    -----
    *Profile*: ``cdf``, the share of the volume of the phase with that thickness or
    less, at multiples of the smallest voxel size.

    *Values*: ``mean`` and ``standard_deviation`` over the volume of the phase, and
    quantiles (the smallest thickness at which the cdf reaches the given share).

    *Estimator*: exact on the lattice. Spheres are centred on voxels. The radius is
    the distance from the centre of that voxel to the centre of the nearest voxel of
    another phase, and the sphere contains the voxels whose centres are closer than
    the radius. For a 2D image the spheres are discs.

    *Bias*: the value of a slab is exact for an even number of voxels and one voxel
    too large for an odd number. The value of a round body is up to one voxel too
    large if the centre of the body is the centre of a voxel, and up to 1.7 voxels
    too small if the centre of the body is a point where eight voxels meet. The
    uncertainty for phases a few voxels thick is therefore about one voxel.

    *Boundary*: the faces of the volume and of the mask do not limit the spheres. A
    sphere is centred inside the volume but may extend beyond it, as if the phase
    continued there. The values near the faces are therefore too large. This part is
    smaller for larger volumes; only equal shapes may be compared.

    References
    ----------
    .. [1] T. Hildebrand and P. Rüegsegger, "A new method for the model-independent
       assessment of thickness in three-dimensional images", J. Microscopy 185, 67
       (1997). https://doi.org/10.1046/j.1365-2818.1997.1340694.x

    Examples
    --------
    >>> import numpy as np
    >>> import microchar as mc
    >>> slab = np.zeros((10, 5, 5), int)
    >>> slab[3:7] = 1
    >>> result = mc.metrics.LocalThickness()(mc.as_volume(slab, voxel_size="2um"))
    >>> result.value(phase="1", feature="mean").value
    8.0
    """

    id = "local_thickness"
    in_blocks = True
    title = "Local thickness"
    symbol = "t"
    summary = "diameter of the largest sphere that lies inside the phase and contains the point"
    kind = "distribution"
    length_power = 1
    abscissa_power = 1
    error_source = "cells"
    size_dependent = True
    periodic_supported = False
    cost = 300.0

    def convention(self, volume: Volume) -> dict[str, str]:
        """Add the radius, outer boundary and denominator to the record."""
        return super().convention(volume) | {
            "radius": "from the centre of a voxel to that of the nearest voxel of another phase",
            "outer boundary": "no obstacle: spheres are centred in the sample and may reach out of it",
            "denominator": "voxels of the phase",
        }

    def compute(self, volume: Volume, shared: Shared) -> Result:
        """Count the voxels of one phase after the other by their local thickness, in each cell."""
        with_cells = shared.errors and volume.grid.ndim > 1
        cells = CellGrid.of(volume) if with_cells else CellGrid(triple((0, n) for n in volume.shape))
        order, rows = _rows(cells)
        voxels = VolumeFraction().counts(volume, None, shared)["voxels"]
        found: dict[str, np.ndarray | tuple[Status, str]] = {}
        counts: Counts = {}
        for phase, name in enumerate(volume.phases):
            obstacle = obstacle_to_spheres(voxels, phase)
            if obstacle is not None:
                found[name] = obstacle
                continue
            progress = section(shared.progress, phase / volume.n_phases, (phase + 1) / volume.n_phases)
            found[name], of_phase = count_by_columns(volume, phase, order, rows, shared, progress)
            counts[name] = of_phase.T.reshape(*cells.numbers, -1)
        finish = partial(self._finish, volume, found)
        if not with_cells or not counts:
            return finish(total(counts))
        return with_errors(finish, counts, {}, mask_lengths(volume), self.has_error, edge_effect=True)

    def _finish(self, volume: Volume, found: Mapping[str, np.ndarray | tuple[Status, str]], counts: Counts) -> Result:
        """Return the result for numbers of voxels; `found` has the thicknesses of each phase, or why there are none."""
        values: list[Value] = []
        profiles: list[Profile] = []
        for name, thickness in found.items():
            missing = thickness if isinstance(thickness, tuple) else _absent(counts[name])
            if missing is not None:
                status, message = missing
                values += [
                    self.scalar(volume.grid, None, phase=name, feature=feature, status=status, message=message)
                    for feature in _FEATURES
                ]
                continue
            assert isinstance(thickness, np.ndarray)
            values += [
                self.scalar(volume.grid, value, phase=name, feature=feature)
                for feature, value in zip(_FEATURES, _statistics(thickness, counts[name]), strict=True)
            ]
            x, y = _distribution_function(volume.grid, thickness, counts[name])
            profiles.append(self.curve(volume.grid, x, y, power=0, phase=name, feature="cdf"))
        return self.result(volume, values, profiles)


def _rows(cells: CellGrid) -> tuple[Triple, np.ndarray]:
    """Return the order of the axes in which one that is not cut comes last, and the cell of each row along it.

    The rows of voxels that are painted together then lie within one cell.
    """
    last = max(axis for axis, n in enumerate(cells.numbers) if n == 1)
    one, two = (axis for axis in range(3) if axis != last)
    of_one, of_two = (
        np.searchsorted(cells.edges[axis][1:], np.arange(cells.edges[axis][-1]), side="right") for axis in (one, two)
    )
    return (one, two, last), of_one[:, None] * cells.numbers[two] + of_two


def _absent(voxels: np.ndarray) -> tuple[Status, str] | None:
    return None if voxels.any() else (Status.ABSENT_PHASE, "the phase has no voxels")


def _statistics(thickness: np.ndarray, voxels: np.ndarray) -> list[float]:
    """Return mean, standard deviation and quantiles."""
    mean = np.average(thickness, weights=voxels)
    deviation = np.sqrt(np.average((thickness - mean) ** 2, weights=voxels))
    reached = np.cumsum(voxels)
    # The tolerance compensates rounding: a share of 0.1 of 10 voxels must be 1 voxel.
    indices = [np.searchsorted(reached, q * reached[-1] * (1 - 1e-12)) for q in _QUANTILES]
    return [mean, deviation, *thickness[indices]]


def _distribution_function(grid: Grid, thickness: np.ndarray, voxels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the multiples of the smallest voxel size and the share of the voxels up to each thickness."""
    step = min(grid.voxel_size[axis] for axis in grid.axes)
    x = np.arange(int(np.ceil(thickness[-1] / step - 1e-9)) + 1) * step
    share = np.concatenate([[0.0], np.cumsum(voxels) / voxels.sum()])
    return x, share[np.searchsorted(thickness, x * (1 + 1e-9), side="right")]
