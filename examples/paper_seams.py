"""What a halo of 64 voxels is worth to the preset `paper`, whose noise reaches further: narrow, and untrained.

A trained one that lost a phase says nothing about seams. Prints what the documentation of the GAN quotes.
"""

from __future__ import annotations

import torch

from microchar_gan.networks.building import build, field_of
from microchar_gan.settings import settings_of
from microchar_gan.tiling.halo import felt_halo, seam_mismatch

torch.manual_seed(1)
network = build(settings_of("paper", {"width": 8}), 2).requires_grad_(False)
for module in network.modules():
    if isinstance(module, torch.nn.BatchNorm3d):
        module.momentum = None  # statistics of the volumes below alone
noise = torch.randn(2, 4, 64, 64, 64)
network.train()(noise)
logits = network.eval()(noise[:1])
network.shift[0] -= (logits[:, 0] - logits[:, 1]).median()  # as much of one phase as of the other
print(felt_halo(network, network.channels, align=network.align, shortest=network.shortest))
print(seam_mismatch(field_of(network, 64), (320, 64, 64), 64, seed=3))
