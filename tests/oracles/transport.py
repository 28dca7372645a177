"""Effective diffusivity the slow and obvious way: voxel by voxel into a dense matrix."""

from __future__ import annotations

import itertools

import numpy as np


def effective_diffusivity(labels, conductivity, axis=0, voxel_size=(1.0, 1.0, 1.0), periodic=()):
    """Solve the finite-volume problem densely; a least-squares solve copes with parts that float."""
    labels = np.asarray(labels)
    shape = labels.shape
    size = [h if n > 1 else 1.0 for h, n in zip(voxel_size, shape, strict=True)]
    k = {voxel: conductivity[labels[voxel]] for voxel in itertools.product(*map(range, shape))}
    node = {voxel: number for number, voxel in enumerate(v for v in k if k[v] > 0)}
    if not node:
        return 0.0
    matrix, inlet = np.zeros((len(node), len(node))), np.zeros(len(node))
    for voxel, a in node.items():
        for direction in range(3):
            area = np.prod(size) / size[direction]
            other = list(voxel)
            other[direction] += 1
            if direction in periodic and direction != axis and shape[direction] > 1:
                other[direction] %= shape[direction]
            if tuple(other) in node:
                b = node[tuple(other)]
                half = size[direction] / 2 / area
                g = 1 / (half / k[voxel] + half / k[tuple(other)])
                matrix[a, a] += g
                matrix[b, b] += g
                matrix[a, b] -= g
                matrix[b, a] -= g
        end = 2 * k[voxel] * np.prod(size) / size[axis] ** 2
        if voxel[axis] == 0:
            matrix[a, a] += end
            inlet[a] += end
        if voxel[axis] == shape[axis] - 1:
            matrix[a, a] += end
    u = np.linalg.lstsq(matrix, inlet, rcond=1e-13)[0]
    current = inlet @ (1 - u)
    cross_section = np.prod([n * h for d, (n, h) in enumerate(zip(shape, size, strict=True)) if d != axis])
    return current * shape[axis] * size[axis] / cross_section
