"""Permeabilities of the real volumes, published ones of pieces of Berea, and those of other programs.

    python benchmarks/permeability.py                    # microchar only: every case
    python benchmarks/permeability.py --published        # the 18 pieces of Berea, three axes
    python benchmarks/permeability.py --network          # pore network of PoreSpy and OpenPNM on Berea 100³
    python benchmarks/permeability.py --peer             # poromics on Berea 100³, if it is installed

A network has no tolerance: its error, against the certified value, is what it is. It is
compared with microchar at loose tolerances, whose errors are printed too.

poromics states no error. Its tolerance is lowered tenfold at a time, and the time is that
of the first run within 0.3 % of the last one; microchar's is for a certified gap of 0.1 %.
It runs in a process of its own, with the interpreter of ``--python``. Without a GPU it
needs TI_ARCH=x64.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import tifffile
from apart import resident

from microchar.stokes import edt_darcy, solve

DATA = Path(os.environ.get("MICROCHAR_DATA", Path(__file__).parents[2] / "shared" / "data"))
TOLERANCES = (1e-3, 1e-4, 1e-5)
#: Tolerances of microchar beside a network, the certified value last.
LOOSE = (0.5, 0.1, 1e-2, 1e-3)
_PEER = """
import sys, time
import numpy as np
from poromics import permeability_lbm
fluid = np.load(sys.argv[1])
permeability_lbm(fluid, axis=0, voxel_size=1.0, n_steps=10, verbose=False)  # compiles
for tolerance in map(float, sys.argv[2:]):
    worked = time.process_time()
    k = permeability_lbm(fluid, axis=0, voxel_size=1.0, tol=tolerance, verbose=False).k
    print("found", tolerance, float(k), time.process_time() - worked, flush=True)
