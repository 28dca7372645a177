"""A still picture of a volume in three dimensions, for browsers without WebGL 2."""

from __future__ import annotations

import numpy as np

from microchar.core.pictures import encode
from microchar.core.volume import Volume

#: Edge of the picture in pixels, and of the part of the volume that it shows in voxels.
_PIXELS, VOXELS = 180, 96
#: Where the volume is seen from, in degrees: turned about axis 0, and from above. The page begins with the same view.
AZIMUTH, ELEVATION = 35.0, 25.0
#: Ratio of the picture's edge to the longest edge of the volume: a cube fits, seen from there.
_FRAME = 1.55
#: Light that reaches each side, how much darker the far end is, and the steps of light (few make a small file).
_AMBIENT, _FADING, _LEVELS = 0.35, 0.35, 10


def still_picture(volume: Volume, hidden: int | None, colours: np.ndarray) -> str:
    """Return the first voxels of a volume, seen from a corner, as a PNG in base64; transparent where nothing is.

    Parameters
    ----------
    volume : Volume
    hidden : int, optional
        Label of the phase that is not shown.
    colours : ndarray of uint8
        A colour for each phase.
    """
    labels = volume.read(stop=[min(n, VOXELS) for n in volume.shape])
    shown = (labels < volume.n_phases) & (labels != hidden)
    where, depth = _first_hits(shown, volume.voxel_size)
    light = _AMBIENT + (1 - _AMBIENT) * _facing(shown, where, volume.voxel_size)
    light = np.rint(_LEVELS * light * (1 - _FADING * depth)) / _LEVELS
    hit = where[0] >= 0
    picture = np.zeros((*hit.shape, 4), np.uint8)
    picture[hit, :3] = colours[labels[tuple(where[:, hit])]] * light[hit, None]
    picture[hit, 3] = 255
    return encode(picture)


def view_axes() -> np.ndarray:
    """Return the directions to the right, upwards and towards the eye, each along axes 0, 1 and 2."""
    azimuth, elevation = np.radians([AZIMUTH, ELEVATION])
    right = np.array([0, np.cos(azimuth), -np.sin(azimuth)])
    towards = np.array([np.sin(elevation), *np.cos(elevation) * np.array([np.sin(azimuth), np.cos(azimuth)])])
    return np.array([right, np.cross(right, towards), towards])


def _first_hits(shown: np.ndarray, voxel_size: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Return the voxel that each pixel sees, -1 for none (axis 0: axes of the volume), and its depth from 0 to 1."""
    size = np.array(voxel_size)[:, None]
    shape = np.array(shown.shape)[:, None]
    frame = _FRAME * float((shape * size).max())
    right, up, towards = view_axes()[:, :, None]
    across = frame * ((np.arange(_PIXELS) + 0.5) / _PIXELS - 0.5)
    begin = np.tile(across, _PIXELS) * right - np.repeat(across, _PIXELS) * up + frame / 2 * towards
    where = np.full(begin.shape, -1)
    depth = np.ones(_PIXELS**2)
    waiting = np.arange(_PIXELS**2)
    for distance in np.arange(0, frame, size.min()):
        voxels = np.floor((begin[:, waiting] - distance * towards) / size + shape / 2).astype(int)
        inside = ((voxels >= 0) & (voxels < shape)).all(axis=0)
        seen = inside.copy()
        seen[inside] = shown[tuple(voxels[:, inside])]
        where[:, waiting[seen]] = voxels[:, seen]
        depth[waiting[seen]] = distance / frame
        waiting = waiting[~seen]
    return where.reshape(3, _PIXELS, _PIXELS), depth.reshape(_PIXELS, _PIXELS)


def _facing(shown: np.ndarray, where: np.ndarray, voxel_size: tuple[float, float, float]) -> np.ndarray:
    """Return the cosine between the surface at the voxels and the light, which comes from the eye."""
    from scipy.ndimage import uniform_filter

    smooth = uniform_filter(np.pad(shown, 2).astype(np.float32), 3)
    slopes = np.array(np.gradient(smooth, *voxel_size))[(slice(None), *(np.maximum(where, 0) + 2))]
    lengths = np.maximum(np.linalg.norm(slopes, axis=0), 1e-12)
    return np.maximum(np.tensordot(view_axes()[2], -slopes, 1) / lengths, 0)
