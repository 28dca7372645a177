"""The training of flow matching as a fit: all data are learnt from, the averaged weights at the end are the model."""

from __future__ import annotations

from torch import Tensor

from microchar.core.progress import Progress
from microchar_gan.training.averaged_fit import AveragedFit
from microchar_gan.training.flow_matching import FlowTrainer


class FlowFit(AveragedFit):
    """One training of flow matching; its loss falls until the end, so that nothing has to be held out."""

    trainer: FlowTrainer

    def run(self, progress: Progress) -> dict[str, Tensor]:
        """Train and return the averaged weights; an interruption leaves a checkpoint."""
        self.train(progress)
        return self.trainer.average.state_dict()
