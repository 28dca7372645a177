"""Feed damaged inputs to microchar: ``python benchmarks/fuzz.py --cases 5000``.

Valid files of every format, model files, results.json and command lines are damaged at random. Each must be refused
with exit code 2 and one line, or read as an independent reader reads it. The cases run in a worker process that is
limited in time and memory, and is started again when it dies. A fault is printed with the fewest edits that show it,
and can be repeated by its number: ``python benchmarks/fuzz.py --case npy:123``. The table at the end counts the
outcomes of each kind; the exit code is 1 if there was a fault. Linux only. It needs the extra ``formats``.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: Columns of the table, the faults last.
OUTCOMES = ("read", "unchecked", "done", "refused", "memory", "failed", "traceback", "hang", "wrong", "noise", "died")
FAULTS = OUTCOMES[6:]
#: How many faults of one kind are printed in full.
_SHOWN = 10
#: How long a worker may take beyond the limit of a case, in compiled code that no signal stops.
_GRACE = 60.0
_START = 600.0


class Served:
    """A worker process that answers cases."""

    def __init__(self, seconds: float, gigabytes: float) -> None:
        command = [sys.executable, __file__, "--serve", "--seconds", str(seconds), "--gigabytes", str(gigabytes)]
        single = {"NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | single
        )
        self.patience = seconds + _GRACE
        self.kinds: list[str] = self._answer(_START)

    def ask(self, kind: str, number: int) -> dict[str, Any]:
        """Run a case; a worker that dies or does not answer is the outcome "died"."""
        assert self.process.stdin is not None
        try:
            print(kind, number, file=self.process.stdin, flush=True)
            return self._answer(self.patience)
        except (BrokenPipeError, EOFError, TimeoutError) as error:
            self.close()
            return {"what": "died", "detail": f"{type(error).__name__}, exit code {self.process.returncode}"}

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()

    def _answer(self, patience: float) -> Any:
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(patience):
                raise TimeoutError
        line = self.process.stdout.readline()
        if not line:
            raise EOFError
        return json.loads(line)


def main() -> int:
    """Run what the options say."""
    parser = argparse.ArgumentParser(description="Feed damaged inputs to microchar.")
    parser.add_argument("--cases", type=int, default=500, help="number of cases (default 500)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case: another one gives other cases")
    parser.add_argument("--kinds", default="", help="only these kinds, separated by commas")
    parser.add_argument("--case", metavar="KIND:NUMBER", help="repeat one case and print its outcome")
    parser.add_argument("--seconds", type=float, default=20.0, help="time limit of a case (default 20)")
    parser.add_argument("--gigabytes", type=float, default=2.0, help="memory limit of a case (default 2)")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        sys.path.insert(0, str(Path(__file__).parent))
        from fuzzing.worker import serve

        serve(options.seconds, options.gigabytes)
        return 0
    served = Served(options.seconds, options.gigabytes)
    if options.case:
        kind, _, number = options.case.partition(":")
        answer = served.ask(kind, int(number))
        served.close()
        print(_fault(kind, int(number), answer))
        return int(answer["what"] in FAULTS)
    return _run(served, options)


def _run(served: Served, options: argparse.Namespace) -> int:
    kinds = options.kinds.split(",") if options.kinds else served.kinds
    counts = {kind: Counter[str]() for kind in kinds}
    began, shown = time.monotonic(), Counter[str]()
    for kind, number in _cases(kinds, options.first, options.cases):
        if served.process.poll() is not None:
            served = Served(options.seconds, options.gigabytes)
        answer = served.ask(kind, number)
        counts[kind][answer["what"]] += 1
        if answer["what"] in FAULTS:
            shown[kind] += 1
            if shown[kind] <= _SHOWN:
                print(_fault(kind, number, answer), flush=True)
    served.close()
    print(_table(counts))
    faults = sum(count[what] for count in counts.values() for what in FAULTS)
    print(f"\n{options.cases} cases in {time.monotonic() - began:.0f} s: {faults or 'no'} faults")
    return int(faults > 0)


def _cases(kinds: list[str], first: int, number: int) -> Iterator[tuple[str, int]]:
    for case in range(number):
        yield kinds[case % len(kinds)], first + case // len(kinds)


def _fault(kind: str, number: int, answer: dict[str, Any]) -> str:
    lines = [f"--- {kind}:{number}: {answer['what']}", answer["detail"].rstrip()]
    if "edits" in answer:
        lines += [f"seed {answer['seed']}, command {' '.join(answer['words'])}", f"edits {answer['edits']}"]
    return "\n".join(lines)


def _table(counts: dict[str, Counter[str]]) -> str:
    total = Counter[str]()
    for count in counts.values():
        total += count
    rows = [["kind", *OUTCOMES]]
    rows += [[kind, *(str(count[what] or "·") for what in OUTCOMES)] for kind, count in sorted(counts.items())]
    rows.append(["total", *(str(total[what] or "·") for what in OUTCOMES)])
    return "\n".join("".join(f"{text:{'>10' if column else '<8'}}" for column, text in enumerate(row)) for row in rows)


if __name__ == "__main__":
    sys.exit(main())
