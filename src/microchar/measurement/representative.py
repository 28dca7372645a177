"""Integral range and representative volume: how large a volume must be for a wanted accuracy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microchar.core.result import Result
from microchar.core.volume import Volume


@dataclass(frozen=True, kw_only=True)
class Representative:
    r"""How large a volume must be so that the volume fraction of a phase has a wanted accuracy.

    The variance of a volume fraction is :math:`\phi (1 - \phi)\, a^d / V`, where :math:`a` is
    the integral range as a length and :math:`V` the volume in :math:`d` dimensions.

    Parameters
    ----------
    phase : str
    integral_range : float
        :math:`a`, in the unit of length of the volume.
    edge : float
        Edge of a cube (of an image, a square) in which the relative standard error has
        the wanted size, in the same unit.
    accuracy : float
        Relative standard error in the volume that was measured.

    References
    ----------
    Kanit, T. et al. (2003), "Determination of the size of the representative volume
    element for random composites", Int. J. Solids Struct. 40, 3647.
    """

    phase: str
    integral_range: float
    edge: float
    accuracy: float


def extent(volume: Volume) -> float:
    """Return the volume (of an image, the area) inside the mask."""
    inside = int(np.prod(volume.shape)) if volume.mask is None else int(np.count_nonzero(volume.mask))
    return inside * volume.grid.voxel_volume


def integral_range(volume: Volume, fractions: Result) -> dict[str, float]:
    r"""Return the integral range of each phase as a length, :math:`(V\,\mathrm{SE}(\phi)^2 / \phi (1 - \phi))^{1/d}`.

    Parameters
    ----------
    volume : Volume
    fractions : Result
        Result of `VolumeFraction` with standard errors. Phases that are absent or fill
        the volume have no integral range.

    References
    ----------
    Lantuéjoul, C. (1991), "Ergodicity and integral range", Journal of Microscopy 161, 387.
    """
    size = extent(volume)
    return {
        value.phase: float(
            (size * value.standard_error**2 / (value.value * (1 - value.value))) ** (1 / volume.grid.ndim)
        )
        for value in fractions.values
        if value.standard_error is not None and value.value is not None and 0 < value.value < 1
    }


def representative_volumes(volume: Volume, fractions: Result, accuracy: float) -> list[Representative]:
    """Return for each phase how large a volume must be.

    Parameters
    ----------
    volume : Volume
    fractions : Result
        Result of `VolumeFraction` with standard errors.
    accuracy : float
        Wanted relative standard error, such as 0.05.

    Examples
    --------
    >>> import numpy as np
    >>> import microchar as mc
    >>> volume = mc.as_volume(np.random.default_rng(0).integers(0, 2, (32, 32, 32)))
    >>> fractions = mc.measure(volume, ["volume_fraction"])["volume_fraction"]
    >>> one, two = representative_volumes(volume, fractions, 0.01)
    >>> 15 < one.edge < 35  # independent voxels: (1 / 0.01²)^(1/3) = 22
    True
    """
    found = []
    for phase, a in integral_range(volume, fractions).items():
        value = fractions.value(phase=phase)
        assert value.value is not None
        assert value.standard_error is not None
        d = volume.grid.ndim
        edge = a * ((1 - value.value) / (value.value * accuracy**2)) ** (1 / d)
        found.append(
            Representative(phase=phase, integral_range=a, edge=edge, accuracy=value.standard_error / value.value)
        )
    return found
