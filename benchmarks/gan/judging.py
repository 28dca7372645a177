"""Scores: distances of samples to the test slab, memorisation of the training slab, SSIM and PSNR."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from plan import MATERIALS, ROWS, Run
from training import command, parts

import microchar as mc
from microchar.comparison.held_out import DEFAULT_METRICS, MOST_BLOCKS, HeldOut
from microchar.comparison.nearest_patches import memorisation
from microchar.comparison.score import Score
from microchar.core.volume import Volume
from microchar.generation.loading import load_generator
from microchar.measurement.metric import Metric
from microchar.metrics.effective_diffusivity import EffectiveDiffusivity
from microchar_gan.tiling.halo import seam_mismatch

#: Thickness and transport, which no training and no total uses.
BEYOND = ("local_thickness", "effective_diffusivity")
METRICS = (*DEFAULT_METRICS, *BEYOND)
#: Edges of generated volumes are multiples of it, so that every network can make them periodic, without a halo.
UNIT = 32
#: Edge and number of the patches for memorisation, and longest edge of the searched pieces.
PATCH, PATCHES, LONGEST = 16, 96, 144
#: Shape of a volume that is made at once and in tiles, to test the halo, and edge of the tiles.
SEAMS, TILE = (320, 64, 64), 64
#: Pairs of blocks for SSIM and PSNR.
PAIRS = 8
THREADS = int(os.environ.get("OMP_NUM_THREADS", 0)) or None


class Judge:
    """Scores of models against the test slab of a material, which is measured on first use."""

    def __init__(self, material: str, size: int | None, data: Path, work: Path):
        self.material, self.work = material, work
        self.size = size or MATERIALS[material].size
        self.train, self.test = parts(material, data, work)
        self._held_out: HeldOut | None = None

    @property
    def held_out(self) -> HeldOut:
        """Blocks of the test slab."""
        if self._held_out is None:
            metrics = [self._transport() if name == "effective_diffusivity" else name for name in METRICS]
            self._held_out = HeldOut(self.test, (self.size,) * 3, metrics, threads=THREADS)
        return self._held_out

    def _transport(self) -> Metric:
        # All phases and axes would take longer than everything else: the first phase (pores) along axis 0 only.
        return EffectiveDiffusivity(axes=(0,), conducting=(self.test.phases[0],))

    # --- real material ---

    def judge_real(self) -> None:
        """Score the training slab as if it had been generated, and a block of the majority phase by SSIM and PSNR."""
        path = self.work / self.material / f"real-{self.size}.json"
        if self._is_done(path, MOST_BLOCKS):
            return
        tested, trained = blocks(self.test, self.size), blocks(self.train, self.size)
        score = self.held_out.score(trained)
        majority = replace(tested[0], values=np.full_like(tested[0].values, self._majority()))
        result = {
            **self._asked(MOST_BLOCKS),
            "blocks": self.held_out.blocks(),
            "notes": list(self.held_out.notes),
            **scored(score),
            "likeness": likeness(tested, trained),
            "majority": likeness(tested, [majority] * len(tested)),
            **self._memorised([self._piece(self.train, last=True)] if self._has_third() else []),
        }
        path.write_text(json.dumps(result, indent=1, allow_nan=False), encoding="utf-8")

    def _majority(self) -> int:
        shares = [np.mean(self.test.values == grey) for grey in self.test.grey_values]
        return self.test.grey_values[int(np.argmax(shares))]

    # --- a model ---

    def judge(self, run: Run, samples: int) -> None:
        """Generate samples of a model and score them, unless that was done."""
        path = run.folder / f"score-{self.size}.json"
        learns = ROWS[run.row].learns
        if not run.model.exists() or self._is_done(path, samples, "seams" if learns else "score"):
            return
        made, seconds = self._generate(run, samples)
        if not made:
            return
        score = self.held_out.score(made)
        generator = load_generator(run.model)
        cut = [piece for volume in made for piece in blocks(volume, self.size)]
        kept = ("steps", "minutes", "best_step", "best_score", "held_out", "machine", "warnings")
        result = {
            **self._asked(samples),
            "edge": made[0].shape[0],
            "generate_s": seconds,
            "weights": int(sum(array.size for key, array in generator.state.items() if key != "halo")),
            "history": {key: generator.history[key] for key in kept if key in generator.history},
            **scored(score),
            "likeness": likeness(blocks(self.test, self.size), cut),
            **self._memorised(made),
            **(seams(generator) if learns else {}),
        }
        path.write_text(json.dumps(result, indent=1, allow_nan=False), encoding="utf-8")
        total, spread = result["score"]["total"], result["score"]["spread"]
        print(f"{run.label}: total {total:.2f}, spread {spread or 0:.2f}", flush=True)

    def _generate(self, run: Run, samples: int) -> tuple[list[Volume], float]:
        """Return periodic volumes of eight samples each, and the seconds per volume."""
        edge = -(-2 * self.size // UNIT) * UNIT
        count = math.ceil(samples / (edge // self.size) ** 3)
        folder = run.folder / f"samples-{edge}"
        first = 1 + 100 * run.seed
        asked = ["--shape", f"{edge},{edge},{edge}", "--periodic", "0,1,2", "-n", str(count), "--seed", str(first)]
        began = time.monotonic()
        failure = command(["generate", str(run.model), *asked, "-o", str(folder)], run.folder / "generate.log")
        if failure:
            print(f"{run.label}: {failure}", flush=True)
            return [], 0.0
        seconds = (time.monotonic() - began) / count
        files = [next(folder.glob(f"*-{first + i}.tif")) for i in range(count)]
        real = self.test
        return [
            mc.read_volume(
                path, voxel_size=real.voxel_size, phases=dict(zip(real.phases, real.grey_values, strict=True))
            )
            for path in files
        ], round(seconds, 2)

    def _asked(self, samples: int) -> dict[str, Any]:
        return {"size": self.size, "samples": samples, "metrics": list(METRICS)}

    def _is_done(self, path: Path, samples: int, has: str = "score") -> bool:
        if not path.exists():
            return False
        before = json.loads(path.read_text(encoding="utf-8"))
        return has in before and before["samples"] == samples and set(METRICS) <= set(before["metrics"])

    # --- memorisation ---

    def _memorised(self, made: list[Volume]) -> dict[str, Any]:
        if not made:
            return {}
        known, new = self._piece(self.train), self._piece(self.test)
        patch = min(PATCH, *known.shape)
        result = memorisation(made, known, new, patch=patch, patches=PATCHES, threads=THREADS)
        return {"nearer": result.nearer_to_training, "nearer_error": result.standard_error, "medians": result.medians}

    def _edges(self) -> list[int]:
        """Return the shape of the searched pieces: that of the shorter slab along each axis, up to `LONGEST`."""
        return [min(a, b, LONGEST) for a, b in zip(self.train.shape, self.test.shape, strict=True)]

    def _piece(self, slab: Volume, *, last: bool = False) -> Volume:
        """Return the first piece of a slab, or the last, which trainings hold out."""
        start = [n - edge if last else 0 for n, edge in zip(slab.shape, self._edges(), strict=True)]
        return slab.crop(start, [a + edge for a, edge in zip(start, self._edges(), strict=True)])

    def _has_third(self) -> bool:
        """Return whether the first and the last piece of the training slab are disjoint."""
        return any(n >= 2 * edge for n, edge in zip(self.train.shape, self._edges(), strict=True))


def scored(score: Score) -> dict[str, Any]:
    """Return a score as plain data: the metrics of the total, and those beyond it."""
    return {"score": of_these(score, DEFAULT_METRICS), "beyond": of_these(score, BEYOND)}


def of_these(score: Score, metrics: Sequence[str]) -> dict[str, Any]:
    """Return the score of some metrics, with the z-score of the scalar that differs most for each."""
    part = replace(
        score,
        ratios={name: value for name, value in score.ratios.items() if name in metrics},
        excesses={name: value for name, value in score.excesses.items() if name in metrics},
        scalars=tuple(scalar for scalar in score.scalars if scalar.metric in metrics),
    )
    return {**part.to_dict(), "z": {name: part.z(name) for name in part.ratios}}


def seams(generator: Any) -> dict[str, Any]:
    """Return the halo of a network in voxels, and the seams of a volume made in tiles with it."""
    field = generator.as_field()
    result = seam_mismatch(field, SEAMS, TILE, seed=1)
    return {"halo": field.halo * field.scale, "seams": result._asdict()}


def blocks(volume: Volume, size: int) -> list[Volume]:
    """Return disjoint cubes spread over the volume; shorter where the volume is."""
    edges = [min(size, n) for n in volume.shape]
    starts = list(product(*(range(0, n - edge + 1, edge) for n, edge in zip(volume.shape, edges, strict=True))))
    chosen = np.unique(np.linspace(0, len(starts) - 1, MOST_BLOCKS).round().astype(int))
    return [volume.crop(starts[i], [a + n for a, n in zip(starts[i], edges, strict=True)]) for i in chosen]


def likeness(tested: list[Volume], others: list[Volume]) -> dict[str, list[float]]:
    """Return SSIM and PSNR of pairs of unrelated blocks, as the source prints them."""
    by_metric: dict[str, list[float]] = {"ssim": [], "psnr": []}
    for real, other in list(zip(tested, others, strict=False))[:PAIRS]:
        pair = mc.compare(real, other, metrics=list(by_metric)).pairs[0]
        for name, values in by_metric.items():
            value = pair[name].value(direction="mean").value
            if value is not None:
                values.append(round(float(value), 4))
    return by_metric
