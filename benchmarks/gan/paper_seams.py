"""Seams of the preset `paper` with a halo of 64 voxels: ``python benchmarks/gan/paper_seams.py``.

Noise acts further than 64 voxels in this network. It is narrow and untrained, because a trained one that lost a
phase has no seams. Prints the numbers that the documentation quotes.
"""

from __future__ import annotations

import torch

from microchar_gan.networks.building import build
from microchar_gan.settings import settings_of
from microchar_gan.tiling.halo import felt_halo, seam_mismatch
from microchar_gan.tiling.network_field import field_of

torch.manual_seed(1)
network = build(settings_of("paper", {"width": 8}), 2).requires_grad_(False)
for module in network.modules():
    if isinstance(module, torch.nn.BatchNorm3d):
        module.momentum = None  # the plain mean over the volumes below
noise = torch.randn(2, 4, 64, 64, 64)
network.train()(noise)
logits = network.eval()(noise[:1])
network.shift[0] -= (logits[:, 0] - logits[:, 1]).median()  # equal volume fractions
print(felt_halo(network, network.channels, align=network.align, shortest=network.shortest))
print(seam_mismatch(field_of(network, 64), (320, 64, 64), 64, seed=3))
