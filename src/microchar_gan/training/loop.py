"""A training as a fit: steps within a budget, checkpoints, history and resumption, whatever the network."""

from __future__ import annotations

import csv
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from microchar.core.errors import InputError
from microchar.core.progress import Progress
from microchar_gan.training.checkpoint import NAME, load_checkpoint, save_checkpoint

#: Seconds between checkpoints.
_BETWEEN = 60.0
HISTORY = "history.csv"


class Trainable(Protocol):
    """Networks that are trained step by step, and whose state can be saved and restored."""

    steps: int
    rng: np.random.Generator

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors that change with a step, by name."""

    def restore(self, tensors: dict[str, Tensor], steps: int, rng: dict[str, Any]) -> None:
        """Restore the state of a training."""


class TrainingLoop(ABC):
    """One training from its first step to its last; a subclass does the steps and reports them.

    Parameters
    ----------
    trainer : Trainable
        The networks, and everything that changes with a step.
    minutes : float
        Time budget of the fit, including earlier runs that it resumes.
    steps : int or None
        Number of steps, which replaces the time budget.
    identity : dict
        Settings, data and seed: a checkpoint is resumed only if it has the same.
    folder : Path or None
        Folder of checkpoint, history and whatever the subclass adds.
    """

    def __init__(
        self, trainer: Trainable, *, minutes: float, steps: int | None, identity: dict[str, Any], folder: Path | None
    ):
        self._trainer = trainer
        self.minutes, self.last_step, self.identity, self.folder = minutes, steps, identity, folder
        self.rows: list[dict[str, Any]] = []
        self._minutes_before = 0.0
        self._began = self._saved = time.monotonic()

    # --- implemented by each kind of training ---

    @abstractmethod
    def step(self) -> None:
        """Do one step."""

    @abstractmethod
    def text(self) -> str:
        """Return where the training stands, for the progress."""

    @abstractmethod
    def about(self) -> dict[str, Any]:
        """Return what a checkpoint keeps beside the tensors."""

    @abstractmethod
    def restore(self, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
        """Restore what `about` and `tensors` returned."""

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors of a checkpoint."""
        return self._trainer.tensors()

    # --- shared ---

    def resume(self) -> None:
        """Continue from the checkpoint of the folder."""
        assert self.folder is not None
        tensors, about = load_checkpoint(self.folder, self.identity)
        try:
            self._trainer.restore(tensors, about["steps"], about["rng"])
            self.rows, self._minutes_before = about["rows"], about["minutes"]
            self.restore(tensors, about)
        except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
            why = f"{type(error).__name__}: {error}".splitlines()[0]
            raise InputError(
                f"{self.folder / NAME}: not a checkpoint of this training, or of another kind of device ({why}); "
                "resume on the device where the fit was started, or remove the folder and fit again"
            ) from error

    def train(self, progress: Progress) -> None:
        """Do all steps of the budget; an interruption leaves a checkpoint."""
        while not self._finished():
            try:
                progress(self.fraction(), self.text())
            except BaseException:
                # The state is consistent between two steps, but not within one.
                self.save()
                raise
            self.step()
            if time.monotonic() - self._saved > _BETWEEN:
                self.save()

    def minutes_spent(self) -> float:
        """Return the minutes of this run and of the earlier runs that it resumed."""
        return self._minutes_before + (time.monotonic() - self._began) / 60

    def fraction(self) -> float:
        """Return the share of the budget that is spent."""
        if self.last_step is not None:
            return min(self._trainer.steps / self.last_step, 1.0)
        return min(self.minutes_spent() / self.minutes, 1.0)

    def save(self) -> None:
        """Write the checkpoint."""
        self._saved = time.monotonic()
        if self.folder is None:
            return
        about = {
            **self.identity,
            "steps": self._trainer.steps,
            "rng": self._trainer.rng.bit_generator.state,
            "minutes": self.minutes_spent(),
            "rows": self.rows,
            **self.about(),
        }
        save_checkpoint(self.folder, self.tensors(), about)

    def write_history(self) -> None:
        """Write the rows as a table."""
        if self.folder is None:
            return
        with (self.folder / HISTORY).open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, list(self.rows[0]), lineterminator="\n")
            table.writeheader()
            table.writerows(self.rows)

    def _finished(self) -> bool:
        if self.last_step is not None:
            return self._trainer.steps >= self.last_step
        return self.minutes_spent() >= self.minutes
