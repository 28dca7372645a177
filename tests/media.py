"""Random volumes for the tests of metrics and solvers."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import strategies as st

import microchar as mc
from oracles import clusters as naive

NAMES = ("a", "b", "c", "d")
SIZES = [(1.0, 1.0, 1.0), (1.0, 2.0, 0.5)]
SHAPES = [(1, 7, 13), (5, 1, 9), (6, 5, 1), (4, 5, 6), (3, 2, 11), (2, 2, 70), (1, 1, 9), (5, 4, 3)]
SHAPES_OF_WINDOWS = [(1, 7, 13), (5, 1, 9), (6, 5, 1), (4, 5, 6), (3, 2, 11), (2, 2, 2), (5, 4, 3)]
SHAPES_OF_CLUSTERS = [(4, 5, 6), (3, 3, 3), (1, 7, 13), (6, 1, 5), (9, 4, 1), (2, 2, 8), (1, 1, 12)]
SHAPES_OF_PROBLEMS = [(1, 7, 13), (13, 1, 1), (2, 2, 2), (5, 4, 6), (3, 9, 2), (7, 7, 1), (6, 5, 5), (1, 1, 4)]


@st.composite
def media(draw):
    """A volume of one to three phases, often in runs, perhaps masked; r_max; periodic axes; edge of the blocks."""
    shape = draw(st.sampled_from(SHAPES))
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    labels = rng.integers(0, draw(st.integers(1, 3)), shape)
    if draw(st.booleans()):
        axis = int(np.argmax(shape))
        labels = np.where(rng.random(shape) < 0.6, np.roll(labels, 1, axis), labels)
    mask = rng.random(shape) < draw(st.sampled_from([0.5, 0.9])) if draw(st.booleans()) else None
    if mask is not None:
        mask.flat[0] = True  # a mask of nothing is refused
    volume = mc.as_volume(labels, phases={"a": 0, "b": 1, "c": 2}, mask=mask)
    r_max = tuple(draw(st.integers(1, max(n - 1, 1))) for n in shape)
    periodic = tuple(axis for axis in range(3) if draw(st.booleans()))
    return volume, r_max, periodic, draw(st.sampled_from([2, 3, 100]))


@st.composite
def media_of_four_phases(draw):
    """A volume of one to four phases of four names, often in runs, perhaps masked; periodic axes."""
    shape = draw(st.sampled_from(SHAPES_OF_WINDOWS))
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    labels = rng.integers(0, draw(st.integers(1, 4)), shape)
    for axis in range(3):
        if draw(st.booleans()):
            labels = np.where(rng.random(shape) < 0.7, np.roll(labels, 1, axis), labels)
    mask = rng.random(shape) < draw(st.sampled_from([0.6, 0.95])) if draw(st.booleans()) else None
    if mask is not None:
        mask.flat[0] = True  # a mask of nothing is refused
    phases = {name: label for label, name in enumerate(NAMES)}
    volume = mc.as_volume(labels, phases=phases, mask=mask, voxel_size=draw(st.sampled_from(SIZES)))
    return volume, tuple(axis for axis in range(3) if draw(st.booleans()))


@st.composite
def clustered_media(draw):
    """A random volume, its labels with the mask as flood fill takes them, connectivity, periodic axes."""
    shape = draw(st.sampled_from(SHAPES_OF_CLUSTERS))
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    n_phases = draw(st.integers(1, 3))
    labels = rng.choice(n_phases, shape, p=rng.dirichlet(np.ones(n_phases))).astype(np.uint8)
    mask = None
    if draw(st.booleans()):
        mask = rng.random(shape) < 0.8
        mask.flat[0] = True
        outside = np.where(mask, labels, naive.OUTSIDE)
    else:
        outside = labels
    volume = mc.as_volume(labels, phases={f"p{k}": k for k in range(n_phases)}, mask=mask)
    periodic = tuple(sorted(draw(st.sets(st.integers(0, 2)))))
    return volume, outside, draw(st.sampled_from([6, 26])), periodic


@st.composite
def transport_problems(draw):
    """The arguments of `solve`: a random volume of up to three conductivities, axis, voxel size, periodic axes."""
    fractions = draw(st.sampled_from([(0.3, 0.7, 0.0), (0.1, 0.9, 0.0), (0.2, 0.4, 0.4), (0.0, 0.5, 0.5)]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return {
        "labels": rng.choice(3, draw(st.sampled_from([*SHAPES_OF_PROBLEMS, (8, 6, 5)])), p=fractions).astype(np.uint8),
        "conductivity": draw(st.sampled_from([(0, 1, 0), (0, 1, 0.05), (0.3, 1, 20), (0, 1, 1)])),
        "axis": draw(st.integers(0, 2)),
        "voxel_size": draw(st.sampled_from([(1.0, 1.0, 1.0), (2.0, 1.0, 0.5)])),
        "periodic": draw(st.sampled_from([(), (1,), (0, 1, 2)])),
    }


@st.composite
def flow_problems(draw):
    """The arguments of the Stokes solver: a phase or a union of three, axis, voxel size, periodic axes, sides."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels = rng.choice(4, draw(st.sampled_from(SHAPES_OF_PROBLEMS)), p=(0.35, 0.2, 0.2, 0.25))
    return {
        "fluid": np.isin(labels, draw(st.sampled_from([(0,), (0, 1), (0, 1, 2)]))),
        "axis": draw(st.integers(0, 2)),
        "voxel_size": draw(st.sampled_from([(1.0, 1.0, 1.0), (2.0, 1.0, 0.5)])),
        "periodic": draw(st.sampled_from([(), (1,), (0, 1, 2)])),
        "sides": draw(st.sampled_from(["slip", "no-slip"])),
    }


def random_volume(shape=(9, 10, 12), n_phases=2, seed=0):
    """Blobs of some voxels, the phases about equal in number."""
    noise = np.random.default_rng(seed).random(shape)
    smooth = sum(np.roll(noise, shift, axis=(0, 1, 2)) for shift in product((0, 1), repeat=3))
    cuts = np.quantile(smooth, np.arange(1, n_phases) / n_phases)
    return mc.as_volume(np.digitize(smooth, cuts))


def random_levels(shape, n_levels, seed):
    """Independent grey levels, at most so many different ones."""
    rng = np.random.default_rng(seed)
    return rng.choice(rng.choice(256, n_levels, replace=False), size=shape).astype(np.uint8)


def axes_of(shape):
    """Return the axes that the slices of a volume or image are normal to."""
    return [shape.index(1)] if 1 in shape else [0, 1, 2]


def slices(array, axis):
    """Return the slices normal to an axis."""
    return [array.take(k, axis) for k in range(array.shape[axis])]


def cut_gaussian_field(shape, length, seed, fraction=0.5):
    """A Gaussian field of covariance exp(-r^2 / length^2), cut at the level of the ensemble; part of a larger torus."""
    from scipy.special import ndtri

    n = [2 * edge for edge in shape]
    k2 = sum(
        (2 * np.pi * np.fft.fftfreq(edge)).reshape([-1 if a == axis else 1 for a in range(3)]) ** 2
        for axis, edge in enumerate(n)
    )
    spectrum = np.exp(-k2 * length**2 / 4)
    noise = np.fft.fftn(np.random.default_rng(seed).standard_normal(n))
    field = np.fft.ifftn(noise * np.sqrt(spectrum)).real / np.sqrt(spectrum.mean())
    cut = field[tuple(slice(edge) for edge in shape)] < ndtri(fraction)
    return mc.as_volume(cut.astype(np.uint8), phases={"solid": 0, "pore": 1})
