"""Fit every generator to real volumes, and compare its volumes with held-out parts of them.

    python examples/compare_generators.py --quick       a trial: small volumes, one sample each
    python examples/compare_generators.py               full tables and pictures

Each real volume is cut into blocks: one for training, the others held out. Every generator that can be fitted and is
usable here makes volumes of the same size. Two volumes of the same material differ too, so a difference alone means
little: the tables give the mean distance, as each metric defines it, between generated and held-out volumes, divided
by the mean distance between the real blocks. A value of 1 is as good as another piece of the material. A generator
passes if it is not much farther from the real blocks than the most unusual of them is from the others.
Fits and generation run in separate processes, as `microchar fit` and `microchar generate`, so that time and peak
memory are those a user sees, with kernels compiled beforehand. The memory needs a Unix system.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import numpy as np

import microchar as mc
from microchar.core.volume import Volume
from microchar.generation.catalogue import generator_specs
from microchar.metrics import find_metric, metric_names

ROOT = Path(__file__).parent.parent
MATERIALS = {"berea": "berea", "nmc": "nmc_cathode", "separator": "separator"}
#: Metrics that are slow or derived from others; not in the tables unless requested.
SKIP = (
    *("effective_diffusivity", "tortuosity_factor", "formation_factor", "local_thickness", "intrusion"),
    *("pair_correlation", "anisotropy_index"),
)
PAIRS = ("ssim", "psnr")
#: Allowed distance from the held-out blocks, relative to that of the most unusual real block from the others.
MARGIN = 1.25
#: Smallest distance between real blocks, relative to the value.
LEAST = 0.005
#: Smallest and largest number of real blocks; in small volumes the blocks are made smaller.
BLOCKS = (3, 5)
#: Parameter for the volume fraction of phase 1 of generators that cannot be fitted.
FRACTION = {"porespy:blobs": "porosity"}

#: A small process between this one and the command, because peak memory includes that of the parent process.
LAUNCH = """
import subprocess, sys, time
try:
    from resource import RUSAGE_CHILDREN, getrusage
except ImportError:  # Windows
    getrusage = None
began = time.monotonic()
command = [sys.executable, "-m", "microchar", *sys.argv[2:]]
try:
    done = subprocess.run(command, stdout=subprocess.DEVNULL, timeout=float(sys.argv[1]))
except subprocess.TimeoutExpired:
    sys.exit(f"{sys.argv[2]} took more than {sys.argv[1]} s")
