"""The picture of a flow: its magnitude in the middle slice that contains the axis of transport."""

from __future__ import annotations

import numpy as np

from microchar.core.grid import Grid
from microchar.core.pictures import encode
from microchar.core.result import Picture
from microchar.core.volume import Volume


def plane(grid: Grid, axis: int) -> tuple[int, int, int]:
    """Return the axis across the picture, the axis normal to it (the last, unless it is flat), and the slice."""
    across, normal = sorted((a for a in range(3) if a != axis), key=lambda a: grid.shape[a] > 1, reverse=True)
    return across, normal, grid.shape[normal] // 2


def draw(
    volume: Volume, magnitude: np.ndarray, flows: np.ndarray, *, axis: int, phase: str, mean: float, what: str
) -> Picture:
    """Draw the magnitude of a flow in the slice of `plane`; transport is from top to bottom.

    Parameters
    ----------
    volume : Volume
    magnitude : ndarray of float, 2D
        Magnitude in the slice; 0 where there is no flow.
    flows : ndarray of bool, 2D
        Voxels with flow.
    axis : int
        Axis of transport.
    phase : str
        Name of what conducts.
    mean : float
        Mean of the flow along the axis over the whole volume.
    what : str
        Name of the flow, for the caption.
    """
    across, normal, middle = plane(volume.grid, axis)
    brightest = float(np.quantile(magnitude[magnitude > 0], 0.995)) if (magnitude > 0).any() else 1.0
    # The square root makes the fainter branches of the network visible. Level 0 is reserved for voxels without flow.
    levels = (1 + 254 * np.sqrt(np.clip(magnitude / brightest, 0, 1))).astype(np.uint8) * flows
    sizes = [volume.shape[a] * volume.voxel_size[a] for a in (axis, across)]
    return Picture(
        phase=phase,
        direction=str(axis),
        png=encode(levels if axis < across else levels.T),
        aspect=sizes[1] / sizes[0],
        caption=(
            f"{what} from top to bottom, in slice {middle} of {volume.shape[normal]} normal to axis {normal}; "
            f"brightest {brightest / mean:.1f} times the mean {what} or more, square-root scale"
        ),
    )
