"""A training whose averaged weights at the end are the model: nothing is held out, no weights are chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from microchar.core.progress import Progress
from microchar_gan.training.loop import Trainable, TrainingLoop
from microchar_gan.training.watch import refuse_divergence

#: Steps between two rows of the history.
_ROW = 50


class Stepping(Trainable, Protocol):
    """Networks that are trained by steps without a choice among their weights."""

    def step(self, fraction: float) -> dict[str, float]:
        """Update the weights once and return the losses; `fraction` of the budget is spent."""

    def finite(self) -> bool:
        """Return whether all weights are finite."""


class AveragedFit(TrainingLoop):
    """One training from its first step to the end of its budget.

    Parameters
    ----------
    trainer : Stepping
    minutes, steps, identity, folder
        See `TrainingLoop`.
    rates : str
        Settings of the learning rates, for the advice where a training diverges.
    """

    def __init__(
        self,
        trainer: Stepping,
        *,
        minutes: float,
        steps: int | None,
        identity: dict[str, Any],
        folder: Path | None,
        rates: str = "rate=",
    ):
        super().__init__(trainer, minutes=minutes, steps=steps, identity=identity, folder=folder)
        self.trainer: Any = trainer
        self._rates = rates
        self._recent: list[dict[str, float]] = []

    def train(self, progress: Progress) -> None:
        """Do all steps of the budget; an interruption leaves a checkpoint."""
        super().train(progress)
        if self._recent:
            self._add_row()
        self.save()

    def step(self) -> None:
        """Do one step."""
        losses = self.trainer.step(self.fraction())
        named = {"training" if name == "loss" else name: value for name, value in losses.items()}
        refuse_divergence(self.trainer.steps, named, self.trainer.finite(), self._rates)
        self._recent.append(losses)
        if self.trainer.steps % _ROW == 0:
            self._add_row()

    def text(self) -> str:
        """Return where the training stands."""
        known = [f"{name} {value:.3f}" for name, value in self.losses().items()]
        return ", ".join([f"step {self.trainer.steps}", *known])

    def losses(self) -> dict[str, float]:
        """Return the losses of the last row."""
        row = self.rows[-1] if self.rows else {}
        return {name: value for name, value in row.items() if name not in ("step", "minutes")}

    def about(self) -> dict[str, Any]:
        """Return the losses since the last row."""
        return {"recent": self._recent}

    def restore(self, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
        """Restore what `about` returned."""
        del tensors
        self._recent = [{name: float(loss) for name, loss in losses.items()} for losses in about["recent"]]

    def _add_row(self) -> None:
        means = {name: float(np.mean([one[name] for one in self._recent])) for name in self._recent[0]}
        self.rows.append({"step": self.trainer.steps, "minutes": round(self.minutes_spent(), 3), **means})
        self._recent = []
        self.write_history()
