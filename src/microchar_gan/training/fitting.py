"""A fit: training steps within a budget, scores on held-out material, and checkpoints."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from microchar.comparison.held_out import HeldOut
from microchar.comparison.score import Score
from microchar.core.errors import InputError
from microchar.core.material import Material
from microchar.core.progress import Progress
from microchar_gan.networks.conditioning import one_hot
from microchar_gan.training.checkpoint import NAME, load_checkpoint, save_checkpoint
from microchar_gan.training.statistics import slice_s2
from microchar_gan.training.trainer import Losses, Trainer
from microchar_gan.training.watch import Watch

#: Seconds between checkpoints.
_BETWEEN = 60.0
#: Samples of a score, and the seed of their noise: the same for every score, so that only the weights differ.
_SAMPLES, _SAMPLE_SEED = 16, 1
#: Volumes for the statistics of the final model.
_SETTLING = 64
HISTORY, BEST = "history.csv", "best.safetensors"


class Fit:
    """One training from its first step to its best weights.

    Parameters
    ----------
    trainer : Trainer
    held_out : HeldOut
        Held-out material that samples are scored against.
    material : Material
    minutes : float
        Time budget of the fit, including earlier runs that it resumes.
    steps : int or None
        Number of steps, which replaces the time budget.
    identity : dict
        Settings, data and seed: a checkpoint is resumed only if it has the same.
    folder : Path or None
        Folder of checkpoint, history and best model so far.
    keep : callable
        Writes the model with given weights to a file.
    """

    def __init__(
        self,
        trainer: Trainer,
        held_out: HeldOut,
        material: Material,
        *,
        minutes: float,
        steps: int | None,
        identity: dict[str, Any],
        folder: Path | None,
        keep: Callable[[dict[str, Tensor], Path], None],
    ):
        self.trainer, self.held_out, self.material = trainer, held_out, material
        self.minutes, self.last_step, self.identity = minutes, steps, identity
        self.folder, self._keep = folder, keep
        self.watch = Watch(unet=trainer.settings.architecture == "unet")
        self.rows: list[dict[str, Any]] = []
        self.best: dict[str, Tensor] = {}
        self.best_total, self.best_step = float("inf"), 0
        self._recent: list[Losses] = []
        self._minutes_before = 0.0
        self._began = self._saved = time.monotonic()

    def resume(self) -> None:
        """Continue from the checkpoint of the folder."""
        assert self.folder is not None
        tensors, about = load_checkpoint(self.folder, self.identity)
        try:
            self._restore(tensors, about)
        except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
            why = f"{type(error).__name__}: {error}".splitlines()[0]
            raise InputError(
                f"{self.folder / NAME}: not a checkpoint of this training, or of another kind of device ({why}); "
                "resume on the device where the fit was started, or remove the folder and fit again"
            ) from error

    def _restore(self, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
        prefix = "best/"
        self.best = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
        self.trainer.restore(tensors, about["steps"], about["rng"])
        self.rows, self.best_total, self.best_step = about["rows"], about["best_total"], about["best_step"]
        self.watch.warnings, self.watch.apart = about["warnings"], about.get("apart", 0)
        self._recent = [Losses(**one) for one in about["recent"]]
        self._minutes_before = about["minutes"]

    def run(self, progress: Progress) -> dict[str, Tensor]:
        """Train and return the weights that scored best; an interruption leaves a checkpoint."""
        while not self._finished():
            try:
                progress(self._fraction(), self._text())
            except BaseException:
                # The state is consistent between two steps, but not within one.
                self.save()
                raise
            losses = self.trainer.step()
            self.watch.step(self.trainer.steps, losses, self.trainer.finite())
            self._recent.append(losses)
            if self.trainer.steps % self.trainer.settings.score_every == 0:
                self._score()
            if time.monotonic() - self._saved > _BETWEEN:
                self.save()
        if self._recent or not self.rows:
            self._score()
        self.save()
        return self.trainer.settled(self.best, _SETTLING).state_dict()

    def minutes_spent(self) -> float:
        """Return the minutes of this run and of the earlier runs that it resumed."""
        return self._minutes_before + (time.monotonic() - self._began) / 60

    def save(self) -> None:
        """Write the checkpoint."""
        self._saved = time.monotonic()
        if self.folder is None:
            return
        about = {
            **self.identity,
            "steps": self.trainer.steps,
            "rng": self.trainer.rng.bit_generator.state,
            "minutes": self.minutes_spent(),
            "rows": self.rows,
            "best_total": self.best_total,
            "best_step": self.best_step,
            "warnings": self.watch.warnings,
            "apart": self.watch.apart,
            "recent": [asdict(one) for one in self._recent],
        }
        best = {f"best/{key}": value for key, value in self.best.items()}
        save_checkpoint(self.folder, self.trainer.tensors() | best, about)

    # --- progress ---

    def _finished(self) -> bool:
        if self.last_step is not None:
            return self.trainer.steps >= self.last_step
        return self.minutes_spent() >= self.minutes

    def _fraction(self) -> float:
        if self.last_step is not None:
            return min(self.trainer.steps / self.last_step, 1.0)
        return min(self.minutes_spent() / self.minutes, 1.0)

    def _text(self) -> str:
        parts = [f"step {self.trainer.steps}"]
        # Terminals cut the line: the most important part comes first.
        if self.watch.warnings:
            parts.append(f"warning: {', '.join(self.watch.warnings)}")
        if self._recent:
            last = self._recent[-1]
            parts.append(f"critic {last.critic:.2f}, generator {last.generator:.2f}")
        if self.rows:
            row = self.rows[-1]
            fractions = ", ".join(f"{row[key]:.3f}" for key in row if key.startswith("volume_fraction_"))
            parts += [f"volume fraction {fractions}", f"S2 error {row['s2_error']:.4f}", f"score {row['total']:.2f}"]
            parts += [f"best {self.best_total:.2f}"]
        return ", ".join(parts)

    # --- scores ---

    def _score(self) -> None:
        """Score the averaged generator; store its weights if they are the best so far."""
        network = self.trainer.settled()
        samples = self.trainer.samples(_SAMPLES, _SAMPLE_SEED, network)
        volumes = [self.material.volume(labels, name=f"sample {i}", source={}) for i, labels in enumerate(samples)]
        score = self.held_out.score(volumes, errors=False)
        real = self.trainer.real.fractions
        complete = self.watch.score(self.trainer.steps, samples, real, score.spread)
        self.rows.append(self._row(samples, score))
        self._recent = []
        # While no weights had all phases, the latest ones count as the best.
        if (complete and score.total < self.best_total) or not self.best or np.isinf(self.best_total):
            self.best_total, self.best_step = score.total if complete else float("inf"), self.trainer.steps
            self.best = network.state_dict()
            if self.folder is not None:
                self._keep(self.best, self.folder / BEST)
        self._write_history()

    def _row(self, samples: list[np.ndarray], score: Score) -> dict[str, Any]:
        losses = {
            name: float(np.mean([getattr(one, name) for one in self._recent])) if self._recent else None
            for name in ("critic", "penalty", "generator", "l1", "separation")
        }
        phases = self.material.phases
        fractions = {
            f"volume_fraction_{name}": float(np.mean([np.mean(sample == phase) for sample in samples]))
            for phase, name in enumerate(phases)
        }
        return {
            "step": self.trainer.steps,
            "minutes": round(self.minutes_spent(), 3),
            **losses,
            **fractions,
            "s2_error": self._s2_error(samples),
            "total": score.total,
            "spread": score.spread,
            **score.ratios,
        }

    def _s2_error(self, samples: list[np.ndarray]) -> float:
        """Return the mean absolute difference of S2 of the slices normal to axis 0, over phases and lags."""
        real = self.trainer.real
        size = self.trainer.settings.slice_size  # the lags of S2 depend on it
        labels = torch.from_numpy(np.concatenate([sample[::4, :size, :size] for sample in samples]))
        made = slice_s2(one_hot(labels, real.phases))
        return float((made - real.s2.to(made)).abs().mean())

    def _write_history(self) -> None:
        if self.folder is None:
            return
        with (self.folder / HISTORY).open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, list(self.rows[0]), lineterminator="\n")
            table.writeheader()
            table.writerows(self.rows)
