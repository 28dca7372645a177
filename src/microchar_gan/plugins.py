"""The specs of the package's generators and its bundled models; importing this module does not import PyTorch.

``docs/generators/networks.rst`` describes how each model was trained.
"""

from __future__ import annotations

from dataclasses import replace

from microchar.core.phases import MAX_PHASES
from microchar.generation.models import BundledModel
from microchar.generation.spec import GeneratorSpec

UNET_GAN = GeneratorSpec(
    id="unet-gan",
    factory="microchar_gan.gan:UnetGan",
    title="U-net GAN",
    summary="a U-net that turns noise into volumes, trained against a critic of their slices",
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
    cost="training: the minutes it is given (hours on a CPU); generation: about 1 s for 64³ on one core, in tiles",
)

SLICEGAN = replace(
    UNET_GAN,
    id="slicegan",
    factory="microchar_gan.gan:SliceGan",
    revision=1,
    title="SliceGAN",
    summary="transposed convolutions of a small latent block, trained against a critic of slices; the baseline",
)

SDF_FLOW = replace(
    UNET_GAN,
    id="sdf-flow",
    factory="microchar_gan.flow:SdfFlow",
    revision=3,
    takes_slice=True,
    title="Flow of signed distances",
    summary="signed distances of the phases, made from noise by flow matching, for phases that must connect",
    inputs=("volume",),
    cost="training: the minutes it is given (45 on a CPU); generation: 12 to 35 s for 128³ on one core with bfloat16",
)

DCGAN_3D = replace(
    UNET_GAN,
    id="dcgan-3d",
    factory="microchar_gan.crop_generators:Dcgan3d",
    revision=1,
    title="3D DCGAN",
    summary="transposed convolutions of noise, trained against a critic of crops of one volume",
    inputs=("volume",),
    cost="training: the minutes it is given (hours on a CPU); generation: about 5 s for 128³ on one core, in tiles",
)

VAE_GAN = replace(
    DCGAN_3D,
    id="vae-gan",
    factory="microchar_gan.crop_generators:VaeGan",
    title="3D VAE-GAN",
    summary="the decoder of an autoencoder of crops, trained against a critic of crops too",
)

RNN = replace(
    UNET_GAN,
    id="rnn",
    factory="microchar_gan.slice_rnn:SliceRnn",
    revision=1,
    title="Recurrent network of slices",
    summary="slice by slice along axis 0, each drawn voxel by voxel from what a recurrent network says of it",
    inputs=("volume",),
    periodic_axes=(1, 2),
    cost="training: the minutes it is given (10 to 30 on a CPU); generation: about 1 s a slice of 128² on one core",
)

BEREA = BundledModel(
    id="berea",
    generator="sdf-flow",
    package="microchar_gan",
    file="models/berea.safetensors",
    title="Berea sandstone",
    summary="Berea sandstone, pores (0) and grains (255) of a micro-CT scan",
)
