"""Permeability the slow and obvious way: the faces of the voxels one by one, in a dense matrix, in physical lengths."""

from __future__ import annotations

import itertools

import numpy as np


def permeability(fluid, axis=0, voxel_size=(1.0, 1.0, 1.0), periodic=(), sides="slip"):
    """Solve the marker-and-cell scheme densely; the result has the unit of the squared voxel size.

    The volume is mirrored at its end face and repeated along the axis of flow, so that
    the ends need no rules of their own: by symmetry, the pressure is constant on them.
    """
    fluid = np.moveaxis(np.asarray(fluid, bool), axis, 0)
    order = (axis, *(a for a in range(3) if a != axis))
    h = np.array([voxel_size[a] if fluid.shape[k] > 1 or k == 0 else 1.0 for k, a in enumerate(order)])
    wraps = [True, *(a in periodic and fluid.shape[k] > 1 for k, a in enumerate(order) if k)]
    fluid = np.concatenate([fluid, fluid[::-1]])
    shape = fluid.shape
    slips = [sides == "slip" or n == 1 for n in shape]

    def cell(voxel):
        """Return the voxel inside the volume, or None beyond its sides."""
        inside = []
        for a, k in enumerate(voxel):
            if wraps[a]:
                k %= shape[a]
            if not 0 <= k < shape[a]:
                return None
            inside.append(k)
        return tuple(inside)

    def step(voxel, a, by):
        return tuple(k + by * (b == a) for b, k in enumerate(voxel))

    def is_fluid(voxel):
        inside = cell(voxel)
        return inside is not None and bool(fluid[inside])

    voxels = [v for v in itertools.product(*map(range, shape)) if fluid[v]]
    node = {v: k for k, v in enumerate(voxels)}
    faces = {}
    for v in voxels:
        for a in range(3):
            if shape[a] > 1 and is_fluid(step(v, a, 1)):
                faces[v, a] = len(faces)
    if not faces:
        return 0.0
    n = len(faces)
    viscous, divergence = np.zeros((n, n)), np.zeros((len(node), n))
    for (v, a), row in faces.items():
        divergence[node[v], row] += 1 / h[a]
        divergence[node[cell(step(v, a, 1))], row] -= 1 / h[a]
        for b in range(3):
            for by in (-1, 1):
                first, second = step(v, b, by), step(step(v, a, 1), b, by)
                if b != a and cell(first) is None and slips[b]:
                    continue
                other = faces.get((cell(first), a)) if cell(first) is not None else None
                nothing_there = b != a and not is_fluid(first) and not is_fluid(second)
                viscous[row, row] += (2 if nothing_there else 1) / h[b] ** 2
                if other is not None:
                    viscous[row, other] -= 1 / h[b] ** 2
    # A mean pressure gradient of one along the axis. The term of 1e-11 fixes the pressure in parts without connection.
    force = np.array([float(a == 0) for _, a in faces])
    matrix = np.block([[viscous, -divergence.T], [divergence, 1e-11 * np.eye(len(node))]])
    u = np.linalg.solve(matrix, np.append(force, np.zeros(len(node))))[:n]
    return float(u @ force / np.prod(shape))
