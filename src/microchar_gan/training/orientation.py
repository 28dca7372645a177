"""Detection of anisotropic training data, for which one critic of all directions is not enough."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from microchar.core.volume import OUTSIDE

#: Directions differ if their interfaces do by more than this share and more than this many standard errors.
_SHARE, _STANDARD_ERRORS = 0.15, 4.0
#: Fewest windows that a standard error is estimated from.
_FEWEST = 8


def direction_difference(labels: np.ndarray | dict[int, Sequence[np.ndarray]], edge: int = 24) -> float | None:
    r"""Return the relative difference between the interfaces across two axes; None if it is not significant.

    In windows that do not overlap, :math:`f_a` is the share of neighbours along
    :math:`a` that are of unlike phases. The difference of two axes is
    :math:`|\langle f_a - f_b \rangle| / \langle (f_a + f_b) / 2 \rangle`, from 0 to 2. It is
    significant above 0.15 if it exceeds four of its standard errors over at least
    eight windows. The largest significant difference is returned.

    Parameters
    ----------
    labels : ndarray or mapping of axis to sequence of ndarray
        A volume, or images by the axis they are normal to; windows with voxels `OUTSIDE` are skipped.
    edge : int
        Edge of the windows in voxels. Windows are independent only if it exceeds most structure.
    """
    groups = (
        [np.moveaxis(labels, axis, 0)[edge // 2 :: edge] for axis in range(3)]
        if isinstance(labels, np.ndarray)
        else list(labels.values())
    )
    differences = [_difference(list(_windows(group, edge))) for group in groups]
    return max((one for one in differences if one is not None), default=None)


def orientation_warnings(labels: np.ndarray, anisotropic: bool) -> dict[str, dict[str, str]]:
    """Return the entry of a fit's history that warns if a material is not as isotropic as its crops are turned."""
    difference = None if anisotropic else direction_difference(labels)
    if difference is None:
        return {}
    advice = (
        f"interfaces across one axis outnumber those across another by {difference:.0%}, and crops in all orientations "
        "teach their mixture; use anisotropic=True (--anisotropic)"
    )
    return {"warnings": {"directions differ": advice}}


def _windows(planes: Sequence[np.ndarray] | np.ndarray, edge: int) -> Iterator[np.ndarray]:
    for plane in planes:
        for row in range(0, plane.shape[0] - edge + 1, edge):
            for column in range(0, plane.shape[1] - edge + 1, edge):
                window = plane[row : row + edge, column : column + edge]
                if not (window == OUTSIDE).any():
                    yield window


def _difference(windows: Sequence[np.ndarray]) -> float | None:
    if len(windows) < _FEWEST:
        return None
    down = np.array([np.mean(window[1:] != window[:-1]) for window in windows])
    across = np.array([np.mean(window[:, 1:] != window[:, :-1]) for window in windows])
    mean = abs(np.mean(down - across))
    error = np.std(down - across, ddof=1) / np.sqrt(len(windows))
    share = mean / max(np.mean(down + across) / 2, np.finfo(float).tiny)
    return float(share) if share > _SHARE and mean > _STANDARD_ERRORS * error else None
