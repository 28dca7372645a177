"""Measure large volumes on disk: ``python benchmarks/large.py berea.tif [--edges 400,800,1000] [--format zarr]``.

A volume is tiled with reflections to cubes of the given edges, in files of a temporary folder, and measured from there.
Each case runs in a process of its own, after a small piece on which everything is compiled. The script prints a table:
case, edge, seconds of wall and of user CPU, the peak of the memory of the process without mapped files, nanoseconds of
wall per voxel, and their ratio to those of the first edge, which is 1 if the time is linear in the number of voxels.
Linux only: the memory is read from ``/proc``. Other work on the machine makes times longer: rerun on a quiet one.
"""

from __future__ import annotations

import argparse
import multiprocessing
import platform
import resource
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import microchar as mc
from microchar.measurement.catalogue import METRICS
from microchar.measurement.metric import PairMetric
from microchar.measurement.tasks import Task, run_tasks

WARM_EDGE = 64
#: Planes that are tiled at a time.
PLANES = 64
CLUSTERS = ["two_point_cluster", "cluster_density", "largest_cluster_fraction", "percolating_fraction"]
PAIRS = ["ssim", "psnr"]


def cases(options: argparse.Namespace) -> dict[str, list[str]]:
    """Return the names of the metrics of each case."""
    # The pair correlation follows from S2.
    s2 = ["two_point_correlation", "pair_correlation"]
    named = {"S2": s2, "C2 and clusters": CLUSTERS, "SSIM and PSNR": PAIRS}
    done = ["local_thickness", *(name for names in named.values() for name in names)]
    found = {name: METRICS.find(name) for name in METRICS.names()}
    named["all others in blocks"] = [n for n, m in found.items() if m.in_blocks and not m.on_request and n not in done]
    named |= {"local thickness": ["local_thickness"]} if options.thickness else {}
    return named | ({"D_eff, axis 0": ["effective_diffusivity"]} if options.diffusion else {})


def tile(labels: np.ndarray, edge: int, path: Path) -> None:
    """Write a cube that repeats the labels and their mirror images."""
    places = [_reflected(n, edge) for n in labels.shape]
    if path.suffix == ".npy":
        out = np.lib.format.open_memmap(path, "w+", labels.dtype, (edge,) * 3)
    else:
        import zarr

        out = zarr.create_array(str(path), shape=(edge,) * 3, chunks=(PLANES, 128, 128), dtype=labels.dtype)
    for first in range(0, edge, PLANES):
        out[first : first + PLANES] = labels[np.ix_(places[0][first : first + PLANES], *places[1:])]


def _reflected(n: int, edge: int) -> np.ndarray:
    place = np.arange(edge) % (2 * n)
    return np.minimum(place, 2 * n - 1 - place)


@contextmanager
def watched() -> Iterator[Callable[[], float]]:
    """Provide the peak in GB of the memory of this process, without what is mapped from files."""
    peak, stop = 0.0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not stop.wait(0.01):
            status = Path("/proc/self/status").read_text(encoding="ascii")
            peak = max(peak, float(status.partition("RssAnon:")[2].split()[0]) / 1e6)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield lambda: peak
    finally:
        stop.set()
        watcher.join()


def measure(names: list[str], path: Path, threads: int, errors: bool, edge: int | None = None) -> None:
    """Read a volume and measure it; of pair metrics, against the same volume in the reverse order of its planes."""
    volume = mc.read_volume(path, crop=None if edge is None else f":{edge},:{edge},:{edge}")
    metrics = [METRICS.find(name) for name in names]
    if issubclass(metrics[0], PairMetric):
        other = mc.as_volume(volume.values[::-1], phases=dict(zip(volume.phases, volume.grey_values, strict=True)))
        run_tasks([Task([metric() for metric in metrics], volume, other)], threads=threads)
        return
    smallest = min(mc.metrics.VolumeFraction()(volume).values, key=lambda value: value.value or 0.0).phase
    diffusion = {"axes": (0,), "conducting": (smallest,)}
    parameters = {"effective_diffusivity": diffusion} if "effective_diffusivity" in names else None
    mc.measure(volume, names, parameters=parameters, threads=threads, errors=errors, fail_fast=True)


def timed(names: list[str], path: Path, threads: int, errors: bool) -> tuple[float, float, float]:
    """Return seconds of wall and of user CPU, and the peak of the memory."""
    measure(names, path, threads, errors, WARM_EDGE)
    with watched() as peak:
        wall, cpu = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_utime
        measure(names, path, threads, errors)
        return time.perf_counter() - wall, resource.getrusage(resource.RUSAGE_SELF).ru_utime - cpu, peak()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("volume", help="a segmented volume")
    parser.add_argument("--edges", default="400,1000", help="edges of the cubes (default: 400,1000)")
    parser.add_argument("--format", choices=("npy", "zarr"), default="npy", help="mapped, or unpacked by chunks")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--errors", action="store_true", help="compute standard errors, too")
    parser.add_argument("--diffusion", action="store_true", help="solve diffusion, too, through the rarest phase")
    parser.add_argument("--thickness", action="store_true", help="measure the local thickness, too")
    parser.add_argument("--case", help="only the cases whose name holds this text")
    options = parser.parse_args()
    labels = np.asarray(mc.read_volume(options.volume).values)
    print(f"{platform.processor() or platform.machine()}, {options.threads} threads, microchar {mc.__version__}")
    print("| case | edge | wall, s | CPU, s | peak, GB | ns per voxel | ratio |\n|---|---|---|---|---|---|---|")
    first: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as p:
        for edge in map(int, options.edges.split(",")):
            path = Path(folder) / f"{edge}.{options.format}"
            tile(labels, edge, path)
            for name, metrics in cases(options).items():
                if options.case is None or options.case in name:
                    wall, cpu, peak = p.apply(timed, (metrics, path, options.threads, options.errors))
                    each = wall / edge**3 * 1e9
                    ratio = each / first.setdefault(name, each)
                    row = f"| {name} | {edge} | {wall:.1f} | {cpu:.1f} | {peak:.2f} | {each:.1f} | {ratio:.2f} |"
                    print(row, flush=True)


if __name__ == "__main__":
    main()
