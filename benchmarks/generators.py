"""Fit generators to a part of a real volume, and judge their samples by another part of it.

    python benchmarks/generators.py berea --seeds 0 1 2 --minutes 30
    python benchmarks/generators.py ketton nmc --families sdf-flow --set steps=1400
    python benchmarks/generators.py berea --families all --minutes 10 --samples 64       the table of all families
    python benchmarks/generators.py berea ketton --families all --samples 64 --table docs/generators/table.inc
    python benchmarks/generators.py berea --model berea              judge a bundled model instead of fitting one
    python benchmarks/generators.py berea --bundle                   and copy the best model into the package

Judged are distances to the held-out part in units of those between its own pieces, the verdict, connectivity,
transport, and copying. The training slab is judged too, for scale. Fits are `microchar fit`, and are resumed if they
were interrupted; what is finished is not done again. Models and results (JSON) are below --work, in
MATERIAL/FAMILY-SEED/. Samples are cut from periodic volumes of twice the edge of the blocks, eight from each.
OMP_NUM_THREADS sets the number of threads.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from bundling import bundle
from generator_table import table

import microchar as mc
from microchar.comparison.held_out import DEFAULT_METRICS, HeldOut
from microchar.comparison.nearest_patches import memorisation
from microchar.core.volume import Volume
from microchar.generation.generator import Generator
from microchar.generation.loading import load_generator
from microchar.generation.models import load_model
from microchar.metrics.effective_diffusivity import EffectiveDiffusivity
from microchar.metrics.permeability import Permeability

ROOT = Path(__file__).parents[1]
#: Real blocks and pieces of the training slab that are measured.
BLOCKS = 16
#: Edge and number of the patches of the search for copies, and longest edge of the searched pieces.
PATCH, PATCHES, LONGEST = 16, 96, 144
#: Scalars of the first phase that are printed beside the distances: metric, feature and estimator.
SCALARS = {
    "φ": ("volume_fraction", "", ""),
    "percolating": ("percolating_fraction", "", ""),
    "D_eff": ("effective_diffusivity", "", ""),
    "k": ("permeability", "", "edt_darcy"),
    "Euler": ("euler_characteristic", "connectivity_6", "half_open"),
    "thickness q0.1": ("local_thickness", "quantile_0.1", ""),
}


@dataclass(frozen=True)
class Material:
    """A real volume; fits see it up to a plane, and are judged from another one on."""

    file: str
    axis: int
    train: int
    test: int
    edge: int = 64
    anisotropic: bool = False
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Family:
    """A generator with settings; networks are fitted for the given minutes."""

    generator: str
    settings: tuple[str, ...] = ()
    network: bool = False


MATERIALS = {
    "berea": Material("berea.tif", 0, 200, 240),
    "ketton": Material("ketton.tif", 0, 152, 184),
    "nmc": Material("nmc_cathode.tif", 1, 197, 237, anisotropic=True),
    "separator": Material("separator.tif", 0, 68, 108, edge=32, anisotropic=True, settings=("crop_size=64", "batch=6")),
    "anisotropic-field": Material("", 0, 112, 144, anisotropic=True),
}
FAMILIES = {
    name: Family(name, network=True) for name in ("sdf-flow", "unet-gan", "slicegan", "dcgan-3d", "vae-gan", "rnn")
} | {
    "gaussian-field": Family("gaussian-field"),
    "annealing": Family("annealing"),
    "annealing, joined": Family("annealing", ("join_clusters=true",)),
    "multiple-point": Family("multiple-point"),
    "ccsim": Family("multiple-point", ("mode=ccsim",)),
    "overlapping-spheres": Family("overlapping-spheres"),
    "bootstrap": Family("bootstrap"),
    "shuffle": Family("shuffle"),
}


def main() -> None:
    """Fit and judge what is asked for."""
    options = parse()
    for name in options.materials:
        material = MATERIALS[name]
        whole = mc.read_volume(source(options, name))
        train, test = slab(whole, material, 0, material.train), slab(whole, material, material.test, None)
        held_out = _HeldOutOnce(test, options.edge or material.edge)
        report(options, name, None, held_out, train)
        for family, seed in product(options.families, options.seeds):
            try:
                report(options, name, (family, seed), held_out, train)
            except (mc.MicrocharError, subprocess.CalledProcessError) as error:
                print(f"{name}, {family}-{seed}: {error}", file=sys.stderr, flush=True)
    if options.table:
        options.table.write_text(table(options.work, options.materials, list(FAMILIES)), encoding="utf-8")
    if options.bundle:
        bundle(options.work, options.materials, ROOT / "src")


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = os.environ.get("MICROCHAR_DATA", ROOT.parent / "shared" / "data")
    parser.add_argument("materials", nargs="+", choices=MATERIALS)
    parser.add_argument("--families", nargs="+", default=["sdf-flow"], choices=[*FAMILIES, "all"])
    parser.add_argument("--model", help="name of a bundled model to judge")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--minutes", type=float, default=30.0, help="time of each fit of a network")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a parameter of the generators")
    parser.add_argument("--edge", type=int, help="edge of the blocks in voxels (default 64; 32 for small volumes)")
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--data", type=Path, default=Path(data), help="folder of the real volumes")
    parser.add_argument("--work", type=Path, default=Path("generators-out"), help="models and results")
    parser.add_argument("--report", action="store_true", help="write the report of each family too")
    parser.add_argument("--table", type=Path, help="write what is below --work as a table of the documentation")
    parser.add_argument("--bundle", action="store_true", help="copy the best model of each material into the package")
    options = parser.parse_args()
    if options.model:
        options.families = [options.model]
    elif "all" in options.families:
        options.families = list(FAMILIES)
    return options


def source(options: argparse.Namespace, name: str) -> Path:
    """Return the file of a material; the anisotropic field is made, if it is not there."""
    if MATERIALS[name].file:
        return options.data / MATERIALS[name].file
    path = options.work / name / "field.tif"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        field = mc.generators.cut_gaussian_field(
            (256, 128, 128), covariance="matern", correlation_length=(12.0, 6.0, 6.0), volume_fraction=0.35, seed=0
        )
        mc.write_volume(field, path)
    return path


def slab(whole: Volume, material: Material, start: int, stop: int | None) -> Volume:
    """Return the planes of a volume from one to another along the axis of the material."""
    first, last = [0, 0, 0], list(whole.shape)
    first[material.axis] = start
    last[material.axis] = stop or whole.shape[material.axis]
    return whole.crop(first, last)


class _HeldOutOnce:
    """Blocks of the test slab, measured when they are first needed."""

    def __init__(self, test: Volume, edge: int):
        self.test, self.edge = test, edge
        self._measured: HeldOut | None = None

    def score(self, made: list[Volume]) -> Any:
        if self._measured is None:
            pore = (self.test.phases[0],)
            flow = Permeability(flowing=pore, estimators=("edt_darcy",))
            metrics = [*DEFAULT_METRICS, "local_thickness", EffectiveDiffusivity(conducting=pore), flow]
            self._measured = HeldOut(self.test, (self.edge,) * 3, metrics, most=BLOCKS)
        return self._measured.score(made)


def report(
    options: argparse.Namespace, name: str, made_by: tuple[str, int] | None, held_out: _HeldOutOnce, train: Volume
) -> None:
    """Judge a family and seed, or the training slab for None, unless that was done; print the result."""
    label = f"{made_by[0]}-{made_by[1]}" if made_by else "training-slab"
    path = options.work / name / label / f"result-{held_out.edge}-{options.samples}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made, costs = samples(options, name, *made_by, held_out.edge) if made_by else (pieces(train, held_out.edge), {})
        path.write_text(json.dumps(judged(made, held_out, train) | costs, indent=1), encoding="utf-8")
        if options.report:
            write_report(path.with_suffix(""), label, made, held_out.test)
    print_result(f"{name}, {label}", json.loads(path.read_text(encoding="utf-8")))


def write_report(folder: Path, label: str, made: list[Volume], test: Volume) -> None:
    """Write the report of volumes as one group, with the verdict."""
    named = {f"{label}, {number}": volume for number, volume in enumerate(made, 1)}
    diffusion = {"effective_diffusivity.conducting": (test.phases[0],)}
    compared = mc.compare(test, named, parameters=diffusion, groups={label: list(named)}, transport=True)
    mc.write_report(compared, folder)


# --- volumes ------------------------------------------------------------------


def samples(
    options: argparse.Namespace, name: str, family: str, seed: int, edge: int
) -> tuple[list[Volume], dict[str, Any]]:
    """Fit a model if there is none yet, and return samples of it, with the cost of both."""
    costs: dict[str, Any] = {}
    generator = load_model(options.model) if options.model else fitted(options, name, family, seed, costs)
    count = math.ceil(options.samples / 8)
    began = time.process_time()
    volumes = [
        generator.generate((2 * edge,) * 3, seed=100 * seed + i, periodic=generator.spec.periodic_axes)
        for i in range(count)
    ]
    costs["generate_cpu_s"] = round((time.process_time() - began) / count, 1)
    kept = ("steps", "minutes", "loss", "machine", "warnings")
    made = [piece for volume in volumes for piece in pieces(volume, edge, 8)][: options.samples]
    return made, costs | {"history": {key: generator.history[key] for key in kept if key in generator.history}}


def fitted(options: argparse.Namespace, name: str, family: str, seed: int, costs: dict[str, Any]) -> Generator:
    """Return the model of a material, family and seed; fit it first, or continue its fit."""
    model = options.work / name / f"{family}-{seed}" / "model.safetensors"
    if not model.exists():
        given = [word for one in fit_settings(options, name, FAMILIES[family]) for word in ("--set", one)]
        material = MATERIALS[name]
        box = ",".join(f"0:{material.train}" if axis == material.axis else ":" for axis in range(3))
        words = ["fit", FAMILIES[family].generator, str(source(options, name)), "--crop", box, "--seed", str(seed)]
        words += [*given, "-o", str(model)]
        if (model.with_suffix(".fit") / "checkpoint.safetensors").exists():
            words.append("--resume")
        fit = subprocess.Popen([sys.executable, "-m", "microchar", *words])
        _, status, usage = os.wait4(fit.pid, 0)
        if status:
            raise subprocess.CalledProcessError(os.waitstatus_to_exitcode(status), words)
        costs |= {"fit_cpu_s": round(usage.ru_utime, 1), "fit_peak_gb": round(usage.ru_maxrss / 1e6, 2)}
    return load_generator(model)


def fit_settings(options: argparse.Namespace, name: str, family: Family) -> Iterator[str]:
    """Yield the settings of a fit: those of the family, of the material if it knows them, and those given."""
    material = MATERIALS[name]
    yield from family.settings
    if family.network:
        yield f"minutes={options.minutes:g}"
        if material.anisotropic:
            yield "anisotropic=true"
        if family.generator == "sdf-flow":
            yield from material.settings
    yield from options.set


def pieces(volume: Volume, edge: int, most: int = BLOCKS) -> list[Volume]:
    """Return disjoint cubes spread over a volume; shorter where the volume is."""
    lengths = [min(edge, n) for n in volume.shape]
    starts = list(product(*(range(0, n - length + 1, length) for n, length in zip(volume.shape, lengths, strict=True))))
    chosen = np.unique(np.linspace(0, len(starts) - 1, most).round().astype(int))
    return [volume.crop(starts[i], [a + n for a, n in zip(starts[i], lengths, strict=True)]) for i in chosen]


# --- results ------------------------------------------------------------------


def judged(made: list[Volume], held_out: _HeldOutOnce, train: Volume) -> dict[str, Any]:
    """Return the score of volumes, some of their scalars, and the share of patches nearer to the training slab."""
    score = held_out.score(made)
    edges = [min(a, b, LONGEST) for a, b in zip(train.shape, held_out.test.shape, strict=True)]
    known, unseen = (part.crop((0, 0, 0), edges) for part in (train, held_out.test))
    copies = memorisation(made, known, unseen, patch=min(PATCH, *edges), patches=PATCHES)
    scalars: dict[str, list[dict[str, float | None]]] = {
        shown: [
            {key: getattr(one, key) for key in ("reference", "reference_spread", "sample", "sample_spread", "z")}
            for one in score.scalars
            if (one.metric, one.feature, one.estimator) == wanted and one.phase == held_out.test.phases[0]
        ]
        for shown, wanted in SCALARS.items()
    }
    return {
        "total": score.total,
        "spread": score.spread,
        "verdict": score.verdict.to_dict() if score.verdict else None,
        "ratios": score.ratios,
        "scalars": scalars,
        "nearer_to_training": copies.nearer_to_training,
        "nearer_error": copies.standard_error,
        "samples": len(made),
    }


def print_result(label: str, result: dict[str, Any]) -> None:
    """Print a result in a few lines."""
    head = np.mean([result["ratios"][metric] for metric in DEFAULT_METRICS[:8] if metric in result["ratios"]])
    print(
        f"{label}: total {result['total']:.2f}, headline ratios {head:.2f}, spread {result['spread']:.2f}, nearer to "
        f"training {result['nearer_to_training']:.2f} ± {result['nearer_error']:.2f}"
    )
    for name, along in result["scalars"].items():
        pairs = [f"{one['sample']:.3g}±{one['sample_spread']:.2g} ({one['reference']:.3g})" for one in along]
        print(f"  {name} (real): {', '.join(pairs)}")
    if result["verdict"]:
        print(f"  verdict: {result['verdict']['word']}: {result['verdict']['sentence']}")
    chosen = ("largest_cluster_fraction", "percolating_fraction", "effective_diffusivity", "euler_characteristic")
    print("  ratios:", ", ".join(f"{metric} {result['ratios'][metric]:.2f}" for metric in chosen), flush=True)


if __name__ == "__main__":
    main()
