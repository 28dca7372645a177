"""The training of a GAN as a fit: scores on held-out material choose its weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from microchar.comparison.held_out import HeldOut
from microchar.comparison.score import Score
from microchar.core.material import Material
from microchar.core.progress import Progress
from microchar_gan.networks.conditioning import one_hot
from microchar_gan.training.gan_training import GanTrainer, Losses
from microchar_gan.training.loop import TrainingLoop
from microchar_gan.training.optimiser_state import under
from microchar_gan.training.statistics import slice_s2
from microchar_gan.training.watch import YOUNG, Watch

#: Samples of a score, and the seed of their noise: the same for every score, so that only the weights differ.
_SAMPLES, _SAMPLE_SEED = 16, 1
#: Volumes for the statistics of the final model.
_SETTLING = 64
BEST = "best.safetensors"


class GanFit(TrainingLoop):
    """One training from its first step to its best weights.

    Parameters
    ----------
    trainer : GanTrainer
    held_out : HeldOut
        Held-out material that samples are scored against.
    material : Material
    minutes, steps, identity, folder
        See `TrainingLoop`.
    keep : callable
        Writes the model with given weights to a file.
    """

    def __init__(
        self,
        trainer: GanTrainer,
        held_out: HeldOut,
        material: Material,
        *,
        minutes: float,
        steps: int | None,
        identity: dict[str, Any],
        folder: Path | None,
        keep: Callable[[dict[str, Tensor], Path], None],
    ):
        super().__init__(trainer, minutes=minutes, steps=steps, identity=identity, folder=folder)
        self.trainer, self.held_out, self.material, self._keep = trainer, held_out, material, keep
        self.watch = Watch(unet=trainer.settings.architecture == "unet")
        self.best: dict[str, Tensor] = {}
        self.best_total, self.best_step = float("inf"), 0
        self._recent: list[Losses] = []

    def run(self, progress: Progress) -> dict[str, Tensor]:
        """Train and return the weights that scored best; an interruption leaves a checkpoint."""
        self.train(progress)
        if self._recent or not self.rows:
            self._score()
        self.save()
        return self.trainer.settled(self.best, _SETTLING).state_dict()

    def step(self) -> None:
        """Do one step, and score the weights every so often."""
        losses = self.trainer.step()
        self.watch.step(self.trainer.steps, losses, self.trainer.finite())
        self._recent.append(losses)
        # A lost phase or a collapse is told early, however rarely the weights are scored.
        if self.trainer.steps % self.trainer.settings.score_every == 0 or self.trainer.steps == YOUNG:
            self._score()

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors of the training, and the best weights so far."""
        return super().tensors() | {f"best/{key}": value for key, value in self.best.items()}

    def about(self) -> dict[str, Any]:
        """Return the best score so far, the warnings, and the losses since the last score."""
        return {
            "best_total": self.best_total,
            "best_step": self.best_step,
            "warnings": self.watch.warnings,
            "apart": self.watch.apart,
            "recent": [asdict(one) for one in self._recent],
        }

    def restore(self, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
        """Restore what `about` and `tensors` returned."""
        self.best = under(tensors, "best")
        self.best_total, self.best_step = about["best_total"], about["best_step"]
        self.watch.warnings, self.watch.apart = about["warnings"], about.get("apart", 0)
        self._recent = [Losses(**one) for one in about["recent"]]

    def text(self) -> str:
        """Return where the training stands."""
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
        self.write_history()

    def _row(self, samples: list[np.ndarray], score: Score) -> dict[str, Any]:
        losses = {
            name: float(np.mean([getattr(one, name) for one in self._recent])) if self._recent else None
            for name in ("critic", "penalty", "generator", "l1", "separation", "critics_share")
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
