"""Fit a generator to a part of a real volume, and judge its samples by another part: distances, connectivity, copying.

    python benchmarks/generators.py berea --seeds 0 1 2 --minutes 30
    python benchmarks/generators.py ketton nmc --generator sdf-flow --set steps=1400
    python benchmarks/generators.py berea --model berea              judge a bundled model instead of fitting one

Fits are `microchar fit`, and are resumed if they were interrupted; what is finished is not done again. Models and
results (JSON) are below --work, in MATERIAL/GENERATOR-SEED/. Samples are cut from periodic volumes of twice the edge of
the blocks, eight from each. The training slab is judged too, for scale. OMP_NUM_THREADS sets the
number of threads.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

import microchar as mc
from microchar.comparison.held_out import DEFAULT_METRICS, HeldOut
from microchar.comparison.nearest_patches import memorisation
from microchar.core.volume import Volume
from microchar.generation.generator import Generator
from microchar.generation.loading import load_generator
from microchar.generation.models import load_model
from microchar.metrics.effective_diffusivity import EffectiveDiffusivity

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
    settings: tuple[str, ...] = ()


MATERIALS = {
    "berea": Material("berea.tif", 0, 200, 240),
    "ketton": Material("ketton.tif", 0, 152, 184),
    "nmc": Material("nmc_cathode.tif", 1, 197, 237, settings=("anisotropic=true",)),
    "separator": Material(
        "separator.tif", 0, 68, 108, edge=32, settings=("anisotropic=true", "crop_size=64", "batch=6")
    ),
}


def main() -> None:
    """Fit and judge what is asked for."""
    options = parse()
    for name in options.materials:
        material = MATERIALS[name]
        whole = mc.read_volume(options.data / material.file)
        train, test = slab(whole, material, 0, material.train), slab(whole, material, material.test, None)
        held_out = _HeldOutOnce(test, options.edge or material.edge)
        report(options, name, None, held_out, train)
        for seed in options.seeds:
            report(options, name, seed, held_out, train)


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = os.environ.get("MICROCHAR_DATA", ROOT.parent / "shared" / "data")
    parser.add_argument("materials", nargs="+", choices=MATERIALS)
    parser.add_argument("--generator", default="sdf-flow")
    parser.add_argument("--model", help="name of a bundled model to judge")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--minutes", type=float, help="time of each fit, for generators that take one")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a parameter of the generator")
    parser.add_argument("--edge", type=int, help="edge of the blocks in voxels (default 64; 32 for small volumes)")
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--data", type=Path, default=Path(data), help="folder of the real volumes")
    parser.add_argument("--work", type=Path, default=Path("generators-out"), help="models and results")
    return parser.parse_args()


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
            transport = EffectiveDiffusivity(conducting=(self.test.phases[0],))
            metrics = [*DEFAULT_METRICS, "local_thickness", transport]
            self._measured = HeldOut(self.test, (self.edge,) * 3, metrics, most=BLOCKS)
        return self._measured.score(made)


def report(options: argparse.Namespace, name: str, seed: int | None, held_out: _HeldOutOnce, train: Volume) -> None:
    """Judge a model, or the training slab for None, unless that was done; print the result."""
    label = "training-slab" if seed is None else f"{options.model or options.generator}-{seed}"
    path = options.work / name / label / f"result-{held_out.edge}-{options.samples}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = {"made": pieces(train, held_out.edge)} if seed is None else samples(options, name, seed, held_out.edge)
        result = judged(made.pop("made"), held_out, train) | made
        path.write_text(json.dumps(result, indent=1), encoding="utf-8")
    print_result(f"{name}, {label}", json.loads(path.read_text(encoding="utf-8")))


# --- volumes ------------------------------------------------------------------


def samples(options: argparse.Namespace, name: str, seed: int, edge: int) -> dict[str, Any]:
    """Fit a model if there is none yet, and return samples of it."""
    generator = load_model(options.model) if options.model else fitted(options, name, seed)
    count = math.ceil(options.samples / 8)
    began = time.process_time()
    volumes = [
        generator.generate((2 * edge,) * 3, seed=100 * seed + i, periodic=generator.spec.periodic_axes)
        for i in range(count)
    ]
    seconds = (time.process_time() - began) / count
    kept = ("steps", "minutes", "loss", "machine", "warnings")
    made = [piece for volume in volumes for piece in pieces(volume, edge, 8)][: options.samples]
    history = {key: generator.history[key] for key in kept if key in generator.history}
    return {"made": made, "generate_cpu_s": round(seconds, 1), "history": history}


def fitted(options: argparse.Namespace, name: str, seed: int) -> Generator:
    """Return the model of a material and seed; fit it first, or continue its fit."""
    material = MATERIALS[name]
    model = options.work / name / f"{options.generator}-{seed}" / "model.safetensors"
    if not model.exists():
        box = ",".join(f"0:{material.train}" if axis == material.axis else ":" for axis in range(3))
        given = [*options.set, *material.settings, *([f"minutes={options.minutes:g}"] if options.minutes else [])]
        words = ["fit", options.generator, str(options.data / material.file), "--crop", box, "--seed", str(seed)]
        words += [word for one in given for word in ("--set", one)]
        words += ["-o", str(model)]
        if (model.with_suffix(".fit") / "checkpoint.safetensors").exists():
            words.append("--resume")
        subprocess.run([sys.executable, "-m", "microchar", *words], check=True)
    return load_generator(model)


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
    chosen = ("largest_cluster_fraction", "percolating_fraction", "effective_diffusivity", "euler_characteristic")
    print("  ratios:", ", ".join(f"{metric} {result['ratios'][metric]:.2f}" for metric in chosen), flush=True)


if __name__ == "__main__":
    main()
