"""Compare metrics with other packages on the same work: ``python benchmarks/metrics.py [volume.tif]``.

Each function runs in a process of its own, on one thread, after a first run on a small piece that compiles. Ours and
theirs must give equal values, within the tolerance of the case, before their times are compared. Seconds are
processor time, the median of 3 runs, or one run where it takes more than 5 s. Memory is the peak during the runs above
what was resident before them. A run that takes longer than ``--limit`` is ended: its time is a lower bound (>), and it
is not tried on larger pieces. Other work on the machine makes processor time longer, too: run this on a quiet one. With
``--rst FILE`` the tables are written as a page of the documentation, too.

    python benchmarks/metrics.py ../shared/data/berea.tif --ketton ../shared/data/ketton.tif --rst performance.rst
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from apart import Cost, cost, write_inputs
from effective_diffusivity import write_transport
from peers import CASES, NOT_COMPARED, TRANSPORT, WHY, Case

import microchar as mc

HEADER = ["metric", "peer", "work", "ours", "theirs", "ratio", "goal", "memory, ours", "theirs"]


@dataclass(frozen=True)
class Row:
    """The costs of a case on one volume."""

    case: Case
    ours: Cost
    theirs: Cost

    @property
    def ratio(self) -> float:
        """Times that ours is faster; a lower bound if theirs was ended."""
        return self.theirs.seconds / self.ours.seconds

    def cells(self) -> list[str]:
        """Return the columns of the table."""
        bound = "" if self.theirs.finished else "> "
        goal = f"{self.case.goal:g}" if self.case.goal else ""
        peer = f"{self.case.peer} ({', '.join(f'{name} {_version(name)}' for name in self.case.packages)})"
        times = [_seconds(self.ours.seconds), bound + _seconds(self.theirs.seconds), f"{bound}{self.ratio:.3g}"]
        return [self.case.metric, peer, self.case.work, *times, goal, *map(_memory, (self.ours, self.theirs))]

    def why_not(self) -> str:
        """Say why the costs cannot be compared; empty if they can."""
        if self.ours.failed or not self.ours.finished:
            return f"microchar: {self.ours.failed or 'not within the limit'}"
        if self.theirs.failed:
            return f"{self.case.peer}: {self.theirs.failed}"
        if self.theirs.finished:
            apart = np.max(np.abs(self.ours.value - self.theirs.value) / np.abs(self.ours.value).max())
            if not apart <= self.case.tolerance:
                return f"{self.case.peer}: the values differ by {apart:.2g}, expected at most {self.case.tolerance:g}"
        return ""


def _seconds(seconds: float) -> str:
    return f"{seconds:.3g} s"


def _memory(of: Cost) -> str:
    return f"{of.memory / 1e6:.0f} MB" if of.memory == of.memory else ""


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def inputs(folder: Path, labels: np.ndarray) -> None:
    """Write the arrays that the cases take."""
    noise = np.random.default_rng(0).normal(0, 12, labels.shape).astype(np.float32)
    grey = np.clip(60 + 130 * labels + noise, 0, 255).astype(np.uint8)
    write_inputs(folder, labels=labels, other=np.roll(labels, len(labels) // 8, axis=0), grey=grey)


def rows(cases: list[Case], folder: Path, limit: float) -> Iterator[Row]:
    """Run the cases; our function only once for all peers."""
    ours = cache(lambda function: cost(function, folder, limit=limit))
    for case in cases:
        yield Row(case, ours(case.ours), cost(case.theirs, folder, limit=limit, environment=case.environment))


def tables(options: argparse.Namespace) -> Iterator[tuple[str, list[Row]]]:
    """Yield title and rows of each table."""
    cases = [case for case in CASES if case.metric.startswith(options.cases)]
    for edge in map(int, options.edge.split(",")):
        volume = mc.read_volume(options.volume) if options.volume else _spheres(edge)
        labels = volume.read((0, 0, 0), [min(n, edge) for n in volume.shape])
        with TemporaryDirectory() as folder:
            inputs(Path(folder), labels)
            found = []
            for row in rows(cases, Path(folder), options.limit):
                found.append(row)
                _print(row)
        cases = [row.case for row in found if not row.why_not() and row.theirs.finished]
        yield f"{volume.name}, {' × '.join(map(str, labels.shape))} voxels", found
    if TRANSPORT.metric.startswith(options.cases):
        yield from _transport(options)


def _transport(options: argparse.Namespace) -> Iterator[tuple[str, list[Row]]]:
    for path, edge in ((options.volume, 100), (options.ketton, 256)):
        if path:
            volume = mc.read_volume(path)
            labels = volume.read((0, 0, 0), [min(n, edge) for n in volume.shape])
            with TemporaryDirectory() as folder:
                write_transport(Path(folder), (labels == 0).astype(np.uint8))
                found = list(rows([TRANSPORT], Path(folder), options.transport_limit))
            _print(found[0])
            yield f"{volume.name}, {' × '.join(map(str, labels.shape))} voxels, effective diffusivity", found


def _print(row: Row) -> None:
    if why := row.why_not():
        print(f"{row.case.metric:22} not compared: {why}", flush=True)
        return
    metric, peer, work, ours, theirs, ratio, goal, *memory = row.cells()
    goal = f"(goal {goal}×)" if goal else ""
    print(
        f"{metric:22} {peer:40} {ours:>8} {theirs:>10}  {ratio:>7}× {goal:12} {' / '.join(memory):20} {work}",
        flush=True,
    )


def machine() -> str:
    """Return the processor and versions."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba", "scipy"))
    return f"{_processor()}, Python {platform.python_version()}, microchar {mc.__version__}, {packages}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not on Linux
        lines = []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.processor())


