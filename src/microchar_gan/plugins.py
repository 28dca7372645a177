"""What the two generators need and offer; imports nothing heavy."""

from __future__ import annotations

from dataclasses import replace

from microchar.generator import GeneratorSpec
from microchar.volume import MAX_PHASES

UNET_GAN = GeneratorSpec(
    factory="microchar_gan.generators:UnetGan",
    title="U-net GAN",
    summary="a U-net that turns noise into volumes whose slices a critic cannot tell from the real ones",
    inputs=("volume", "slices"),
    phases=(2, MAX_PHASES),
    ndim=(3,),
    periodic_axes=(0, 1, 2),
    keeps_progress=True,
    streams=True,
    adjustable=("device",),
    requires=("torch",),
    revision=2,
    extra="microchar[gan]",
    cost="as many minutes as it is given (hours on a CPU); then about 1 s for 64³ on one core, any size tile by tile",
)

SLICEGAN = replace(
    UNET_GAN,
    factory="microchar_gan.generators:SliceGan",
    revision=1,
    title="SliceGAN",
    summary="the baseline: transposed convolutions from a small latent block, judged by its slices",
)
