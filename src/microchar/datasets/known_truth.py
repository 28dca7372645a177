"""Makers of volumes with known properties, for tests, demonstrations and authors of plugins."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from microchar.core.errors import InputError
from microchar.core.grid import Triple
from microchar.core.volume import Volume, as_volume


def overlapping_spheres(
    shape: Triple,
    *,
    radius: float,
    void_fraction: float,
    seed: int | np.random.Generator,
    periodic: bool = True,
    voxel_size: float | str | Sequence[float | str] | None = None,
) -> Volume:
    r"""Overlapping spheres of equal radius, centred at the points of a Poisson process.

    The phases are "void" (0) and "spheres" (1). With :math:`\eta = -\ln\phi`, the
    ensemble averages for the void are

    .. math:: S_2(r) = \exp(-\rho\,v_2(r)), \qquad
              L(z) = \phi \exp(-\rho \pi R^2 z), \qquad s = 3 \eta \phi / R,

    where :math:`\rho = 3\eta / 4\pi R^3` and :math:`v_2` is the volume of the union
    of two spheres at distance `r`. The void percolates down to
    :math:`\phi \approx 0.03`.

    Parameters
    ----------
    shape : tuple of three int
        Number of voxels along each axis.
    radius : float
        :math:`R` in voxels.
    void_fraction : float
        :math:`\phi` of the ensemble; that of a single volume fluctuates about it.
    seed : int or numpy.random.Generator
        Where the random positions come from; equal seeds make equal volumes.
    periodic : bool
        Whether spheres wrap around the faces; if not, the volume is a window on an
        infinite medium.
    voxel_size
        See `microchar.as_volume`.

    Returns
    -------
    Volume

    Raises
    ------
    InputError
        If a sphere would meet itself across the faces of a periodic volume.

    References
    ----------
    Torquato, S. (2002), Random Heterogeneous Materials, Springer, chapter 5.

    Examples
    --------
    >>> from microchar.datasets import overlapping_spheres
    >>> volume = overlapping_spheres((48, 48, 48), radius=4, void_fraction=0.3, seed=1)
    >>> volume.phases
    ('void', 'spheres')
    """
    reach = np.arange(-math.ceil(radius), math.ceil(radius) + 1)
    if periodic and len(reach) > min(shape):
        raise InputError(f"radius={radius!r}: too large for a periodic volume of shape {tuple(shape)}")
    rng = np.random.default_rng(seed)
    margin = 0.0 if periodic else radius
    extent = np.array(shape) + 2 * margin
    density = -np.log(void_fraction) / (4 / 3 * np.pi * radius**3)
    centres = rng.random((rng.poisson(density * extent.prod()), 3)) * extent - margin
    inside = np.zeros(shape, np.uint8)
    for centre in centres:
        steps = [math.floor(x) + reach for x in centre]
        gaps = np.ix_(*(step - x for step, x in zip(steps, centre, strict=True)))
        ball = gaps[0] ** 2 + gaps[1] ** 2 + gaps[2] ** 2 <= radius**2
        if periodic:
            box = np.ix_(*(step % n for step, n in zip(steps, shape, strict=True)))
        else:
            kept = [(step >= 0) & (step < n) for step, n in zip(steps, shape, strict=True)]
            ball = ball[np.ix_(*kept)]
            box = np.ix_(*(step[keep] for step, keep in zip(steps, kept, strict=True)))
        inside[box] |= ball
    return as_volume(inside, phases={"void": 0, "spheres": 1}, voxel_size=voxel_size, name="overlapping spheres")


def checkerboard(shape: Triple, *, cell: int) -> Volume:
    """Alternating cubes of two phases.

    Parameters
    ----------
    shape : tuple of three int
        Multiples of ``2 * cell`` make the volume periodic.
    cell : int
        Edge of a cube in voxels.

    Returns
    -------
    Volume
        Phases "0" (the corner at the origin) and "1".

    Examples
    --------
    >>> from microchar.datasets import checkerboard
    >>> checkerboard((1, 2, 4), cell=1).values.tolist()
    [[[0, 1, 0, 1], [1, 0, 1, 0]]]
    """
    cells = np.indices(shape, sparse=True)
    parity = sum(index // cell for index in cells) % 2
    return as_volume(np.asarray(parity, np.uint8), phases={"0": 0, "1": 1}, name="checkerboard")


def slabs(shape: Triple, *, thicknesses: Sequence[int], axis: int = 0) -> Volume:
    """Parallel layers: `thicknesses` is repeated along the axis, and its i-th layer is phase i.

    Parameters
    ----------
    shape : tuple of three int
        Number of voxels along each axis.
    thicknesses : sequence of int
        Thickness of the layers of each phase in voxels.
    axis : int
        Axis normal to the layers.

    Returns
    -------
    Volume

    Examples
    --------
    >>> from microchar.datasets import slabs
    >>> slabs((6, 1, 1), thicknesses=(2, 1)).values.ravel().tolist()
    [0, 0, 1, 0, 0, 1]
    """
    layers = np.repeat(np.arange(len(thicknesses), dtype=np.uint8), thicknesses)
    line = np.resize(layers, shape[axis])
    values = np.empty(shape, np.uint8)
    np.moveaxis(values, axis, -1)[...] = line
    return as_volume(values, phases={str(i): i for i in range(len(thicknesses))}, name="slabs")


def straight_channel(shape: Triple, *, width: int, axis: int = 0) -> Volume:
    """Straight channel of square cross-section along an axis: "channel" (1) in "wall" (0).

    The effective diffusivity of the channel along the axis is exactly that of the free
    medium times the volume fraction; its tortuosity factor is 1.

    Parameters
    ----------
    shape : tuple of three int
        Number of voxels along each axis.
    width : int
        Edge of the cross-section in voxels; the channel starts one voxel from the corner at the origin.
    axis : int
        Direction of the channel.

    Returns
    -------
    Volume

    Examples
    --------
    >>> from microchar.datasets import straight_channel
    >>> int(straight_channel((5, 4, 4), width=2).values.sum())
    20
    """
    values = np.zeros(shape, np.uint8)
    values[tuple(slice(None) if a == axis else slice(1, 1 + width) for a in range(3))] = 1
    return as_volume(values, phases={"wall": 0, "channel": 1}, name="straight channel")


def serpentine(turns: int, *, run: int) -> Volume:
    """Path one voxel wide that runs from side to side on its way along axis 0.

    With `n` voxels in the path and `N` planes along the axis, the tortuosity
    factor along axis 0 is exactly :math:`(n / N)^2`.

    Parameters
    ----------
    turns : int
        Number of times that the path crosses from side to side.
    run : int
        Number of voxels from one side to the other, both sides included.

    Returns
    -------
    Volume
        "path" (1) in "wall" (0), of shape ``(2 * turns + 1, 3, run + 2)``.

    Examples
    --------
    >>> from microchar.datasets import serpentine
    >>> print(serpentine(2, run=3).values[:, 1])
    [[0 1 0 0 0]
     [0 1 1 1 0]
     [0 0 0 1 0]
     [0 1 1 1 0]
     [0 1 0 0 0]]
    """
    values = np.zeros((2 * turns + 1, 3, run + 2), np.uint8)
    sides = (1, run)
    for turn in range(turns + 1):
        values[2 * turn, 1, sides[turn % 2]] = 1
    for turn in range(turns):
        values[2 * turn + 1, 1, 1 : run + 1] = 1
    return as_volume(values, phases={"wall": 0, "path": 1}, name="serpentine")


def slit(shape: Triple, *, width: int, axis: int = 0) -> Volume:
    r"""Space between two parallel walls: "slit" (1) in "wall" (0), which closes both ends of the axis.

    The slit conducts along its walls exactly as much as its volume fraction
    :math:`w / H`. Its permeability along them is :math:`w^3 / 12 H`, with the width
    :math:`w` and the length :math:`H` of the axis.

    Parameters
    ----------
    shape : tuple of three int
        Number of voxels along each axis.
    width : int
        Distance of the walls in voxels.
    axis : int
        Axis normal to the walls.

    Returns
    -------
    Volume

    Examples
    --------
    >>> from microchar.datasets import slit
    >>> slit((5, 1, 1), width=2).values.ravel().tolist()
    [0, 1, 1, 0, 0]
    """
    if not 1 <= width <= shape[axis] - 2:
        raise InputError(f"width={width!r}: expected 1 to {shape[axis] - 2}, so that there are walls on both sides")
    values = np.zeros(shape, np.uint8)
    first = (shape[axis] - width) // 2
    np.moveaxis(values, axis, 0)[first : first + width] = 1
    return as_volume(values, phases={"wall": 0, "slit": 1}, name="slit")


def cubic_spheres(cell: int, *, radius: float, repeats: int = 1) -> Volume:
    r"""Simple-cubic array of equal spheres: "void" (0) and "spheres" (1).

    With the edge :math:`L` of a cell and the radius :math:`R \le L / 2`, the volume
    fraction of the spheres is :math:`f = 4 \pi R^3 / 3 L^3`, the specific surface area
    :math:`4 \pi R^2 / L^3`, and the effective diffusivity of the void

    .. math:: \frac{D}{D_0} = 1 - \frac{3 f}{2 + f - 0.392 f^{10/3}}

    for small :math:`f`.

    Parameters
    ----------
    cell : int
        Edge of a cell in voxels.
    radius : float
        Radius in voxels; spheres larger than half the cell overlap.
    repeats : int
        Number of cells along each axis.

    Returns
    -------
    Volume
        Periodic along every axis, with the spheres in the middle of the cells.

    References
    ----------
    Rayleigh, "On the influence of obstacles arranged in rectangular order upon the
    properties of a medium", Phil. Mag. 34, 481 (1892).

    Examples
    --------
    >>> from microchar.datasets import cubic_spheres
    >>> round(float(cubic_spheres(32, radius=12).values.mean()), 3)
    0.22
    """
    squared = (np.arange(cell) - (cell - 1) / 2) ** 2
    ball = squared[:, None, None] + squared[:, None] + squared <= radius**2
    values = np.tile(ball.astype(np.uint8), (repeats,) * 3)
    return as_volume(values, phases={"void": 0, "spheres": 1}, name="cubic spheres")