print(time.monotonic() - began, getrusage(RUSAGE_CHILDREN).ru_maxrss if getrusage else "nan")
sys.exit(done.returncode)
"""


@dataclass
class Family:
    """The results of one generator for one material."""

    name: str
    fit_s: float = 0.0
    generate_s: float = 0.0
    memory_mb: float = 0.0
    failure: str = ""
    files: list[Path] = field(default_factory=list)
    ratios: dict[str, float] = field(default_factory=dict)
    passes: dict[str, bool] = field(default_factory=dict)


def main() -> None:
    """Run all materials and write the tables."""
    options = parse()
    tables = []
    for material in options.materials:
        folder = options.work / material
        folder.mkdir(parents=True, exist_ok=True)
        blocks = cut(mc.read_volume(options.data / f"{MATERIALS[material]}.tif"), options.size)
        mc.write_volume(blocks[0], folder / "train.tif")
        families = [Family("the block trained on", files=[folder / "train.tif"])]
        families += [run(name, folder, blocks[0], options) for name in generators(blocks[0], options)]
        judge(material, folder, blocks, families, options)
        tables.append((material, blocks, families))
        options.output.mkdir(parents=True, exist_ok=True)
        # Written after each material, so that an interrupted run keeps its results.
        write_csv(options.output / "generators_table.csv", tables)
        write_rst(options.output / "generators_table.rst", tables)
        picture(options.output / "_static" / f"generators_{material}.png", blocks, families)
    print(options.output / "generators_table.rst")


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data = os.environ.get("MICROCHAR_DATA", ROOT.parent / "shared" / "data")
    parser.add_argument("--data", type=Path, default=Path(data), help="folder of the real volumes")
    parser.add_argument("--materials", nargs="+", choices=MATERIALS, default=list(MATERIALS))
    parser.add_argument("--generators", nargs="+", help="default: all that can be fitted and are usable here")
    parser.add_argument("--size", type=int, default=128, help="edge of a block in voxels")
    parser.add_argument("-n", type=int, default=2, help="volumes made by each generator")
    parser.add_argument("--timeout", type=float, default=1800, help="seconds that a fit or a generation may take")
    parser.add_argument("--with-slow-metrics", action="store_true", help=f"also {', '.join(SKIP)}")
    parser.add_argument("--quick", action="store_true", help="blocks of 48, one volume each")
    parser.add_argument("--work", type=Path, default=Path("generators-out"), help="models, volumes and reports")
    parser.add_argument("--output", type=Path, help="tables and pictures (default: as --work)")
    options = parser.parse_args()
    if options.quick:
        options.size, options.n = min(options.size, 48), 1
    options.output = options.output or options.work
    return options


def generators(train: Volume, options: argparse.Namespace) -> list[str]:
    """Return the generators to compare, baselines first."""
    able = [name for name, spec in generator_specs().items() if "volume" in spec.inputs and not spec.missing()]
    if train.n_phases == 2:
        able += [name for name in FRACTION if not generator_specs()[name].missing()]
    trivial = ("shuffle", "bootstrap")
    return sorted(options.generators or able, key=lambda name: (name not in trivial, name))


def cut(volume: Volume, size: int) -> list[Volume]:
    """Return disjoint blocks, the first for training; shorter along the longest axis if there would be too few."""
    shape = [min(size, n) for n in volume.shape]
    if np.prod([n // length for n, length in zip(volume.shape, shape, strict=True)]) < BLOCKS[0]:
        longest = int(np.argmax(volume.shape))
        shape[longest] = volume.shape[longest] // BLOCKS[0]
    starts = list(product(*(range(0, n - length + 1, length) for n, length in zip(volume.shape, shape, strict=True))))
    # Spread over the volume, including the first and the last corner.
    chosen = [starts[i] for i in np.unique(np.linspace(0, len(starts) - 1, BLOCKS[1]).astype(int))]
    return [volume.crop(start, [a + n for a, n in zip(start, shape, strict=True)]) for start in chosen]


# --- one generator -----------------------------------------------------------


def run(name: str, folder: Path, train: Volume, options: argparse.Namespace) -> Family:
    """Fit one generator and make volumes, in separate processes."""
    family = Family(name)
    stem = name.replace(":", "-")
    model, fakes = folder / f"{stem}.safetensors", folder / "fakes"
    fit = ["fit", name, str(folder / "train.tif"), "-o", str(model), "--quiet"]
    make = ["generate", str(model), "--seed", "1", "-o", str(fakes), "--quiet", "--shape"]
    if name in FRACTION:
        make[1:2] = [name, "--set", f"{FRACTION[name]}={np.mean(train.read() == 1)}"]
    shape = ",".join(map(str, train.shape))
    fit_mb = 0.0
    try:
        if name not in FRACTION:
            if not options.quick:
                # This and the next extra command compile the kernels.
                command([*fit, "--crop", "0:48,0:48,0:48"], options.timeout)
            family.fit_s, fit_mb = command(fit, options.timeout)
        if not options.quick:
            command([*make, "48,48,48"], options.timeout)
        seconds, make_mb = command([*make, shape, "-n", str(options.n)], options.timeout)
    except RuntimeError as error:
        family.failure = str(error)
        print(f"{train.name}: {name}: {error}")
        return family
    family.generate_s = seconds / options.n
    family.memory_mb = max(fit_mb, make_mb)
    family.files = [fakes / f"{stem}-{1 + i}.tif" for i in range(options.n)]
    print(f"{train.name}: {name}: fit {family.fit_s:.1f} s, {family.generate_s:.1f} s each, {family.memory_mb:.0f} MB")
    return family


def command(arguments: list[str], timeout: float) -> tuple[float, float]:
    """Run a command; return seconds and peak memory in MB, or raise RuntimeError with its message."""
    done = subprocess.run(
        [sys.executable, "-c", LAUNCH, str(timeout), *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["failed"])[-1].removeprefix("microchar: "))
    seconds, memory = map(float, done.stdout.split())
    return seconds, memory / (2**20 if sys.platform == "darwin" else 2**10)


# --- how near it comes -------------------------------------------------------


def judge(
    material: str, folder: Path, blocks: list[Volume], families: list[Family], options: argparse.Namespace
) -> None:
    """Measure all volumes, write the report, and relate the distances of each family to those between real blocks."""
    held_out, train = blocks[1:], blocks[0]
    fakes = {path: mc.read_volume(path) for family in families[1:] for path in family.files}
    left_out = () if options.with_slow_metrics else SKIP
    skip = [name for name in (*PAIRS, *left_out) if name in metric_names()]
    began = time.monotonic()
    found = mc.compare(held_out[0], [*held_out[1:], train, *fakes.values()], skip=skip)
    mc.write_report(found, folder / "report")
    print(f"{material}: measured in {time.monotonic() - began:.0f} s, {folder / 'report' / 'report.html'}")
    measured = [found.reference, *found.candidates]
    real = measured[: len(blocks)]
    made = dict(zip([*families[0].files, *fakes], measured[len(held_out) :], strict=True))
    for name, result in found.reference.items():
        if result.status != "ok" and not result.values and not result.profiles:
            continue
        metric = find_metric(name)()
        between = np.array([[metric.distance(a[name], b[name]) for a in real] for b in real])
        from_others = between.sum(axis=0) / (len(real) - 1)
        floor = max(float(from_others.mean()), LEAST * largest(result))
        for family in families:
            pairs = product([made[path] for path in family.files], real[:-1])
            distances = [metric.distance(fake[name], other[name]) for fake, other in pairs]
            if distances:
                family.ratios[name] = float(np.mean(distances) / floor)
                family.passes[name] = bool(np.mean(distances) <= MARGIN * max(from_others.max(), floor))


def largest(result: mc.Result) -> float:
    """Return the largest absolute value of a result."""
    values = [abs(value.value) for value in result.values if value.value is not None]
    peaks = [float(np.nanmax(np.abs(profile.y))) for profile in result.profiles if len(profile.y)]
    return max(peaks or values, default=1.0)


# --- tables and pictures -----------------------------------------------------


def write_csv(path: Path, tables: list) -> None:
    """Write one row for each material, generator and metric."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(
            ["material", "generator", "fit_s", "generate_s", "memory_mb", "metric", "ratio", "passes", "failure"]
        )
        for material, _, families in tables:
            for f in families:
                about = [material, f.name, f"{f.fit_s:.2f}", f"{f.generate_s:.2f}", f"{f.memory_mb:.0f}"]
                rows = [[*about, name, f"{ratio:.3g}", f.passes[name], ""] for name, ratio in f.ratios.items()]
                table.writerows(rows or [[*about, "", "", "", f.failure]])


