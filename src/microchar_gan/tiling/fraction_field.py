"""Local volume fractions of a volume to be made: a Gaussian field of the material's variance and scales."""

from __future__ import annotations

import numpy as np

from microchar.core.grid import Triple
from microchar_gan.networks.distances import CELL
from microchar_gan.networks.fraction_scales import SCALES
from microchar_gan.tiling.lattice_noise import noise


def drawn_fractions(seed: int, cells: Triple, shares: np.ndarray, mixing: np.ndarray) -> np.ndarray:
    r"""Draw standardised local fractions on a torus: (fields, \*cells), float32.

    Parameters
    ----------
    seed : int
    cells : tuple of int
    shares : ndarray
        Share of the variance at each of `SCALES`.
    mixing : ndarray
        (fields, fields); see `microchar_gan.training.local_fractions.LocalFractions`.
    """
    count = len(mixing)
    white = noise(seed, (0, 0, 0), cells, count * len(SCALES)).reshape(len(SCALES), count, *cells)
    waves = sum(np.square(np.fft.fftfreq(n).reshape(shape)) for n, shape in zip(cells, _ALONG, strict=True))
    drawn = np.zeros((count, *cells), np.float32)
    for values, scale, share in zip(white, SCALES, shares, strict=True):
        if share:
            window = np.exp(-2 * (np.pi * scale / CELL) ** 2 * waves)
            # A torus that is short against the window is filled by one value: its variance is one all the same.
            window *= np.sqrt(share / np.mean(window**2))
            drawn += np.fft.ifftn(np.fft.fftn(values, axes=(1, 2, 3)) * window, axes=(1, 2, 3)).real
    return np.tensordot(mixing, drawn, axes=1).astype(np.float32)


_ALONG = ((-1, 1, 1), (1, -1, 1), (1, 1, -1))
