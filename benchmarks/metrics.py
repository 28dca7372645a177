"""Compare metrics with other packages on equal work: ``python benchmarks/metrics.py [volume.tif] [--edge 200,400]``.

Each case runs in a process of its own, on one thread. A first run on a small piece compiles and is not counted. The
script prints a table: metric, peer, the work that both do, user CPU seconds of both, their ratio, and by how much the
peak memory of the process grew. Packages that are not installed are left out. Other work on the machine makes CPU
seconds longer, too: rerun on a quiet one.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import argparse
import multiprocessing
import platform
import resource
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np

import microchar as mc

RUNS = 3
#: Edge of the piece on which everything is compiled and imported.
WARM_EDGE = 64
ANGLES = [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4]

#: A function of phase 0 as bool, and of the same voxels shifted along axis 0.
Case = Callable[[np.ndarray, np.ndarray], object]


def _measure(labels: np.ndarray, metric: str, **parameters: Any) -> object:
    return mc.measure(labels, [metric], parameters={metric: parameters}, threads=1, errors=False)


def _pair(name: str) -> Case:
    def run(pores: np.ndarray, other: np.ndarray) -> object:
        from microchar.measurement.catalogue import METRICS
        from microchar.measurement.tasks import Task, run_tasks

        return run_tasks([Task([METRICS.find(name)()], mc.as_volume(pores), mc.as_volume(other))], threads=1)

    return run


def s2_radial_by_porespy(pores: np.ndarray, other: np.ndarray) -> object:
    import porespy

    return porespy.metrics.two_point_correlation(pores, bins=min(pores.shape) // 2)


def s2_of_axes_by_numpy(pores: np.ndarray, other: np.ndarray) -> object:
    lags = [range(min(n // 2, 100) + 1) for n in pores.shape]
    for phase in (pores, ~pores):
        for axis in range(3):
            moved = np.moveaxis(phase, axis, 0)
            for lag in lags[axis]:
                np.count_nonzero(moved[: len(moved) - lag] & moved[lag:])
    return None


def c2_by_cc3d(pores: np.ndarray, other: np.ndarray) -> object:
    import cc3d

    for phase in (pores, ~pores):
        clusters = cc3d.connected_components(phase, connectivity=6)
        for axis in range(3):
            moved = np.moveaxis(clusters, axis, 0)
            for lag in range(min(len(moved) // 2, 100) + 1):
                first, second = moved[: len(moved) - lag], moved[lag:]
                np.count_nonzero((first == second) & (first > 0))
    return None


def clusters_by_scipy(pores: np.ndarray, other: np.ndarray) -> object:
    from scipy import ndimage

    return [np.bincount(ndimage.label(phase)[0].ravel()) for phase in (pores, ~pores)]


def chords_by_porespy(pores: np.ndarray, other: np.ndarray) -> object:
    import porespy

    for phase in (pores, ~pores):
        for axis in range(3):
            chords = porespy.filters.apply_chords(phase, axis=axis, spacing=0, trim_edges=False)
            porespy.metrics.chord_length_distribution(chords)
    return None


def _slices(pores: np.ndarray) -> list[np.ndarray]:
    return [plane for axis in range(3) for plane in np.moveaxis(pores, axis, 0)]


def glcm_by_skimage(levels: int) -> Case:
    def run(pores: np.ndarray, other: np.ndarray) -> object:
        from skimage.feature import graycomatrix, graycoprops

        for plane in _slices((pores * (levels - 1)).astype(np.uint8)):
            table = graycomatrix(plane, [1], ANGLES, levels, symmetric=True, normed=True)
            for feature in ("contrast", "homogeneity", "ASM", "entropy"):
                graycoprops(table, feature)
        return None

    return run


def ssim_by_skimage(pores: np.ndarray, other: np.ndarray) -> object:
    from skimage.metrics import structural_similarity

    for a, b in zip(_slices(pores), _slices(other), strict=True):
        structural_similarity(a * np.uint8(255), b * np.uint8(255), data_range=255)
    return None


def psnr_by_skimage(pores: np.ndarray, other: np.ndarray) -> object:
    from skimage.metrics import mean_squared_error

    for a, b in zip(_slices(pores), _slices(other), strict=True):
        mean_squared_error(a * np.uint8(255), b * np.uint8(255))
    return None


def thickness_by_porespy(pores: np.ndarray, other: np.ndarray) -> object:
    import porespy

    return [porespy.filters.local_thickness(phase) for phase in (pores, ~pores)]


#: Metric, peer, the work that both do, our call, the call of the peer.
CASES: list[tuple[str, str, str, Case, Case]] = [
    (
        "S2, axes",
        "NumPy",
        "2 phases, 3 axes, lags to 100",
        lambda pores, _: _measure(pores, "two_point_correlation", radial=False),
        s2_of_axes_by_numpy,
    ),
    (
        "S2, radial",
        "porespy",
        "ours 2 phases and 3 axes besides, theirs 1 phase",
        lambda pores, _: _measure(pores, "two_point_correlation"),
        s2_radial_by_porespy,
    ),
    (
        "C2",
        "cc3d, NumPy",
        "2 phases, 3 axes, lags to 100, labels included",
        lambda pores, _: _measure(pores, "two_point_cluster"),
        c2_by_cc3d,
    ),
    (
        "clusters",
        "scipy.ndimage",
        "2 phases, labels and sizes",
        lambda pores, _: _measure(pores, "cluster_density"),
        clusters_by_scipy,
    ),
    (
        "chords",
        "porespy",
        "2 phases, 3 axes, every line",
        lambda pores, _: _measure(pores, "chord_length_distribution"),
        chords_by_porespy,
    ),
    (
        "GLCM, 2 levels",
        "skimage",
        "3 directions, 4 angles, 4 features",
        lambda pores, _: _measure(pores, "glcm"),
        glcm_by_skimage(2),
    ),
    (
        "GLCM, 256 levels",
        "skimage",
        "the same slices, tables of 256 levels (ours: the levels present)",
        lambda pores, _: _measure(pores, "glcm"),
        glcm_by_skimage(256),
    ),
    ("SSIM", "skimage", "3 directions, uniform window of 7", _pair("ssim"), ssim_by_skimage),
    ("PSNR", "skimage", "3 directions, every slice", _pair("psnr"), psnr_by_skimage),
    (
        "local thickness",
        "porespy",
        "2 phases (theirs: sizes rounded to 25 steps)",
        lambda pores, _: _measure(pores, "local_thickness"),
        thickness_by_porespy,
    ),
]


def cost(case: int, place: int, pores: np.ndarray) -> tuple[float, float] | None:
    """Return the least user CPU seconds of several runs in a fresh process, and the growth of its peak memory in bytes.

    Parameters
    ----------
    case, place : int
        Which function of `CASES`.
    pores : ndarray of bool

    Returns
    -------
    tuple of float, or None if the package is not installed
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_run, (case, place, pores))


