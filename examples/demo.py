"""Compare two materials with the same two-point correlation but different connectivity.

The pores of the real volume are the space between overlapping spheres of radius 10 µm.
They take up a tenth of the volume, and nearly all of them are connected. The fake volume
is a Gaussian random field cut at a level and fitted to the two-point correlation function
of the real volume. At this volume fraction, the pores of a smooth Gaussian field are
hardly connected. The two volumes therefore agree in volume fraction, specific surface
area and S2, and differ in clusters, percolation and diffusion.

    python examples/demo.py                          # writes demo-out/
    python examples/demo.py --size 96 -o elsewhere

The comparison itself is a single command:

    microchar report demo-out/real.tif demo-out/fake.tif --phases pore=0,solid=255 -o demo-out
"""

from __future__ import annotations

import argparse
from pathlib import Path

import microchar as mc
from microchar.cli import program as cli
from microchar.datasets import overlapping_spheres
from microchar.generators import matched_gaussian_field

PHASES = "pore=0,solid=255"
VOXEL_SIZE = "2um"


def make_pair(size: int) -> tuple[mc.Volume, mc.Volume]:
    """Return the real volume and the fake volume."""
    spheres = overlapping_spheres((size, size, size), radius=5, void_fraction=0.10, seed=1)
    real = mc.as_volume(255 * spheres.values, phases=PHASES, voxel_size=VOXEL_SIZE, name="real")
    return real, matched_gaussian_field(real, seed=1)


def main() -> None:
    """Make the two volumes, compare them, and print the path of the report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", type=int, default=128, help="voxels along each axis (default 128)")
    parser.add_argument("-o", "--output", type=Path, default=Path("demo-out"), help="folder (default demo-out)")
    options = parser.parse_args()

    options.output.mkdir(parents=True, exist_ok=True)
    print("making a real volume and a fake one with the same S2")
    files = [options.output / "real.tif", options.output / "fake.tif"]
    for volume, file in zip(make_pair(options.size), files, strict=True):
        mc.write_volume(volume, file)

    print("comparing them; the first run compiles the kernels, once")
    command = ["report", *map(str, files), "--phases", PHASES, "-o", str(options.output)]
    print("microchar", *command)
    if cli.main(command) != 0:
        raise SystemExit(1)
    print(f"report: {(options.output / 'report.html').resolve()}")


if __name__ == "__main__":
    main()
