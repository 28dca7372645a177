"""Local thickness by painting the sphere of every voxel, with distances to every voxel."""

from __future__ import annotations

import numpy as np

OUTSIDE = 255


def local_thickness(labels: np.ndarray, phase: int, voxel_size: tuple[float, ...] = (1, 1, 1)) -> np.ndarray:
    """Diameter of the largest sphere that holds each voxel of a phase; 0 elsewhere."""
    centres = np.argwhere(labels == phase)
    obstacles = np.argwhere((labels != phase) & (labels != OUTSIDE))
    thickness = np.zeros(labels.shape)
    for centre in centres:
        squared_radius = (((obstacles - centre) * voxel_size) ** 2).sum(axis=1).min()
        distance = (((centres - centre) * voxel_size) ** 2).sum(axis=1)
        held = tuple(centres[distance < squared_radius * (1 - 1e-6)].T)
        thickness[held] = np.maximum(thickness[held], 2 * np.sqrt(squared_radius))
    return thickness
