"""What one step of the preset `paper` takes: ``python benchmarks/gan/paper_size.py [BATCH]``.

Prints the weights of the generator, and memory and time of one step for a batch (1 by default) of volumes of 64³, on
labels of no meaning. The source has a batch of 16.
"""

from __future__ import annotations

import resource
import sys

import numpy as np
import torch

from microchar_gan.networks.devices import runs_half
from microchar_gan.settings import settings_of
from microchar_gan.training.gan_training import GanTrainer
from microchar_gan.training.slicing import RealSlices

batch = int(sys.argv[1]) if len(sys.argv) > 1 else 1
settings = settings_of("paper", {"batch": batch})
cpu = torch.device("cpu")
labels = np.random.default_rng(0).integers(0, 2, (64, 64, 64), dtype=np.uint8)
real = RealSlices(labels, 2, settings.slice_size, cpu, isotropic=True)
trainer = GanTrainer(settings, real, device=cpu, half=runs_half("auto", cpu), seed=0)
before = resource.getrusage(resource.RUSAGE_SELF)
trainer.step()
after = resource.getrusage(resource.RUSAGE_SELF)
print(f"{sum(weight.numel() for weight in trainer.generator.parameters()) / 1e6:.0f} million weights")
print(f"batch {batch}: {after.ru_maxrss / 2**20:.1f} GiB at most, {after.ru_utime - before.ru_utime:.0f} s of one core")
