"""Which widths of the U-net are fast on this processor: ``OMP_NUM_THREADS=1 python benchmarks/gan/convolutions.py``.

Prints, for convolutions 3³ of as many channels in as out, the processor time of a pass forward and backward at 48³
voxels in float32 and in bfloat16, and the operations per second.
"""

from __future__ import annotations

import time

import torch

EDGE, PASSES = 48, 3


def seconds(channels: int, half: bool) -> float:
    """Return the processor time of one pass."""
    convolution = torch.nn.Conv3d(channels, channels, 3, padding=1).to(memory_format=torch.channels_last_3d)
    features = torch.randn(1, channels, EDGE, EDGE, EDGE, requires_grad=True)
    for number in range(PASSES + 1):
        if number == 1:  # the first pass prepares
            began = time.process_time()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            found = convolution(features.contiguous(memory_format=torch.channels_last_3d))
        found.float().sum().backward()
    return (time.process_time() - began) / PASSES


for width in (8, 16, 24, 32, 48, 64):
    operations = 3 * 2 * EDGE**3 * 27 * width**2
    times = {"float32": seconds(width, half=False), "bfloat16": seconds(width, half=True)}
    print(width, *(f"{kind} {t:.3f} s {operations / t / 1e9:.0f} GFLOP/s" for kind, t in times.items()), flush=True)
