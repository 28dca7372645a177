"""What the generators of this package need and offer, and the models that come with it; imports nothing heavy.

How each model was trained is in the documentation (``docs/gan.rst``).
"""

from __future__ import annotations

from dataclasses import replace

from microchar.core.volume import MAX_PHASES
from microchar.generation.models import BundledModel
from microchar.generation.spec import GeneratorSpec

UNET_GAN = GeneratorSpec(
    id="unet-gan",
    factory="microchar_gan.generators:UnetGan",
    title="U-net GAN",
    summary="a U-net that turns noise into volumes whose slices a critic cannot tell from the real ones",
    inputs=("volume", "slices"),
    phases=(2, MAX_PHASES),
    ndim=(3,),
    periodic_axes=(0, 1, 2),
    keeps_progress=("fit",),
    streams=True,
    adjustable=("device",),
    requires=("torch",),
    revision=2,
    extra="microchar[gan]",
    cost="as many minutes as it is given (hours on a CPU); then about 1 s for 64³ on one core, any size tile by tile",
)

SLICEGAN = replace(
    UNET_GAN,
    id="slicegan",
    factory="microchar_gan.generators:SliceGan",
    revision=1,
    title="SliceGAN",
    summary="the baseline: transposed convolutions from a small latent block, judged by its slices",
)

BEREA = BundledModel(
    id="berea",
    generator="unet-gan",
    package="microchar_gan",
    file="models/berea.safetensors",
    title="Berea sandstone",
    summary="Berea sandstone, pores (0) and grains (255) of a micro-CT scan",
)
