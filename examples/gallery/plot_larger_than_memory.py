"""
Larger than memory
==================

A volume need not fit into memory. Files that can be mapped stay on disk, and are measured block by block; the counts
of blocks add up exactly. How much memory does it take, and is the number the same?

The truth is known: a periodic piece of 72³ voxels is repeated along each axis. With periodic axes, volumes of any
size must give the numbers of the piece.
"""

import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

import microchar as mc

piece = mc.datasets.overlapping_spheres((72, 72, 72), radius=6, void_fraction=0.3, seed=1)


def write_repeated(path, times):
    """Write the piece, twice along axes 1 and 2 and more often along axis 0, plane by plane."""
    volume = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(72 * times, 144, 144))
    for plane in range(72 * times):
        volume[plane] = np.tile(piece.values[plane % 72], (2, 2))
    volume.flush()


# %%
# Reading maps the file; no voxel is loaded yet. Each thread holds a block.


def measure_file(path):
    """Return the surface per volume, and the largest memory in MB that arrays took meanwhile."""
    volume = mc.read_volume(path, phases={"void": 0, "spheres": 1})
    tracemalloc.start()
    result = mc.measure(volume, "specific_surface_area", periodic=(0, 1, 2), threads=1)["specific_surface_area"]
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return result.value(phase="void", estimator="crofton").value, peak


mc.measure(piece, "specific_surface_area")  # compiles the kernels, which takes memory too
sizes, peaks = [], []
with tempfile.TemporaryDirectory() as folder:
    for times in (2, 4, 8, 16, 32):
        path = Path(folder) / f"{times}.npy"
        write_repeated(path, times)
        value, peak = measure_file(path)
        sizes.append(path.stat().st_size / 1e6)
        peaks.append(peak)
        print(f"{sizes[-1]:3.0f} MB on disk, {peak:3.0f} MB in memory: {value!r} per voxel")

figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
ax.plot(sizes, sizes, color="gray", label="the volume")
ax.plot(sizes, peaks, "o-", label="arrays during the measurement")
ax.set(xlabel="size of the file, MB", ylabel="memory, MB")
ax.legend()

# %%
# **What we conclude.** The numbers are equal to the last digit: cutting into blocks costs no accuracy. The memory
# depends on the size of the blocks, of at most 256³ voxels, and not on that of the volume, so the same lines measure
# a volume of any size. This holds for metrics that are sums over places; those that need the whole volume at once say
# so on their pages ("additive: no").
