"""Time the solver on the real volumes, and TauFactor at the same accuracy and number of threads.

    python benchmarks/effective_diffusivity.py                    # microchar only: every case, 1 and 2 threads
    python benchmarks/effective_diffusivity.py --peer --limit 900

TauFactor's stopping criterion does not bound the error. Therefore TauFactor runs until
its value stays within 0.1 % of the certified value; the value is checked every 100
iterations. If the limit (in processor seconds) ends it before that, time and ratio are lower bounds.
"""

from __future__ import annotations

import argparse
import io
import os
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import tifffile
from apart import SMALL, cost, write_inputs

from microchar.diffusion import solve

DATA = Path(os.environ.get("MICROCHAR_DATA", Path(__file__).parents[2] / "shared" / "data"))
TOLERANCE = 1e-3


def cases() -> dict[str, np.ndarray]:
    """Return labels of the real volumes; what conducts has the label 1, and axis 0 is that of the transport."""
    berea = (tifffile.imread(DATA / "berea.tif") == 0).astype(np.uint8)
    ketton = (tifffile.imread(DATA / "ketton.tif") == 0).astype(np.uint8)
    nmc = tifffile.imread(DATA / "nmc_cathode.tif")
    volumes = {
        "berea 100": berea[:100, :100, :100],
        "berea 200": berea[:200, :200, :200],
        "berea 400": berea,
        "ketton 256": ketton,
    }
    for phase in range(3):
        for axis in range(3):
            volumes[f"nmc phase {phase} axis {axis}"] = np.moveaxis((nmc == phase).astype(np.uint8), axis, 0)
    return volumes


def certified(conducting):
    return _solve(conducting).value


def certified_with_gap(conducting):
    solution = _solve(conducting)
    return solution.value, solution.gap, solution.iterations, solution.status == "ok"


def _solve(conducting):
    threads = int(os.environ["OMP_NUM_THREADS"])  # set by apart.cost
    return solve(conducting, (0, 1), tolerance=TOLERANCE, threads=threads)


def by_taufactor(conducting, truth):
    """Iterate until the value is within the tolerance twice in a row."""
    from taufactor import Solver

    solver = Solver(conducting, device="cpu")
    good = 0
    while good < 2:
        with redirect_stdout(io.StringIO()):
            solver.solve(verbose=False, conv_crit=1e-9, iter_limit=solver.iter + 100)
        value = float(np.squeeze(solver.D_rel))
        good = good + 1 if abs(value / truth - 1) <= TOLERANCE else 0
    return value


def write_transport(folder: Path, conducting: np.ndarray) -> None:
    """Write the inputs of both, with the certified value at which TauFactor stops."""
    write_inputs(folder, conducting=np.ascontiguousarray(conducting))
    for place, edge in ((folder, None), (folder / "small", SMALL)):
        piece = np.ascontiguousarray(conducting[:edge, :edge, :edge])
        np.save(place / "truth.npy", solve(piece, (0, 1), tolerance=TOLERANCE / 10).value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", action="store_true", help="run TauFactor too")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--limit", type=float, default=600, help="processor seconds for a run")
    parser.add_argument("--cases", default="", help="only cases whose name begins so")
    arguments = parser.parse_args()
    for name, conducting in cases().items():
        if name.startswith(arguments.cases):
            with TemporaryDirectory() as folder:
                write_transport(Path(folder), conducting)
                for threads in arguments.threads:
                    compare(name, Path(folder), threads, arguments.limit, peer=arguments.peer)


def compare(name: str, folder: Path, threads: int, limit: float, *, peer: bool) -> None:
    """Print our cost and, if asked for, TauFactor's."""
    ours = cost(certified_with_gap, folder, threads=threads, limit=limit)
    if not ours.finished:
        print(f"{name:18s} threads {threads}  {ours.failed or f'not within {limit:g} s'}")
        return
    value, gap, iterations, ok = ours.value
    print(
        f"{name:18s} threads {threads}  D {value:.6f}  gap {gap:.1e}  {'' if ok else 'NOT '}ok  "
        f"iterations {iterations:.0f}  cpu {ours.seconds:.2f} s  {ours.memory / 1e6:.0f} MB",
        flush=True,
    )
    if peer and ok:
        theirs = cost(by_taufactor, folder, threads=threads, limit=limit)
        bound = "" if theirs.finished else "> "
        print(
            f"{'':18s} TauFactor: {theirs.failed or f'cpu {bound}{theirs.seconds:.0f} s'}  "
            f"{theirs.memory / 1e6:.0f} MB  ratio {bound}{theirs.seconds / ours.seconds:.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
