"""Smoothing that keeps the volume that each closed surface encloses, and the sides of the volume flat."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from microchar.core.progress import Progress
from microchar.surfaces.mesh import Mesh, links

#: Taubin's factors: each step that shrinks is followed by a slightly larger one that grows, so that only what is rough
#: on the scale of a few voxels is damped.
_SHRINK, _GROW = 0.5, -0.53
#: Largest distance, in voxels, that a vertex moves in one step to restore the enclosed volume.
_LARGEST_STEP = 0.25
#: Steps, at most, after which the enclosed volume has converged, and the relative error at which it has.
_LAST_STEPS, _CONVERGED = 8, 1e-6


def smoothed(mesh: Mesh, passes: int, progress: Progress) -> Mesh:
    """Return the mesh after some passes of Taubin's smoothing, each with the enclosed volumes restored.

    References
    ----------
    Taubin, G. (1995), A signal processing approach to fair surface design, SIGGRAPH 95, 351–358.
    """
    target = mesh.volumes()
    near = links(mesh.triangles, len(mesh.points))
    degree = np.diff(near.indptr)[:, None]
    for done in range(passes):
        progress(done / passes, "smoothing")
        for factor in (_SHRINK, _GROW):
            points = mesh.points + factor * mesh.free * (near @ mesh.points / degree - mesh.points)
            mesh = replace(mesh, points=points)
        mesh = _one_step(mesh, target)
    return restored(mesh, target)


def restored(mesh: Mesh, target: np.ndarray) -> Mesh:
    """Return the mesh moved along its normals, by one distance for each piece, until that encloses the target."""
    for _ in range(_LAST_STEPS):
        if np.allclose(mesh.volumes(), target, rtol=_CONVERGED, atol=0):
            break
        mesh = _one_step(mesh, target)
    return mesh


def _one_step(mesh: Mesh, target: np.ndarray) -> Mesh:
    a, b, c = mesh.corners
    # A third of the areas around a vertex, along their normals, is the gradient of the volume with its place.
    gradient = mesh.around_vertices(np.cross(b - a, c - a) / 6) * mesh.free
    size = np.linalg.norm(gradient, axis=1)
    normal = np.divide(gradient, size[:, None], out=np.zeros_like(gradient), where=size[:, None] > 0)
    gain = np.bincount(mesh.piece, size)
    missing = target - mesh.volumes()
    step = np.divide(missing, gain, out=np.zeros_like(gain), where=gain > 0)
    distance = np.clip(step, -_LARGEST_STEP, _LARGEST_STEP)[mesh.piece, None]
    return replace(mesh, points=mesh.points + distance * normal)
