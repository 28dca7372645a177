"""How much volumes around a given slice resemble it.

    python benchmarks/held_slice.py model.safetensors berea.tif --from 240

Slices of a real volume that the model has not seen, normal to each axis in turn, are given to the model. The script
prints the share of voxels that equal those of the slice, at some distances from it: in what was made, and in the real
volume.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import microchar as mc
from microchar.generation.loading import load_generator

DISTANCES = (1, 2, 4, 8, 16)


def main() -> None:
    """Make the volumes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("volume", help="the real volume")
    parser.add_argument("--from", type=int, default=0, dest="first", help="first plane along axis 0 that was not seen")
    parser.add_argument("--edge", type=int, default=64)
    parser.add_argument("-n", type=int, default=12, help="number of slices")
    options = parser.parse_args()
    model = load_generator(options.model)
    real = np.asarray(mc.read_volume(options.volume).values)[options.first :]
    edge, rng = options.edge, np.random.default_rng(0)
    found = []
    for number in range(options.n):
        axis, index = number % 3, edge // 2 + number % 4
        start = [int(rng.integers(n - edge + 1)) for n in real.shape]
        block = real[tuple(slice(a, a + edge) for a in start)]
        image = np.take(block, index, axis)
        made = model.generate((edge,) * 3, seed=number, given=mc.GivenSlice(image, axis, index))
        found.append([resemblance(np.moveaxis(np.asarray(one), axis, 0), index) for one in (made.values, block)])
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / options.n**0.5
    print("distance in voxels  " + "".join(f"{d:15d}" for d in DISTANCES))
    for name, values, errors in zip(("made", "real"), mean, error, strict=True):
        print(f"{name:20}" + "".join(f"{v:9.3f} ± {e:.3f}" for v, e in zip(values, errors, strict=True)))


def resemblance(volume: np.ndarray, index: int) -> list[float]:
    """Return the share of voxels that equal those of a plane, at the distances, on both sides of it."""
    plane = volume[index]
    return [float(np.mean([volume[index - d] == plane, volume[index + d] == plane])) for d in DISTANCES]


if __name__ == "__main__":
    main()
