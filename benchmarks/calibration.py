"""How often the verdict is wrong, and how often it sees a difference: rates on pairs of known truth.

Every pair is compared as ``microchar report`` compares it. The results of each pair are appended to a file, one JSON
object per line, so that an interrupted run goes on where it stopped::

    python benchmarks/calibration.py run G6@64 --pairs 240 --into calibration/
    python benchmarks/calibration.py table calibration/
    python benchmarks/calibration.py all --into calibration/        about an hour on two cores
    python benchmarks/calibration.py rst calibration/               the table of the documentation
    python benchmarks/calibration.py figure calibration/            its curves, as calibration.svg
    python benchmarks/calibration.py smoke                          half a minute; exits 1 if a rate is out of bounds

Processes: ``G6`` is a Gaussian field of covariance exp(-r²/6²) cut at its median, ``E6`` one of spectrum
1/(1 + 6²k²)², ``S6`` the space between overlapping spheres of radius 6, ``M6`` a Gaussian field with the two-point
correlation of S6, ``T6`` three phases cut from two independent fields G6, ``B`` disjoint pieces of Berea (needs the
data), ``F`` the Gaussian field fitted to the reference. A name such as ``G6:0.3@96`` sets the volume fraction;
``G6@64/mask`` compares inside a cylinder, ``G6@64/flat`` with voxels twice as long along axis 0, ``S6@256/section ~
S6@160`` an image with the slices of a volume along each axis; ``G6@64 ~ G6.6@64``
compares two processes, ``G6@96 ~ G6@64`` two sizes, ``G6@96 ~ 20*G6@48`` a volume and a group of samples, of which
``/alike`` have half the scatter. ``G6@64+T`` lets the effective diffusivity decide, too, ``G6@64+L`` the thickness.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

# One worker, one thread: those of BLAS would wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import microchar as mc

#: Metrics of the verdict, for which the report needs no other.
METRICS = (
    *("volume_fraction", "specific_surface_area", "euler_characteristic", "two_point_correlation", "lineal_path"),
    *("chord_length_distribution", "largest_cluster_fraction", "percolating_fraction"),
)
#: Pairs of the same process, with which false alarms are counted.
NULL = (
    *("G3@64", "G6@64", "G12@64", "G6@96", "G12@96", "E6@96", "S6@96", "B@128", "B@200"),
    *("G6@64+T", "G6@64+L", "B@128+T", "T6@64", "G6@64/mask", "G6@64/flat", "G6@96 ~ G6@64", "G6@96 ~ 20*G6@48"),
    "S6:0.65@256/section ~ S6:0.65@160",
)
#: Pairs that differ.
DIFFERENT = ("B@128 ~ F", "B@200 ~ F", "S6@96 ~ M6@96", "G6@96 ~ G6.6@96", "G6@96 ~ 20*G6@48/alike")
#: Words that say that there is a difference.
_SEEN = ("different", "detectable")


@dataclass(frozen=True)
class Process:
    """A random medium of known statistics."""

    kind: str
    length: float
    fraction: float
    edge: int
    variant: str = ""
    samples: int = 1

    @classmethod
    def parse(cls, text: str) -> Process:
        """Read a name such as "G6:0.3@96/mask" or "20*G6@48"."""
        samples, star, name = text.strip().rpartition("*")
        name, _, variant = name.partition("/")
        name, _, edge = name.partition("@")
        name, _, fraction = name.partition(":")
        number = int(samples) if star else 1
        return cls(name[0], float(name[1:] or 0), float(fraction or 0.5), int(edge or 0), variant, number)

    def volumes(self, seed: int) -> list[mc.Volume]:
        """Return eight independent volumes.

        They are cut from a periodic volume of twice the edge, of which opposite
        octants are neighbours only at their corners.
        """
        rng = np.random.default_rng(seed)
        n = 2 * self.edge
        if self.kind == "S":
            whole = _between_spheres(rng, n, self.length, self.fraction).astype(np.uint8)
        elif self.kind == "T":
            first, second = (_gaussian(rng, n, self._spectrum(n)) < _level(self.fraction) for _ in range(2))
            whole = np.where(first, 1 + second, 0).astype(np.uint8)
        else:
            whole = (_gaussian(rng, n, self._spectrum(n)) < _level(self.fraction)).astype(np.uint8)
        e = self.edge
        corners = list(product((0, e), repeat=3))
        octants = [self._volume(whole[i : i + e, j : j + e, k : k + e]) for i, j, k in corners]
        return [octants[i] for pair in range(4) for i in (pair, 7 - pair)]

    def _volume(self, labels: np.ndarray) -> mc.Volume:
        names = ("solid", "pore", "binder") if self.kind == "T" else ("solid", "pore")
        phases = {name: label for label, name in enumerate(names)}
        if self.variant == "section":
            return mc.as_volume(labels[self.edge // 2], phases=phases)
        if self.variant == "flat":
            return mc.as_volume(labels[::2], phases=phases, voxel_size=(2, 1, 1))
        mask = None
        if self.variant == "mask":
            y, x = (np.arange(self.edge) - (self.edge - 1) / 2)[:, None], np.arange(self.edge) - (self.edge - 1) / 2
            mask = np.broadcast_to(y**2 + x**2 < (self.edge / 2) ** 2, labels.shape)
        return mc.as_volume(labels, phases=phases, mask=mask)

    def group(self, seed: int) -> list[mc.Volume]:
        """Return independent samples; "alike" ones are chosen so that they have half the scatter."""
        alike = self.variant == "alike"
        wanted = 8 * self.samples if alike else self.samples
        pool = [v for k in range(-(-wanted // 8)) for v in self.volumes(1_000_003 * seed + k)][:wanted]
        return _alike(pool, self.samples, seed) if alike else pool

    @property
    def truth(self) -> float | None:
        """Volume fraction of the pores in the ensemble."""
        return {"B": None, "T": self.fraction * (1 - self.fraction)}.get(self.kind, self.fraction)

    def is_like(self, other: Process) -> bool:
        """Return whether both are the same material with the same scatter."""
        same = (self.kind, self.length, self.fraction) == (other.kind, other.length, other.fraction)
        return same and "alike" not in (self.variant, other.variant)

    def _spectrum(self, n: int) -> np.ndarray:
        k = 2 * np.pi * np.fft.fftfreq(n)
        k2 = k[:, None, None] ** 2 + k[None, :, None] ** 2 + k[None, None, : n // 2 + 1] ** 2
        if self.kind in "GT":
            return np.exp(-k2 * self.length**2 / 4)
        if self.kind == "E":
            return 1 / (1 + k2 * self.length**2) ** 2
        return _matched_spectrum(n, self.length, self.fraction)


def _level(fraction: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(fraction))


def _gaussian(rng: np.random.Generator, n: int, spectrum: np.ndarray) -> np.ndarray:
    """Return a periodic Gaussian field of variance 1 in the ensemble, with a given spectrum."""
    from scipy.fft import irfftn, rfftn

    noise = rfftn(rng.standard_normal((n, n, n), np.float32), workers=1)
    field = irfftn(noise * np.sqrt(spectrum).astype(np.float32), s=(n, n, n), workers=1)
    weights = np.full(spectrum.shape[2], 2.0)
    weights[[0, -1]] = 1.0
    return field / np.sqrt((spectrum * weights).sum() / n**3)


def _between_spheres(rng: np.random.Generator, n: int, radius: float, fraction: float) -> np.ndarray:
    """Return the space between overlapping spheres in a periodic cube; their number is a Poisson number."""
    number = rng.poisson(-np.log(fraction) / (4 / 3 * np.pi * radius**3) * n**3)
    free = np.ones((n, n, n), bool)
    reach = int(np.ceil(radius)) + 1
    steps = np.arange(-reach, reach + 1)
    for centre in rng.random((number, 3)) * n:
        nearest = centre.astype(int)
        a, b, c = ((nearest[axis] + steps) for axis in range(3))
        d2 = (
            ((a + 0.5 - centre[0]) ** 2)[:, None, None]
            + ((b + 0.5 - centre[1]) ** 2)[None, :, None]
            + ((c + 0.5 - centre[2]) ** 2)[None, None, :]
        )
        free[np.ix_(a % n, b % n, c % n)] &= d2 > radius**2
    return free


def _matched_spectrum(n: int, radius: float, fraction: float) -> np.ndarray:
    """Return the spectrum of the Gaussian field whose cut has the two-point correlation of `_between_spheres`.

    Cut at its median, the field has S2 = 1/4 + asin(rho) / (2 pi); the volume fraction must be 1/2.
    """
    from scipy.fft import rfftn

    if fraction != 0.5:
        raise SystemExit("M: the volume fraction must be 0.5")
    d = np.minimum(np.arange(n), n - np.arange(n)).astype(float)
    r = np.sqrt(d[:, None, None] ** 2 + d[None, :, None] ** 2 + d[None, None, :] ** 2)
    eta = -np.log(fraction)
    union = np.where(r < 2 * radius, 1 + 3 * r / (4 * radius) - r**3 / (16 * radius**3), 2.0)
    s2 = np.exp(-eta * union)
    return np.maximum(rfftn(np.sin(2 * np.pi * (s2 - 0.25))).real, 0.0)


def _alike(pool: Sequence[mc.Volume], wanted: int, seed: int) -> list[mc.Volume]:
    """Choose samples whose volume fractions, and surfaces at equal fraction, scatter half as much as in the pool."""
    rng = np.random.default_rng(seed)
    results = [mc.measure(v, METRICS[:2], errors=False, threads=1) for v in pool]
    fractions = np.array([r["volume_fraction"].value(phase="pore").value for r in results])
    surfaces = [r["specific_surface_area"].value(phase="pore", estimator="crofton").value for r in results]
    residual = surfaces - np.polyval(np.polyfit(fractions, surfaces, 1), fractions)
    standard = np.stack([(x - x.mean()) / x.std() for x in (fractions, residual)], axis=1)
    left = list(range(len(pool)))
    chosen = []
    for target in rng.standard_normal((wanted, 2)) / 2:
        nearest = min(left, key=lambda i: float(np.sum((standard[i] - target) ** 2)))
        left.remove(nearest)
        chosen.append(pool[nearest])
    return chosen


# --- pairs ---------------------------------------------------------------------


def _berea(edge: int) -> list[mc.Volume]:
    folder = Path(os.environ.get("MICROCHAR_DATA", Path(__file__).parents[2] / "shared" / "data"))
    rock = mc.read_volume(folder / "berea.tif", phases={"pore": 0, "grain": 255})
    starts = product(range(0, 400 - edge + 1, edge), repeat=3)
    return [rock.crop(start, tuple(s + edge for s in start)) for start in starts]


def pairs(name: str, batch: int) -> Iterator[tuple[str, mc.Volume, list[mc.Volume], float | None]]:
    """Yield the pairs of one batch: a label, reference and candidates, and the true volume fraction if it is known."""
    first, _, second = name.partition("~")
    a = Process.parse(first)
    if a.kind == "B":
        pieces = _berea(a.edge)
        if second.strip() == "F":
            reference = pieces[batch % len(pieces)]
            fake = (
                mc.create_generator("gaussian-field").fit(reference, seed=batch).generate(reference.shape, seed=batch)
            )
            yield f"{batch}", reference, [fake], None
            return
        indices = [(i, j) for j in range(len(pieces)) for i in range(j)]
        rng = np.random.default_rng(7)
        i, j = [indices[k] for k in rng.permutation(len(indices))][batch]
        yield f"{batch}", pieces[i], [pieces[j]], None
        return
    ours = a.volumes(1000 * batch + 1)
    if not second:
        for k in range(0, 8, 2):
            yield f"{batch}.{k}", ours[k], [ours[k + 1]], a.truth
        return
    b = Process.parse(second)
    theirs = [b.group(1000 * batch + 2)] if b.samples > 1 else [[v] for v in b.volumes(1000 * batch + 2)]
    for k, candidates in enumerate(theirs):
        yield f"{batch}.{k}", ours[k], candidates, a.truth


def _compared(name: str, batch: int) -> list[dict]:
    rows = []
    name, _, more = name.partition("+")
    parameters = {"two_point_correlation": {"radial": False}}
    for label, reference, candidates, truth in pairs(name, batch):
        metrics = [*METRICS, *(["local_thickness"] if more == "L" else [])]
        metrics += ["interfacial_area", "triple_phase_boundary"] if reference.n_phases > 2 else []
        named = {f"sample {number}": volume for number, volume in enumerate(candidates)}
        comparison = mc.compare(
            *(reference, named, metrics),
            parameters=parameters,
            groups={"group": list(named)} if len(named) > 1 else None,
            transport=more == "T",
            threads=1,
        )
        phi = comparison.reference["volume_fraction"].value(phase="pore")
        # One for each axis where an image is compared with a volume.
        rows += [_row_of(label, verdict, phi, truth) for verdict in comparison.verdicts]
    return rows


def _row_of(label: str, verdict: Any, phi: Any, truth: float | None) -> dict:
    return {
        "pair": label,
        "word": str(verdict.word),
        "edge/a": verdict.edge_over_range,
        "phi": [phi.value, phi.standard_error, phi.lower, phi.upper, truth],
        "spread": verdict.spread and [verdict.spread.ratio, verdict.spread.word],
        "entries": [
            [e.metric, e.phase, e.difference, e.standard_error, e.df, e.p, e.holm_p, str(e.word)]
            for e in verdict.entries
        ],
    }


def run(name: str, wanted: int, folder: Path, workers: int) -> None:
    """Compare pairs until `wanted` are in the file of this name."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (name.replace(" ", "").replace("/", "-") + ".jsonl")
    done = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    batch = 1 + max((int(str(row["pair"]).split(".")[0]) for row in done), default=-1)
    if name.startswith("B@"):
        wanted = min(wanted, _limit(name))
    with ProcessPoolExecutor(workers) as pool:
        while len(done) < wanted:
            for rows in pool.map(partial(_compared, name), range(batch, batch + workers)):
                done += rows
                with path.open("a") as file:
                    file.writelines(json.dumps(row) + "\n" for row in rows)
            batch += workers
            print(f"{name}: {len(done)} of {wanted}", file=sys.stderr)


