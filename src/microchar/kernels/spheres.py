"""Painting of ellipsoids (spheres, if the voxels are cubes) into a lattice."""

from __future__ import annotations

from math import ceil, floor, sqrt

from microchar.kernels.jit import kernel


@kernel
def paint(labels, centres, radii, periodic):  # type: ignore[no-untyped-def]
    """Set all voxels whose centre lies in an ellipsoid to 1.

    Parameters
    ----------
    labels : uint8, 3D
        Lattice; modified.
    centres : float64, (n, 3)
        Centres of the ellipsoids in voxels. The centre of voxel 0 is at 0.
    radii : float64, (3,)
        Half axes of the ellipsoids in voxels.
    periodic : bool, (3,)
        Whether ellipsoids wrap around each axis, several times if they are longer than
        the axis. Otherwise they are cut.
    """
    n0, n1, n2 = labels.shape
    for c in range(len(centres)):
        x0, x1, x2 = centres[c]
        for i in range(ceil(x0 - radii[0]), floor(x0 + radii[0]) + 1):
            if not periodic[0] and (i < 0 or i >= n0):
                continue
            left = 1 - ((i - x0) / radii[0]) ** 2
            if left < 0:
                continue
            half = sqrt(left) * radii[1]
            for j in range(ceil(x1 - half), floor(x1 + half) + 1):
                if not periodic[1] and (j < 0 or j >= n1):
                    continue
                rest = left - ((j - x1) / radii[1]) ** 2
                if rest < 0:
                    continue
                reach = sqrt(rest) * radii[2]
                for k in range(ceil(x2 - reach), floor(x2 + reach) + 1):
                    if periodic[2] or (k >= 0 and k < n2):
                        labels[i % n0, j % n1, k % n2] = 1
