"""`AveragedGenerator`: what generators share that learn from crops of one volume and keep their averaged weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch

from microchar.core.progress import Progress
from microchar.generation.training import TrainingData
from microchar_gan.network_generator import NetworkGenerator
from microchar_gan.networks.devices import choose_device, describe, runs_half
from microchar_gan.training.averaged_fit import AveragedFit, Stepping
from microchar_gan.training.crop_places import CropPlaces
from microchar_gan.training.orientation import orientation_warnings

_Crops = TypeVar("_Crops", bound=CropPlaces)
_Trainer = TypeVar("_Trainer", bound=Stepping)


class AveragedGenerator(NetworkGenerator):
    """Base of the generators whose training chooses no weights: nothing is held out."""

    def trained(
        self,
        data: TrainingData,
        rng: np.random.Generator,
        progress: Progress,
        *,
        crops_of: Callable[..., _Crops],
        trainer_of: Callable[..., _Trainer],
        rates: str = "rate=",
    ) -> tuple[_Trainer, _Crops]:
        """Train within the budget, or continue a training; return the trainer and the crops that it learnt from.

        Parameters
        ----------
        data, rng, progress
            As for `Generator.learn`.
        crops_of, trainer_of : type
            Classes of the crops and of the trainer.
        rates : str
            See `AveragedFit`.
        """
        settings, device = self.settings(), choose_device(self.device)
        half = runs_half(self.precision, device)
        assert data.volume is not None
        labels, material = data.volume.read(), data.material
        crops = crops_of(
            labels,
            len(material.phases),
            settings.crop_size,
            isotropic=not settings.anisotropic,
            voxel_size=material.voxel_size,
        )
        seed = int(rng.integers(2**62))
        trainer = trainer_of(settings, crops, device=device, half=half, seed=seed)
        fit = AveragedFit(
            trainer,
            minutes=self.minutes,
            steps=self.steps,
            identity=self.identity(seed),
            folder=self.folder,
            rates=rates,
        )
        if self.resume:
            fit.resume()
        fit.train(progress)
        self.history |= {
            "steps": trainer.steps,
            "minutes": round(fit.minutes_spent(), 2),
            **fit.losses(),
            "machine": describe(device, half),
            "torch": torch.__version__,
        } | orientation_warnings(labels, settings.anisotropic)
        return trainer, crops
