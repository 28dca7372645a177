"""The training of flow matching as a fit: all data are learnt from, the averaged weights at the end are the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from microchar.core.progress import Progress
from microchar_gan.training.flow_matching import FlowTrainer
from microchar_gan.training.loop import TrainingLoop
from microchar_gan.training.watch import refuse_divergence

#: Steps between two rows of the history.
_ROW = 50


class FlowFit(TrainingLoop):
    """One training of flow matching.

    Its loss falls until the end, so that nothing has to be held out to choose weights.

    Parameters
    ----------
    trainer : FlowTrainer
    minutes, steps, identity, folder
        See `TrainingLoop`.
    """

    def __init__(
        self, trainer: FlowTrainer, *, minutes: float, steps: int | None, identity: dict[str, Any], folder: Path | None
    ):
        super().__init__(trainer, minutes=minutes, steps=steps, identity=identity, folder=folder)
        self.trainer = trainer
        self._recent: list[float] = []

    def run(self, progress: Progress) -> dict[str, Tensor]:
        """Train and return the averaged weights; an interruption leaves a checkpoint."""
        self.train(progress)
        if self._recent:
            self._add_row()
        self.save()
        return self.trainer.average.state_dict()

    def step(self) -> None:
        """Do one step."""
        loss = self.trainer.step(self.fraction())
        refuse_divergence(self.trainer.steps, {"velocity": loss}, self.trainer.finite(), "rate=")
        self._recent.append(loss)
        if self.trainer.steps % _ROW == 0:
            self._add_row()

    def text(self) -> str:
        """Return where the training stands."""
        known = [f"loss {self.rows[-1]['loss']:.3f}"] if self.rows else []
        return ", ".join([f"step {self.trainer.steps}", *known])

    def about(self) -> dict[str, Any]:
        """Return the losses since the last row."""
        return {"recent": self._recent}

    def restore(self, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
        """Restore what `about` returned."""
        del tensors
        self._recent = [float(loss) for loss in about["recent"]]

    def _add_row(self) -> None:
        loss = float(np.mean(self._recent))
        self.rows.append({"step": self.trainer.steps, "minutes": round(self.minutes_spent(), 3), "loss": loss})
        self._recent = []
        self.write_history()
