"""Compare the run times of metrics with those of other packages: ``python benchmarks/metrics.py [volume.tif]``.

Both run on one thread in this process. A first run of each is not counted. The script
prints the median of several runs and the ratio of the medians. The volume is cropped
to 200³ voxels, because some packages take minutes on larger volumes. It needs the
extra ``porespy``.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

import microchar as mc

RUNS = 3
EDGE = 200


def seconds(function: Callable[[], object]) -> float:
    """Return the median time of several runs, after a first run that is not counted."""
    function()
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def cases(volume: mc.Volume) -> dict[str, tuple[str, Callable[[], object], Callable[[], object]]]:
    """Return the cases: the name of the other package's function, a call of microchar, a call of that function."""
    import porespy
    from skimage.feature import graycomatrix, graycoprops
    from skimage.measure import euler_number, marching_cubes, mesh_surface_area
    from skimage.metrics import structural_similarity

    labels = volume.read()
    pores = labels == 0
    other = np.roll(labels, 50, axis=0)
    shifted = mc.as_volume(other)

    def glcm() -> None:
        for axis in range(3):
            for plane in np.moveaxis(labels, axis, 0):
                table = graycomatrix(
                    plane, [1], [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4], 2, symmetric=True, normed=True
                )
                for feature in ("contrast", "homogeneity", "ASM", "entropy"):
                    graycoprops(table, feature)

    def ssim() -> None:
        for axis in range(3):
            for a, b in zip(np.moveaxis(labels, axis, 0), np.moveaxis(other, axis, 0), strict=True):
                structural_similarity(255 * a, 255 * b, data_range=255)

    def surface() -> None:
        vertices, faces, _, _ = marching_cubes(pores, 0.5)
        mesh_surface_area(vertices, faces)

    def ours(name: str) -> Callable[[], object]:
        return lambda: mc.measure(volume, [name], threads=1)

    return {
        "S2, both phases (radial and 3 axes)": (
            "porespy two_point_correlation (radial, one phase)",
            ours("two_point_correlation"),
            lambda: porespy.metrics.two_point_correlation(pores),
        ),
        "chords, both phases, 3 axes": (
            "porespy apply_chords_3D and chord_length_distribution (one phase)",
            ours("chord_length_distribution"),
            lambda: porespy.metrics.chord_length_distribution(porespy.filters.apply_chords_3D(pores)),
        ),
        "surface, 3 estimators, both phases": (
            "skimage marching_cubes (one phase)",
            ours("specific_surface_area"),
            surface,
        ),
        "Euler, 4 estimators, both phases": (
            "skimage euler_number (one phase, one estimator)",
            ours("euler_characteristic"),
            lambda: euler_number(pores, connectivity=1),
        ),
        "GLCM, 3 directions": ("skimage graycomatrix", ours("glcm"), glcm),
        "SSIM, 3 directions": (
            "skimage structural_similarity",
            lambda: mc.compare(volume, shifted, ["ssim"], threads=1),
            ssim,
        ),
    }


def main() -> None:
    """Print one line for each case."""
    path = sys.argv[1] if len(sys.argv) > 1 else None
    if path:
        volume = mc.read_volume(path)
        volume = volume.crop((0, 0, 0), [min(n, EDGE) for n in volume.shape])
    else:
        noise = np.random.default_rng(0).random((EDGE, EDGE, EDGE))
        volume = mc.as_volume(noise < 0.2)
    print(f"{volume.shape}, one thread, median of {RUNS} warm runs")
    for name, (peer, run, run_peer) in cases(volume).items():
        elapsed, by_peer = seconds(run), seconds(run_peer)
        print(f"{name:38} {elapsed:7.2f} s   {peer:70} {by_peer:7.2f} s   ratio {by_peer / elapsed:6.1f}")


if __name__ == "__main__":
    main()
