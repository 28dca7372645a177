"""Texture features and similarity, pixel by pixel."""

from __future__ import annotations

from collections import Counter
from math import log

import numpy as np


def texture(levels: np.ndarray, counts: np.ndarray) -> list[float] | None:
    """Contrast, homogeneity, energy and entropy of one slice; None without any pair of pixels that count."""
    rows, columns = levels.shape
    by_angle = []
    for step in ((0, 1), (1, -1), (1, 0), (1, 1)):
        pairs = Counter()
        for i in range(rows):
            for j in range(columns):
                k, m = i + step[0], j + step[1]
                if 0 <= k < rows and 0 <= m < columns and counts[i, j] and counts[k, m]:
                    pairs[int(levels[i, j]), int(levels[k, m])] += 1
                    pairs[int(levels[k, m]), int(levels[i, j])] += 1
        if pairs:
            total = pairs.total()
            p = {pair: n / total for pair, n in pairs.items()}
            by_angle.append(
                [
                    sum(share * (a - b) ** 2 for (a, b), share in p.items()),
                    sum(share / (1 + (a - b) ** 2) for (a, b), share in p.items()),
                    sum(share**2 for share in p.values()),
                    -sum(share * log(share) for share in p.values()),
                ]
            )
    return list(np.mean(by_angle, axis=0)) if by_angle else None


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Mean structural similarity of two slices with levels 0..255, window by window."""
    rows, columns = a.shape
    found = []
    for i in range(rows - 6):
        for j in range(columns - 6):
            x, y = a[i : i + 7, j : j + 7].astype(float).ravel(), b[i : i + 7, j : j + 7].astype(float).ravel()
            (vx, vxy), (_, vy) = np.cov(x, y)
            means = (2 * x.mean() * y.mean() + 2.55**2) / (x.mean() ** 2 + y.mean() ** 2 + 2.55**2)
            found.append(means * (2 * vxy + 7.65**2) / (vx + vy + 7.65**2))
    return float(np.mean(found))


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Peak signal-to-noise ratio of two slices with levels 0..255."""
    return 10 * float(np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))