def _run(case: int, place: int, pores: np.ndarray) -> tuple[float, float] | None:
    function: Any = CASES[case][place]
    other = np.roll(pores, len(pores) // 8, axis=0)
    small = tuple(slice(WARM_EDGE) for _ in range(3))
    try:
        function(np.ascontiguousarray(pores[small]), np.ascontiguousarray(other[small]))
    except ImportError:
        return None
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = []
    for _ in range(RUNS):
        began = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        function(pores, other)
        seconds.append(resource.getrusage(resource.RUSAGE_SELF).ru_utime - began)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return min(seconds), 1024.0 * grown


def table(pores: np.ndarray) -> None:
    """Print one line for each case."""
    for index, (metric, peer, work, *_) in enumerate(CASES):
        ours, theirs = (cost(index, place, pores) for place in (3, 4))
        assert ours is not None
        line = f"{metric:17} {peer:14} {work:64} {ours[0]:8.2f} s {ours[1] / 1e6:7.0f} MB"
        if theirs is not None:
            line += f"   {theirs[0]:8.2f} s {theirs[1] / 1e6:7.0f} MB   ratio {theirs[0] / max(ours[0], 1e-3):7.1f}"
        print(line, flush=True)


def main() -> None:
    """Print the versions, and a table for each edge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("volume", nargs="?", help="a file; default overlapping spheres")
    parser.add_argument("--edge", default="200", help="edges of the pieces in voxels, such as 200,400")
    options = parser.parse_args()
    print(platform.processor() or platform.machine(), "Python", platform.python_version())
    print(", ".join(f"{name} {version(name)}" for name in ("numpy", "numba", "scipy", "scikit-image")))
    for edge in map(int, options.edge.split(",")):
        volume = mc.read_volume(options.volume) if options.volume else _spheres(edge)
        pores = volume.read((0, 0, 0), [min(n, edge) for n in volume.shape]) == 0
        print(f"\n{pores.shape}: user CPU seconds of one thread, the least of {RUNS} warm runs, and memory")
        table(pores)


def _spheres(edge: int) -> mc.Volume:
    generator = mc.create_generator("overlapping-spheres", radius=edge / 20, volume_fraction=0.2)
    return generator.generate((edge, edge, edge), seed=0)


if __name__ == "__main__":
    main()
