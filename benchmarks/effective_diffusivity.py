"""Time the solver on the real volumes, and TauFactor at the same accuracy and number of threads.

    python benchmarks/effective_diffusivity.py                    # microchar only: every case, 1 and 2 threads
    python benchmarks/effective_diffusivity.py --peer --budget 900

TauFactor's stopping criterion does not bound the error. Therefore TauFactor runs until
its value stays within 0.1 % of the certified value; the value is checked every 100
iterations. If the budget (in seconds) ends before that, the time is an estimate: the
time per iteration is measured, and the number of iterations is that of Berea 200³
scaled with the length, because it is proportional to the length in successive
over-relaxation.
"""

from __future__ import annotations

import argparse
import io
import os
import time
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import tifffile

from microchar.diffusion import solve

DATA = Path(os.environ.get("MICROCHAR_DATA", Path(__file__).parents[2] / "shared" / "data"))
TOLERANCE = 1e-3


def cases() -> dict[str, tuple[np.ndarray, int]]:
    berea = (tifffile.imread(DATA / "berea.tif") == 0).astype(np.uint8)
    ketton = (tifffile.imread(DATA / "ketton.tif") == 0).astype(np.uint8)
    nmc = tifffile.imread(DATA / "nmc_cathode.tif")
    volumes = {
        "berea 100": (berea[:100, :100, :100].copy(), 0),
        "berea 200": (berea[:200, :200, :200].copy(), 0),
        "berea 400": (berea, 0),
        "ketton 256": (ketton, 0),
    }
    for phase in range(3):
        for axis in range(3):
            volumes[f"nmc phase {phase} axis {axis}"] = ((nmc == phase).astype(np.uint8), axis)
    return volumes


def ours(labels: np.ndarray, axis: int, threads: int):
    began, worked = time.perf_counter(), time.process_time()
    solution = solve(labels, (0, 1), axis=axis, tolerance=TOLERANCE, threads=threads)
    return solution, time.perf_counter() - began, time.process_time() - worked


def taufactor(labels: np.ndarray, axis: int, value: float, threads: int, budget: float):
    """Return iterations, wall time, CPU time, and whether the value was within the tolerance twice in a row."""
    import torch
    from taufactor import Solver

    torch.set_num_threads(threads)
    solver = Solver(np.ascontiguousarray(np.moveaxis(labels, axis, 0)), device="cpu")
    began, worked, good = time.perf_counter(), time.process_time(), 0
    while good < 2 and time.perf_counter() - began < budget:
        with redirect_stdout(io.StringIO()):
            solver.solve(verbose=False, conv_crit=1e-9, iter_limit=solver.iter + 100)
        good = good + 1 if abs(float(np.squeeze(solver.D_rel)) / value - 1) <= TOLERANCE else 0
    return solver.iter, time.perf_counter() - began, time.process_time() - worked, good == 2


def peak_gb() -> float:
    """Return the largest memory of this process so far; nan where the system does not tell."""
    try:
        from resource import RUSAGE_SELF, getrusage
    except ImportError:  # Windows
        return float("nan")
    return getrusage(RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", action="store_true", help="run TauFactor too")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--budget", type=float, default=600, help="seconds for each run of TauFactor")
    parser.add_argument("--cases", default="", help="only cases whose name begins so")
    arguments = parser.parse_args()
    # Compile the kernels first, so that no time includes compilation.
    solve((np.random.default_rng(0).random((65, 65, 65)) < 0.6).astype(np.uint8), (0, 1))
    reference = 0.0
    for name, (labels, axis) in cases().items():
        if not name.startswith(arguments.cases):
            continue
        for threads in arguments.threads:
            solution, wall, work = ours(labels, axis, threads)
            print(
                f"{name:18s} threads {threads}  D {solution.value:.6f}  gap {solution.gap:.1e}  {solution.status}  "
                f"iterations {solution.iterations}  {wall:.2f} s  (cpu {work:.2f} s, peak so far {peak_gb():.2f} GB)",
                flush=True,
            )
        if arguments.peer and solution.status == "ok":
            threads = arguments.threads[0]
            _, wall, work = ours(labels, axis, threads)
            iterations, seconds, peer_work, reached = taufactor(labels, axis, solution.value, threads, arguments.budget)
            reference = iterations / 200 if name == "berea 200" and reached else reference
            label = f"{iterations} iterations, {seconds:.0f} s (cpu {peer_work:.0f} s)"
            if not reached and reference:
                scale = reference * labels.shape[axis] / iterations
                seconds, peer_work = seconds * scale, peer_work * scale
                label += f", {seconds:.0f} s ESTIMATED for as many as berea 200 took, scaled with the length"
            elif not reached:
                label += " did not do: ratios are lower bounds"
            print(
                f"{'':18s} TauFactor, {threads} threads: {label}; ratio {seconds / wall:.0f} by the clock, "
                f"{peer_work / work:.0f} in cpu time",
                flush=True,
            )


if __name__ == "__main__":
    main()