def page(found: list[tuple[str, list[Row]]], limit: float) -> str:
    """Return the page of the documentation."""
    day = datetime.now(UTC).date()
    text = f"""\
.. Written by: python benchmarks/metrics.py VOLUME --ketton KETTON --rst docs/scale/performance.rst

===========
Performance
===========

Time and memory of metrics, and of other packages that do the same work, measured on {day} with {machine()}.

Each function ran on one thread, in a process of its own, after a first run on a small piece. Seconds are processor
time, the median of three runs, or one run where it takes more than 5 s. Memory is the peak during the runs above what
was resident before them. Standard errors, which no peer computes, are not computed. The values of both agree within the
tolerance in the script; without that, the costs are not shown. A time with ">" is the limit of {limit:g} s at which the
peer was ended: the time and the ratio are lower bounds, and it did not run on larger pieces.
"""
    missing = [f"{name}: {why}" for name, why in NOT_COMPARED.items()]
    for title, of_volume in found:
        text += f"\n{title}\n{'=' * len(title)}\n\n.. list-table::\n   :header-rows: 1\n"
        shown = [row for row in of_volume if not row.why_not()]
        for cells in (HEADER, *(row.cells() for row in shown)):
            text += "\n   * - " + _escaped("\n     - ".join(cells)).replace("- \n", "-\n").rstrip()
        text += "\n"
        missing += [f"{row.case.metric}, {title}: {row.why_not()}" for row in of_volume if row.why_not()]
    return text + "".join(
        f"\n{title}\n{'=' * len(title)}\n\n" + "".join(f"- {_escaped(line)}\n" for line in dict.fromkeys(lines))
        for title, lines in (("Goals that are missed", _missed(found)), ("Not compared", missing))
    )


def _missed(found: list[tuple[str, list[Row]]]) -> list[str]:
    """Return, for each case, by how much the goal is missed and why."""
    by_case: dict[str, list[Row]] = {}
    for _, of_volume in found:
        for row in of_volume:
            if row.case.goal and not row.why_not() and row.ratio < row.case.goal:
                by_case.setdefault(f"{row.case.metric}, {row.case.peer}", []).append(row)
    return [
        f"{name}: {' and '.join(f'{row.cells()[5]}' for row in rows)} times instead of {rows[0].case.goal:g}. "
        + WHY.get(rows[0].case.metric, "")
        for name, rows in by_case.items()
    ]


def _escaped(text: str) -> str:
    return text.replace("_", r"\_")  # a link, at the end of a word


def main() -> None:
    """Print the versions and a line for each case, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("volume", nargs="?", help="a file of two phases; default overlapping spheres")
    parser.add_argument("--ketton", help="a file of two phases, for the effective diffusivity")
    parser.add_argument("--edge", default="200,400", help="edges of the pieces in voxels, such as 200,400")
    parser.add_argument("--cases", default="", help="only metrics whose name begins so")
    parser.add_argument("--limit", type=float, default=40, help="processor seconds of a run")
    parser.add_argument("--transport-limit", type=float, default=300, help="the same for the effective diffusivity")
    parser.add_argument("--rst", type=Path, help="where to write the page")
    options = parser.parse_args()
    print(machine(), flush=True)
    found = list(tables(options))
    for name, why in NOT_COMPARED.items():
        print(f"{name:22} not compared: {why}")
    if options.rst:
        options.rst.write_text(page(found, options.limit), encoding="utf-8")


def _spheres(edge: int) -> mc.Volume:
    generator = mc.create_generator("overlapping-spheres", radius=edge / 20, volume_fraction=0.2)
    return generator.generate((edge, edge, edge), seed=0)


if __name__ == "__main__":
    main()
