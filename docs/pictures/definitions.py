"""Pictures of what the metrics are, drawn on a slice of the cathode that comes with the package."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Circle, Rectangle
from scipy import ndimage

import microchar as mc
from microchar.core.pictures import decode

EDGE = 64
GREY = ListedColormap(["#dfe5ea", "#8fa3b3", "#5b6b78"])
INSIDE, OUTSIDE, THIRD = "#0072b2", "#c0392b", "#009e73"
#: Draws on axes, and returns what is drawn in words.
Drawing = Callable[[Axes], str]


@cache
def _cathode() -> np.ndarray:
    return np.asarray(mc.datasets.nmc_cathode().values[40, 32 : 32 + EDGE, 32 : 32 + EDGE])


@cache
def pores() -> np.ndarray:
    """Return where the pores of the cathode are, in a square of one slice."""
    return _cathode() == 0


@cache
def clusters() -> np.ndarray:
    """Return the clusters of the pores in the square: 0 outside, then by size."""
    labels, n = ndimage.label(pores())
    by_size = np.argsort(-np.bincount(labels.ravel(), minlength=n + 1)[1:]) + 1
    order = np.zeros(n + 1, int)
    order[by_size] = np.arange(1, n + 1)
    return order[labels]


def show(axes: Axes, image: np.ndarray, **options: object) -> None:
    """Draw an image of voxels, whose centres are at whole numbers."""
    axes.imshow(image, interpolation="nearest", **options)
    axes.set(xticks=[], yticks=[], xlim=(-0.5, image.shape[1] - 0.5), ylim=(image.shape[0] - 0.5, -0.5))


def show_pores(axes: Axes) -> None:
    """Draw the pores dark on light grains."""
    show(axes, pores(), cmap=ListedColormap(["#eef1f3", "#9fb4c4"]))


def volume_fraction(axes: Axes) -> str:
    show_pores(axes)
    return "The dark share of the picture is the volume fraction of the pores."


def specific_surface_area(axes: Axes) -> str:
    show_pores(axes)
    axes.contour(ndimage.gaussian_filter(pores().astype(float), 0.7), [0.5], colors=OUTSIDE, linewidths=2)
    return "The red line is the interface of the pores. Its area in three dimensions is divided by the total volume."


def interfacial_area(axes: Axes) -> str:
    labels = _cathode()
    show(axes, labels, cmap=GREY, vmin=0, vmax=2)
    for (first, second), colour in (((0, 1), INSIDE), ((0, 2), OUTSIDE), ((1, 2), THIRD)):
        for axis in (0, 1):
            here, there = np.delete(labels, -1, axis), np.delete(labels, 0, axis)
            for row, column in np.argwhere((np.minimum(here, there) == first) & (np.maximum(here, there) == second)):
                at = [row - 0.5, column - 0.5]
                at[axis] += 1
                end = (at[0] + (axis == 1), at[1] + (axis == 0))
                axes.plot((at[1], end[1]), (at[0], end[0]), color=colour, linewidth=2)
    return "The three phases of the cathode, and the interface of each pair in a colour of its own."


def triple_phase_boundary(axes: Axes) -> str:
    labels = _cathode()
    show(axes, labels, cmap=GREY, vmin=0, vmax=2)
    corners = np.stack([labels[:-1, :-1], labels[1:, :-1], labels[:-1, 1:], labels[1:, 1:]])
    triple = np.all([(corners == phase).any(axis=0) for phase in range(3)], axis=0)
    rows, columns = np.nonzero(triple)
    axes.plot(columns + 0.5, rows + 0.5, "o", color=OUTSIDE, markersize=6)
    return "The red points are where lines that touch all three phases of the cathode cross the picture."


def _sticks(axes: Axes, hits: Callable[[int, int, int, int], bool], steps: list[tuple[int, int]]) -> None:
    rng = np.random.default_rng(3)
    for step in (steps * 40)[:40]:
        row, column = (int(rng.integers(max(0, -s), EDGE - max(0, s))) for s in step)
        ends = (row, column, row + step[0], column + step[1])
        colour = INSIDE if hits(*ends) else OUTSIDE
        axes.plot(ends[1::2], ends[::2], "o-", color=colour, markersize=4, linewidth=1.5)


_ALL_ROUND = [(0, 9), (9, 0), (6, 7), (-6, 7), (3, 8), (-8, 4)]


def two_point_correlation(axes: Axes) -> str:
    show_pores(axes)
    _sticks(axes, lambda a, b, c, d: bool(pores()[a, b] and pores()[c, d]), _ALL_ROUND)
    return "Sticks of length r. The share of those with both ends in the pores (blue) is the two-point correlation."


def two_point_cluster(axes: Axes) -> str:
    show(axes, clusters() % 8, cmap=ListedColormap(["#eef1f3", *plt.cm.Pastel2.colors[:7]]), vmin=0, vmax=7)
    _sticks(axes, lambda a, b, c, d: bool(clusters()[a, b] and clusters()[a, b] == clusters()[c, d]), _ALL_ROUND)
    return "Sticks of length r. Blue are those with both ends in the same cluster of pores."


def lineal_path(axes: Axes) -> str:
    show_pores(axes)
    _sticks(axes, lambda a, b, c, d: bool(pores()[a : c + 1, b : d + 1].all()), [(0, 9), (9, 0)])
    return "Segments of length r along the axes. Blue are those that lie in the pores as a whole."


def chord_length_distribution(axes: Axes) -> str:
    show_pores(axes)
    for row in range(3, EDGE, 6):
        labels, n = ndimage.label(pores()[row])
        for chord in range(1, n + 1):
            columns = np.nonzero(labels == chord)[0]
            cut = columns[0] == 0 or columns[-1] == EDGE - 1
            colour = OUTSIDE if cut else INSIDE
            axes.plot((columns[0] - 0.4, columns[-1] + 0.4), (row, row), "|-", color=colour, linewidth=2)
    return "Chords of the pores along one axis. Those that the boundary cuts (red) are counted apart."


def local_porosity(axes: Axes) -> str:
    show_pores(axes)
    for row, column in ((7, 6), (10, 40), (38, 12), (42, 44)):
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 16, 16, fill=False, edgecolor=OUTSIDE, linewidth=2))
        share = pores()[row : row + 16, column : column + 16].mean()
        axes.text(column + 7.5, row - 1.5, f"{share:.2f}", ha="center", va="bottom", color=OUTSIDE, weight="bold")
    return "The volume fraction in windows. The distribution is of windows at every position."


def local_thickness(axes: Axes) -> str:
    show_pores(axes)
    inscribed = ndimage.distance_transform_edt(pores())
    left = inscribed.copy()
    for _ in range(12):
        row, column = np.unravel_index(np.argmax(left), left.shape)
        axes.add_patch(Circle((column, row), left[row, column], fill=False, edgecolor=OUTSIDE, linewidth=1.5))
        rows, columns = np.ogrid[:EDGE, :EDGE]
        left[(rows - row) ** 2 + (columns - column) ** 2 < (1.5 * inscribed[row, column]) ** 2] = 0
    return "Circles inside the pores. The local thickness of a point is the diameter of the largest that covers it."


def intrusion(axes: Axes) -> str:
    show_pores(axes)
    radius = 3
    inscribed = ndimage.distance_transform_edt(np.pad(pores(), ((0, 0), (radius, 0)), mode="edge"))
    labels, _ = ndimage.label(inscribed >= radius)
    reached = np.isin(labels, np.unique(labels[:, 0])[1:])
    filled = (ndimage.distance_transform_edt(~reached) < radius)[:, radius:] & pores()
    axes.imshow(np.ma.masked_equal(filled, 0), cmap=ListedColormap([INSIDE]), alpha=0.7, interpolation="nearest")
    return (
        "Blue is what spheres of three voxels fill that enter from the left. Pores behind narrower throats stay empty."
    )


def euler_characteristic(axes: Axes) -> str:
    axes.set(xlim=(0, 3), ylim=(0, 1.2), xticks=[], yticks=[], aspect="equal")
    for centre, text in ((0.5, "ball: 1"), (1.5, "ring: 0"), (2.5, "hollow ball: 2")):
        axes.add_patch(Circle((centre, 0.7), 0.4, color="#9fb4c4"))
        axes.text(centre, 0.12, text, ha="center", va="center")
    axes.add_patch(Circle((1.5, 0.7), 0.2, color="white"))
    axes.add_patch(Circle((2.5, 0.7), 0.2, fill=False, edgecolor="black", linestyle="--"))
    return "A ball has one component; a ring has a tunnel, too; a hollow ball has a cavity inside (dashed)."


def _coloured(axes: Axes, numbers: np.ndarray) -> None:
    show(axes, numbers, cmap=ListedColormap(["#eef1f3", INSIDE, "#e69f00"]), vmin=0, vmax=2)


def cluster_density(axes: Axes) -> str:
    show(axes, np.where(clusters() > 0, clusters() % 9 + 1, 0), cmap=ListedColormap(["#eef1f3", *plt.cm.Set1.colors]))
    return "Clusters of pores, each in a colour. In three dimensions many of them are connected."


def largest_cluster_fraction(axes: Axes) -> str:
    _coloured(axes, np.minimum(clusters(), 2))
    return "The largest cluster of pores is blue, the others are orange. The value is the blue share of all pores."


def percolating_fraction(axes: Axes) -> str:
    through = np.intersect1d(clusters()[0], clusters()[-1])
    _coloured(axes, np.where(clusters() == 0, 0, np.where(np.isin(clusters(), through[through > 0]), 1, 2)))
    return "Blue pores connect the upper and the lower face. The value is their share of all pores."


def _flow(axes: Axes, metric: str, parameters: dict[str, object]) -> None:
    cathode = mc.datasets.nmc_cathode().crop((0, 0, 0), (EDGE, EDGE, EDGE))
    result = mc.measure(cathode, [metric], parameters={metric: parameters}, errors=False)[metric]
    picture = decode(result.pictures[0].png)
    show(axes, np.ma.masked_equal(picture, 0), cmap="viridis")
    axes.set_facecolor("#eef1f3")


def effective_diffusivity(axes: Axes) -> str:
    _flow(axes, "effective_diffusivity", {"axes": (0,), "conducting": ("pore",)})
    return "The flux through the pores of the cathode, from top to bottom, in one slice: bright where it is large."


def permeability(axes: Axes) -> str:
    _flow(axes, "permeability", {"axes": (0,), "flowing": ("pore",), "tolerance": 1e-2})
    return (
        "The speed of a fluid in the pores of the cathode, from top to bottom, in one slice: bright where it is large."
    )


def anisotropy_index(axes: Axes) -> str:
    separator = mc.datasets.separator().values
    n = min(separator.shape)
    planes = [np.asarray(separator[:n, :n, :n].take(n // 2, axis)) for axis in range(3)]
    gap = np.full((n, 6), np.nan)
    show(axes, np.hstack([planes[0], gap, planes[1], gap, planes[2]]), cmap="gray")
    return "Slices of a battery separator normal to axis 0, 1 and 2: their textures differ."


DRAWINGS: dict[str, Drawing] = {
    each.__name__: each
    for each in (
        volume_fraction,
        specific_surface_area,
        interfacial_area,
        triple_phase_boundary,
        two_point_correlation,
        two_point_cluster,
        lineal_path,
        chord_length_distribution,
        local_porosity,
        local_thickness,
        intrusion,
        euler_characteristic,
        cluster_density,
        largest_cluster_fraction,
        percolating_fraction,
        effective_diffusivity,
        permeability,
        anisotropy_index,
    )
}
#: Metrics that are another view of the same picture.
DRAWINGS |= {
    "pair_correlation": two_point_correlation,
    "tortuosity_factor": effective_diffusivity,
    "formation_factor": effective_diffusivity,
    "glcm": anisotropy_index,
}


def draw(metric: str, file: Path) -> str:
    """Draw the picture of a metric, and return its caption."""
    figure, axes = plt.subplots(figsize=(3.4, 3.4), layout="constrained")
    caption = DRAWINGS[metric](axes)
    figure.savefig(file, dpi=130, bbox_inches="tight")
    plt.close(figure)
    return caption
