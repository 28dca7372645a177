"""Run a function in a fresh process, warm and on a given number of threads; measure processor time and peak memory.

The function is one of a module in this folder. Its arguments are named like the files ``NAME.npy`` of the input
folder. First it is called with the files of the subfolder ``small``, which compiles and imports all that is needed,
then several times with the large ones. Unix only.
"""

from __future__ import annotations

import importlib
import inspect
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

#: Number of runs that are timed; one alone where it takes more than this number of seconds.
RUNS, LONG_ENOUGH = 3, 5.0
#: Edge in voxels of the pieces on which everything is warmed up.
SMALL = 96


@dataclass(frozen=True)
class Cost:
    """Median of the processor time of the runs in seconds, memory in bytes, and the value of the last run.

    Memory is the peak of the resident set during the runs above what was resident before
    them; nan where the system does not tell. Where a run was ended at the limit, `seconds` is
    the limit, which is a lower bound, and there is no value. Where the function did not run,
    `failed` says why.
    """

    seconds: float = float("nan")
    memory: float = float("nan")
    value: np.ndarray | None = None
    failed: str = ""

    @property
    def finished(self) -> bool:
        return self.value is not None


def write_inputs(folder: Path, **arrays: np.ndarray) -> None:
    """Write arrays, and their corners of `SMALL` voxels for the warm-up."""
    (folder / "small").mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
        np.save(folder / "small" / f"{name}.npy", array[tuple(slice(SMALL) for _ in array.shape)])


def cost(
    function: Callable[..., object],
    folder: Path,
    *,
    threads: int = 1,
    limit: float = 600.0,
    environment: Mapping[str, str] | None = None,
    python: str = sys.executable,
) -> Cost:
    """Measure a function in a process of its own.

    Parameters
    ----------
    function : callable
        A function of a module of this folder. It returns something that NumPy makes an array of.
    folder : Path
        Where `write_inputs` wrote its arguments.
    threads : int
    limit : float
        Processor seconds after which a run is ended. The process as a whole may take ten
        times as long by the clock.
    environment : mapping, optional
        Environment variables of the process.
    python : str
        Interpreter that runs it.

    Returns
    -------
    Cost
    """
    pools = ("OMP", "OPENBLAS", "MKL", "NUMBA")
    environment = os.environ | {f"{pool}_NUM_THREADS": str(threads) for pool in pools} | (environment or {})
    with TemporaryDirectory() as results:
        result = Path(results) / "result.npz"
        module = Path(inspect.getfile(function)).stem  # __module__ may be __main__
        command = [python, __file__, module, function.__name__, str(folder), str(result), str(limit)]
        try:
            done = subprocess.run(command, env=environment, timeout=10 * limit, capture_output=True, text=True)
        except subprocess.TimeoutExpired:
            return Cost(failed=f"did not end within {10 * limit:g} s by the clock")
        if done.returncode == -signal.SIGXCPU:
            return Cost(seconds=limit)
        if done.returncode:
            return Cost(failed=(done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1])
        with np.load(result) as found:
            return Cost(float(found["seconds"]), float(found["memory"]), found["value"])


def resident(field: str) -> float:
    """Return a number of this process's memory in bytes, ``VmRSS`` or ``VmHWM`` (the peak); nan if unknown."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:  # not on Linux
        return float("nan")
    return next(1024.0 * int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def _main(module: str, name: str, folder: str, result: str, limit: str) -> None:
    function = getattr(importlib.import_module(module), name)
    names = inspect.signature(function).parameters
    small, large = ({n: np.load(place / f"{n}.npy") for n in names} for place in (Path(folder, "small"), Path(folder)))
    function(**small)
    before = resident("VmRSS")
    if before == before:
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    seconds: list[float] = []
    while len(seconds) < RUNS and max(seconds, default=0.0) < LONG_ENOUGH:
        _end_after(float(limit))
        worked = time.process_time()
        value = function(**large)
        seconds.append(time.process_time() - worked)
    peak = resident("VmHWM") - before
    np.savez(result, seconds=statistics.median(seconds), memory=peak, value=np.asarray(value, float))


def _end_after(seconds: float) -> None:
    """Let the system end this process with SIGXCPU after some more processor time."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time() + seconds) + 1, hard))


if __name__ == "__main__":
    _main(*sys.argv[1:])