"""


def cases() -> dict[str, np.ndarray]:
    berea = tifffile.imread(DATA / "berea.tif") == 0
    return {
        "berea 100": berea[:100, :100, :100],
        "nmc pores 96": tifffile.imread(DATA / "nmc_cathode.tif")[:96, :96, :96] == 0,
        "berea 200": berea[:200, :200, :200],
        "ketton 256": tifffile.imread(DATA / "ketton.tif") == 0,
        "berea 400": berea,
    }


def ours(name: str, fluid: np.ndarray, threads: int) -> float:
    """Solve one case, and return the processor time."""
    began, worked = time.perf_counter(), time.process_time()
    found = solve(fluid, threads=threads)
    wall, work, peak = time.perf_counter() - began, time.process_time() - worked, resident("VmHWM")
    print(
        f"{name:13s} threads {threads}  k {found.lower:.6f} to {found.upper:.6f}  gap {found.gap:.1e}  {found.status}  "
        f"iterations {found.iterations}  {wall:.1f} s (cpu {work:.1f} s, peak so far {peak / 1e9:.2f} GB, "
        f"{peak / fluid.size:.0f} bytes for each voxel)",
        flush=True,
    )
    return work


def published(threads: int) -> None:
    """Compare with the published Stokes solutions of pieces of Berea."""
    berea = tifffile.imread(DATA / "berea.tif") == 0
    rows = []
    with (DATA / "berea_128_permeability.csv").open() as lines:
        for row in csv.DictReader(lines):
            piece = berea[tuple(slice(int(row[f"origin{a}"]), int(row[f"origin{a}"]) + 128) for a in range(3))]
            for axis in range(3):
                stokes, quick = (run(piece, axis=axis, threads=threads).value for run in (solve, edt_darcy))
                rows.append((float(row[f"k_axis{axis}_voxel2"]), stokes, quick))
                print(
                    f"{row['origin0']:>4s}{row['origin1']:>4s}{row['origin2']:>4s} axis {axis}", *rows[-1], flush=True
                )
    theirs, stokes, quick = np.log10(np.array(rows)).T
    for name, x, y in (("published/stokes", theirs, stokes), ("edt_darcy/stokes", quick, stokes)):
        ratio = 10 ** np.quantile(x - y, [0, 0.5, 1])
        r2 = np.corrcoef(x, y)[0, 1] ** 2
        print(f"{name}: r2 of log k {r2:.4f}, ratio {ratio[1]:.3f} ({ratio[0]:.3f} to {ratio[2]:.3f})")


def network_permeability(fluid: np.ndarray) -> float:
    """Return the permeability along axis 0 of the pore network that PoreSpy extracts, solved by OpenPNM."""
    import openpnm
    import porespy

    extracted = porespy.networks.snow2(fluid, voxel_size=1.0, boundary_width=[3, 0, 0])
    pores = openpnm.io.network_from_porespy(extracted.network)
    pores["pore.diameter"] = pores["pore.equivalent_diameter"]
    pores["throat.diameter"] = pores["throat.inscribed_diameter"]
    pores["throat.spacing"] = pores["throat.total_length"]
    shapes = openpnm.models.geometry.hydraulic_size_factors.pyramids_and_cuboids
    pores.add_model(propname="throat.hydraulic_size_factors", model=shapes)
    lost = openpnm.utils.check_network_health(pores)["disconnected_pores"]
    openpnm.topotools.trim(network=pores, pores=lost)
    water = openpnm.phase.Phase(network=pores)
    water["pore.viscosity"] = 1.0
    conductance = openpnm.models.physics.hydraulic_conductance.generic_hydraulic
    water.add_model(propname="throat.hydraulic_conductance", model=conductance)
    flow = openpnm.algorithms.StokesFlow(network=pores, phase=water)
    flow.set_value_BC(pores=pores.pores("xmin"), values=1.0)
    flow.set_value_BC(pores=pores.pores("xmax"), values=0.0)
    flow.run()
    rate = float(flow.rate(pores=pores.pores("xmin"), mode="group")[0])
    return rate * fluid.shape[0] / (fluid.shape[1] * fluid.shape[2])


def network(fluid: np.ndarray, threads: int) -> None:
    """Compare the error and the time of a network with those of microchar at loose tolerances."""
    runs = []
    for tolerance in LOOSE:
        worked = time.process_time()
        found = solve(fluid, threads=threads, tolerance=tolerance)
        runs.append((f"microchar, tolerance {tolerance:g}", found.value, time.process_time() - worked))
    certified = found.value
    network_permeability(fluid[:40, :40, :40])  # compiles
    worked = time.process_time()
    runs.append(("snow2 and OpenPNM", network_permeability(fluid), time.process_time() - worked))
    for name, k, work in runs:
        print(f"{name:27s} k {k:.6f}  {100 * (k / certified - 1):+8.3f} % of the certified value  cpu {work:.1f} s")


def peer(fluid: np.ndarray, our_work: float, python: str) -> None:
    """Run poromics with smaller and smaller tolerances."""
    runs = []
    with TemporaryDirectory() as folder:
        np.save(Path(folder) / "fluid.npy", fluid)
        command = [python, "-c", _PEER, str(Path(folder) / "fluid.npy"), *map(str, TOLERANCES)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in (line for line in process.stdout if line.startswith("found")):
                tolerance, k, work = map(float, line.split()[1:])
                runs.append((k, work))
                print(f"poromics      tolerance {tolerance:.0e}  k {k:.6f}  cpu {work:.1f} s", flush=True)
    if len(runs) < 2:
        print("poromics did not run; is it installed?")
        return
    work = next(work for k, work in runs if abs(k / runs[-1][0] - 1) <= 3e-3)
    print(f"poromics to within 0.3 % of its last value: cpu {work:.1f} s, {work / our_work:.0f} times ours")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--published", action="store_true", help="only compare with published permeabilities")
    parser.add_argument("--network", action="store_true", help="only berea 100, and a pore network")
    parser.add_argument("--peer", action="store_true", help="only berea 100, and run poromics too")
    parser.add_argument("--python", default=sys.executable, help="interpreter that has poromics")
    parser.add_argument("--cases", default="", help="only cases whose name begins so")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.published:
        published(arguments.threads)
        return
    # Compile the kernels first, so that no time includes compilation.
    solve(np.random.default_rng(0).random((20, 20, 20)) < 0.7)
    if arguments.network:
        network(cases()["berea 100"], arguments.threads)
        return
    for name, fluid in cases().items():
        if name.startswith("berea 100" if arguments.peer else arguments.cases):
            work = ours(name, fluid, arguments.threads)
            if arguments.peer:
                peer(fluid, work, arguments.python)


if __name__ == "__main__":
    main()