def _is_null(name: str) -> bool:
    first, _, second = name.partition("+")[0].partition("~")
    return not second or Process.parse(first).is_like(Process.parse(second))


def _limit(name: str) -> int:
    n = (400 // Process.parse(name.partition("+")[0].partition("~")[0]).edge) ** 3
    return n * 30 if "~" in name else n * (n - 1) // 2


# --- tables --------------------------------------------------------------------


def summary(path: Path) -> dict:
    """Return the rates of one file, in percent."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    n = len(rows)
    entries = [entry for row in rows for entry in row["entries"]]
    by_metric = {}
    for metric in dict.fromkeys(entry[0] for entry in entries):
        of_metric = [entry for entry in entries if entry[0] == metric]
        d, se = np.array([[e[2], e[3]] for e in of_metric], float).T
        by_metric[metric] = {
            "p < 0.05": 100 * np.mean([entry[5] < 0.05 for entry in of_metric]),
            "after Holm": 100 * np.mean([entry[6] < 0.05 for entry in of_metric]),
            "rms SE / SD": float(np.sqrt(np.mean(se**2)) / d.std(ddof=1)) if d.std() > 0 else float("nan"),
        }
    phi = np.array([row["phi"] for row in rows], float)
    known = np.isfinite(phi[:, 4])
    words: dict[str, int] = {}
    for row in rows:
        words[row["word"]] = words.get(row["word"], 0) + 1
    ideal = 2 * 1.96 * phi[:, 0].std(ddof=1)
    return {
        "name": path.stem,
        "pairs": n,
        "edge/a": float(np.median([row["edge/a"] or np.nan for row in rows])),
        "any difference": 100 * np.mean([any(entry[6] < 0.05 for entry in row["entries"]) for row in rows]),
        "coverage of phi": 100 * np.mean((phi[:, 2] <= phi[:, 4]) & (phi[:, 4] <= phi[:, 3])) if known.all() else None,
        "interval of phi": float(np.median(phi[:, 3] - phi[:, 2]) / ideal),
        "spread": [row["spread"][1] for row in rows if row.get("spread")],
        "metrics": by_metric,
        "words": words,
    }


def table(folder: Path) -> None:
    """Print the rates of all files in a folder."""
    for path in sorted(folder.glob("*.jsonl")):
        s = summary(path)
        error = 100 * np.sqrt(max(s["any difference"] / 100 * (1 - s["any difference"] / 100), 0.01) / s["pairs"])
        coverage = "" if s["coverage of phi"] is None else f", φ covered {s['coverage of phi']:.1f} %"
        print(
            f"{s['name']}: {s['pairs']} pairs, edge/a {s['edge/a']:.1f}, "
            f"any difference {s['any difference']:.1f} ± {error:.1f} %{coverage}, "
            f"interval of φ {s['interval of phi']:.2f} × ideal; {s['words']}"
        )
        for metric, rates in s["metrics"].items():
            print(
                "   ",
                metric,
                "  ".join(
                    f"{name} {rate:.2f}" if "SE" in name else f"{name} {rate:.1f}" for name, rate in rates.items()
                ),
            )


def rst(folder: Path) -> str:
    """Return the rates of all files in a folder as a table for the documentation."""
    head = ("pairs of", "pairs", "edge / *a*", "called different or detectable", "φ covered", "interval of φ / ideal")
    lines = [".. list-table::", "   :header-rows: 1", "", *_row(head)]
    for path in sorted(folder.glob("*.jsonl"), key=_order):
        s = summary(path)
        covered = "–" if s["coverage of phi"] is None else f"{s['coverage of phi']:.1f} %"
        rate = "{:.1f} ± {:.1f} %".format(*_rate(s["any difference"] / 100, s["pairs"]))
        interval = f"{s['interval of phi']:.2f}" if covered != "–" else "–"
        ratio = "–" if np.isnan(s["edge/a"]) else f"{s['edge/a']:.1f}"
        lines += _row((_in_words(s["name"]), str(s["pairs"]), ratio, rate, covered, interval))
        if s["spread"]:
            words = s["spread"]
            seen = "{:.1f} ± {:.1f} %".format(*_rate(1 - words.count("no difference seen") / len(words), len(words)))
            lines += _row((f"{_in_words(s['name'])}: spread", str(len(words)), "–", seen, "–", "–"))
    return "\n".join(lines) + "\n"


def _rate(share: float, n: int) -> tuple[float, float]:
    """Return a share and its standard error, in percent."""
    return 100 * share, 100 * float(np.sqrt(max(share * (1 - share), 1 / n) / n))


def _in_words(name: str) -> str:
    name = name.replace("-mask", " in a cylinder").replace("-flat", ", voxels 2 × 1 × 1")
    name = name.replace("-section", ", sections,").replace("B@", "Berea, edge ")
    name = name.replace("+T", " with transport").replace("+L", " with thickness").replace("*", " samples of ")
    return (
        name.replace("-alike", " of half the scatter")
        .replace("~F", "~its fitted Gaussian field")
        .replace("~", " against ")
    )


def figure(folder: Path, picture: Path) -> None:
    """Draw how often pairs of one process are called different at each level, and pairs of two by their difference."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(9, 3.6), layout="constrained")
    false, power = drawn.subplots(1, 2)
    levels = np.linspace(0, 0.2, 81)
    by_difference: dict[float, tuple[float, float]] = {}
    for path in sorted(folder.glob("*.jsonl"), key=_order):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        smallest = np.array([min((entry[6] for entry in row["entries"]), default=1.0) for row in rows])
        name = path.stem
        if _is_null(name.replace("-", "/")) and len(rows) >= 100:
            false.plot(100 * levels, [100 * np.mean(smallest < level) for level in levels], label=_in_words(name))
        if name.startswith("G6@64"):
            other = Process.parse(name.partition("~")[2] or "G6")
            if other.kind == "G" and name in ("G6@64", f"G6@64~G{other.length:g}@64"):
                by_difference[100 * (other.length / 6 - 1)] = _rate(float(np.mean(smallest < 0.05)), len(rows))
    false.plot([0, 20], [0, 20], color="0.6", linestyle="--", linewidth=1)
    false.set(xlabel="nominal level, %", ylabel="called different or detectable, %", title="pairs of one material")
    false.legend(fontsize=6.5, frameon=False)
    x = sorted(by_difference)
    rates, errors = zip(*(by_difference[d] for d in x), strict=True)
    power.errorbar(x, rates, errors, marker="o", capsize=3)
    power.set(xlabel="difference of ℓ, %", ylabel="called different or detectable, %", title="G6@64 against a longer ℓ")
    power.set_ylim(0, 102)
    for axes in (false, power):
        axes.spines[["top", "right"]].set_visible(False)
    drawn.savefig(picture, metadata={"Date": None})


def _row(cells: Sequence[str]) -> list[str]:
    # Without the backslash, docutils takes G6@64 for the address of a mail.
    texts = [cell.replace("@", r"\@") for cell in cells]
    return [("   * - " if number == 0 else "     - ") + text for number, text in enumerate(texts)]


def _order(path: Path) -> tuple[bool, str]:
    return "~" in path.stem, path.stem


def smoke() -> int:
    """Compare a few small pairs of one process and of two; return 1 if a rate is out of its bounds."""
    alike = [row["word"] for batch in range(4) for row in _compared("G3@40", batch)]
    apart = [row["word"] for row in _compared("G3@48 ~ G4@48", 0)]
    false = sum(word in _SEEN for word in alike)
    seen = sum(word in _SEEN for word in apart)
    print(f"G3@40: {false} of {len(alike)} called different; G3@48 ~ G4@48: {seen} of {len(apart)}")
    # At 5 %, more than 4 of 16 are a chance of 1 in 1000.
    return int(false > 4 or seen < len(apart) - 2)


def main() -> int:
    """Run one of the commands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("run", "all", "table", "rst", "figure", "smoke"))
    parser.add_argument("name", nargs="?", default="", help="pair to run, or folder of the table")
    parser.add_argument("--pairs", type=int, default=240)
    parser.add_argument("--into", type=Path, default=Path("calibration"))
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    if options.command == "table":
        table(Path(options.name or options.into))
    elif options.command == "rst":
        print(rst(Path(options.name or options.into)), end="")
    elif options.command == "figure":
        figure(Path(options.name or options.into), Path("calibration.svg"))
    elif options.command == "smoke":
        return smoke()
    elif options.command == "run":
        run(options.name, options.pairs, options.into, options.workers)
    else:
        for name in (*NULL, *DIFFERENT):
            run(name, options.pairs if _is_null(name) else min(options.pairs, 100), options.into, options.workers)
        table(options.into)
    return 0


if __name__ == "__main__":
    sys.exit(main())