def write_rst(path: Path, tables: list) -> None:
    """Write a table for each material, and what passes in words."""
    lines = [":orphan:", "", ".. Written by examples/compare_generators.py.", ""]
    for material, blocks, families in tables:
        shape = " × ".join(map(str, blocks[0].shape))
        done = [family for family in families if not family.failure]
        metrics = list(dict.fromkeys(name for family in done for name in family.ratios))
        lines += [material, "~" * len(material), ""]
        lines += [f"Blocks of {shape} voxels; one to train on, {len(blocks) - 1} held out.", ""]
        lines += [".. list-table::", "   :header-rows: 1", ""]
        rows = [["", *(family.name for family in done)]]
        rows += [[name.replace("_", " "), *(cell(family, name) for family in done)] for name in metrics]
        rows += [["fit", *(duration(family.fit_s) for family in done)]]
        rows += [["a volume", *(duration(family.generate_s) for family in done)]]
        rows += [["peak memory", *(f"{family.memory_mb:.0f} MB" if family.memory_mb else "–" for family in done)]]
        for row in rows:
            lines += [f"   {'* -' if i == 0 else '  -'} {text}" for i, text in enumerate(row)]
        lines += ["", *(sentence(family) for family in families[1:]), ""]
        lines += [f".. image:: _static/generators_{material}.png", "   :width: 100%", ""]
    path.write_text("\n".join(lines), encoding="utf-8")


def duration(seconds: float) -> str:
    """Format a time; a dash if there is none."""
    return f"{seconds:.1f} s" if seconds else "–"


def cell(family: Family, name: str) -> str:
    """Format a ratio, strong if it passes."""
    ratio = family.ratios[name]
    text = f"{ratio:.1f}" if ratio < 100 else f"{ratio:.0f}"
    return f"**{text}**" if family.passes[name] else text


def sentence(family: Family) -> str:
    """Return a sentence that names what passes and what fails."""
    if family.failure:
        return f"- **{family.name}**: {family.failure}"
    words = {passes: [name.replace("_", " ") for name, p in family.passes.items() if p == passes] for passes in (1, 0)}
    return f"- **{family.name}** passes {listed(words[1])}; fails {listed(words[0])}."


def listed(texts: list[str]) -> str:
    """Join texts to a list in a sentence."""
    return " and ".join(filter(None, [", ".join(texts[:-1]), *texts[-1:]])) or "nothing"


def picture(path: Path, blocks: list[Volume], families: list[Family]) -> None:
    """Draw the middle slices normal to axis 1 of the real blocks and of the first volume of each family."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    shown = {"real: trained on": blocks[0], "real: held out": blocks[1]}
    shown |= {family.name: mc.read_volume(family.files[0]) for family in families[1:] if family.files}
    columns = 5
    figure, axes = plt.subplots(-(-len(shown) // columns), columns, figsize=(10, 2.2 * -(-len(shown) // columns)))
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (title, volume) in zip(axes.flat, shown.items(), strict=False):
        axis.imshow(volume.read()[:, volume.shape[1] // 2], cmap="cividis", vmin=0, vmax=volume.n_phases - 1)
        axis.set_title(title, fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
