"""The scales at which local volume fractions vary, as training measures and generation draws them."""

from __future__ import annotations

import numpy as np

#: Standard deviation of the Gaussian window of local volume fractions, in voxels: it weighs about as much as 57³.
WINDOW = 16.0
#: White noise under Gaussian windows of these standard deviations, in voxels, makes up the local fractions.
SCALES = (WINDOW, 2 * WINDOW, 4 * WINDOW)


def gaussian_covariance(lags: np.ndarray, scale: float) -> np.ndarray:
    """Return the covariance of white noise under a Gaussian window, 1 at lag 0."""
    return np.exp(-(lags**2) / (4 * scale**2))
