"""Every choice that the specification leaves open, as a named setting; the presets; what must fit together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import combinations
from typing import Any, Literal, get_args, get_origin, get_type_hints

from microchar.core.errors import InputError

Preset = Literal["default", "paper", "baseline", "slicegan", "tiny"]
Architecture = Literal["unet", "slicegan"]
L1Match = Literal["descriptor", "index", "conditional", "none"]
#: A critic halves its slices four times.
_CROP_UNIT = 16
#: Levels, and channels at the lowest of them, beyond which no network could be held in memory.
_DEEPEST, _WIDEST = 12, 2**16
#: Kernel sizes that can be brought together.
_KERNELS = tuple(chosen for n in range(4) for chosen in combinations((3, 5, 7), n))


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that makes a network and its training what they are.

    Parameters
    ----------
    architecture : {"unet", "slicegan"}
    input : {"noise", "slice"}
        Noise alone, or noise with a 2D slice spread along its normal and a mask of its place.
    noise_channels : int
        Of the U-net's noise on the output grid.
    width : int
        Channels at full resolution (U-net), or of the first layer (SliceGAN).
    depth : int
        Levels of the U-net below full resolution.
    mhfa_kernels, msca_kernels : tuple of int
        Kernel sizes among 3, 5, 7 of the aggregation modules; empty leaves them out.
    kernel_impl : {"stacked", "dense", "dilated"}
        How 5³ and 7³ are made.
    cbam : bool
        Channel and spatial attention at the end of each stage of the decoder.
    norm : {"renorm", "batch", "none"}
        Normalisation in the U-net: batch norm, or one that comes to use its running
        statistics in training, too.
    norm_within : bool
        Also within MHFA, MSCA and spatial attention.
    even_up : bool
        Transposed convolutions whose kernels weigh odd and even voxels alike.
    skip_start : float
        Share of their strength that the U-net's skips begin with.
    logit_scale : float
        Standard deviation that logits are normalised to; 0 leaves them as they are.
    straight_through : bool
        Critics and the L1 term see the labels of generated volumes, and only the
        gradient is that of the probabilities; otherwise they see the probabilities.
        With `calibrate`, the averaged generator, too, is held to the volume fractions then.
    label_noise : float
        Scale of Gumbel noise on the logits that labels are taken from in training (with
        `straight_through`): places left undecided then show as specks, to be unlearnt.
    critic_width : int
        Channels after the critic's stem.
    critic_norm : {"none", "batch"}
    anisotropic : bool
        One critic for each axis instead of one for all.
    loss : {"wasserstein", "wasserstein+l1"}
    l1_match : {"descriptor", "index", "conditional", "none"}
        What the L1 term compares: volume fraction, S2 and lineal path of slices;
        slice i with slice i, voxel by voxel; the slice at the place of the condition
        with the condition.
    lambda_w, lambda_l1 : float
        Weights of the two terms of the generator's loss.
    lipschitz : {"gp", "clip", "r1r2"}
        Gradient penalty between real and generated slices, clipped weights, or
        gradient penalties at both.
    penalty_weight : float
    clip : float
        Largest weight of a clipped critic.
    field, slice_size : int
        Edge of the volumes generated in training, and of the slices that critics see.
    batch : int
        Volumes in a step.
    slices_per_axis : int
        Slices of each axis and volume in a step.
    warm_up : int
        Steps in which the Wasserstein term comes in by and by, the L1 term being there from the start.
    n_critic : int
        Critic steps for each generator step.
    rate, critic_rate : float
        Learning rates of Adam.
    half_rate : int
        Steps after which both rates are half of that, going down as
        ``1 / (1 + steps / half_rate)``; 0 keeps them.
    beta1, beta2 : float
        Of Adam.
    ema : float
        Decay of the average of the generator's weights; 0 takes the last.
    calibrate : bool
        Shift the logits so that volumes have the material's volume fractions: before
        the first step, and a little after each.
    augment : bool
        Flips and rotations of slices of isotropic materials.
    score_every : int
        Steps between two scores on held-out material.
    """

    architecture: Architecture = "unet"
    input: Literal["noise", "slice"] = "noise"
    noise_channels: int = 4
    width: int = 16
    depth: int = 2
    mhfa_kernels: tuple[int, ...] = (3, 5, 7)
    msca_kernels: tuple[int, ...] = (3, 5, 7)
    kernel_impl: Literal["stacked", "dense", "dilated"] = "stacked"
    cbam: bool = True
    norm: Literal["renorm", "batch", "none"] = "renorm"
    norm_within: bool = True
    even_up: bool = True
    skip_start: float = 0.1
    logit_scale: float = 3.0
    straight_through: bool = True
    label_noise: float = 0.25
    critic_width: int = 16
    critic_norm: Literal["none", "batch"] = "none"
    anisotropic: bool = False
    loss: Literal["wasserstein", "wasserstein+l1"] = "wasserstein+l1"
    l1_match: L1Match = "descriptor"
    lambda_w: float = 1.0
    lambda_l1: float = 50.0
    lipschitz: Literal["gp", "clip", "r1r2"] = "gp"
    penalty_weight: float = 10.0
    clip: float = 0.01
    field: int = 64
    slice_size: int = 48
    batch: int = 1
    slices_per_axis: int = 32
    warm_up: int = 200
    n_critic: int = 1
    rate: float = 2e-4
    critic_rate: float = 1e-3
    half_rate: int = 1000
    beta1: float = 0.5
    beta2: float = 0.99
    ema: float = 0.999
    calibrate: bool = True
    augment: bool = True
    score_every: int = 100

    def __post_init__(self) -> None:
        self._check_kinds()
        self._check_kernels()
        if self.critic_norm == "batch" and self.lipschitz != "clip":
            raise InputError(
                f"critic_norm='batch', lipschitz={self.lipschitz!r}: a gradient penalty of each slice has no meaning "
                "when a batch is normalised together; use lipschitz='clip' or critic_norm='none'"
            )
        if self.l1_match == "conditional" and self.input != "slice":
            raise InputError("l1_match='conditional': needs input='slice', a generator that is given a slice")
        if self.calibrate and self.architecture == "slicegan":
            raise InputError("calibrate=True: SliceGAN has no logits that could be shifted; leave it out")
        if self.input == "slice" and self.architecture == "slicegan":
            raise InputError("input='slice': only the U-net takes a slice; SliceGAN is made from noise alone")
        if self.slice_size < 2 * _CROP_UNIT or self.slice_size % _CROP_UNIT or self.slice_size > self.field:
            raise InputError(
                f"slice_size={self.slice_size}, field={self.field}: expected a slice size of 32, 48, 64, … "
                "no larger than the field"
            )
        if self.depth > _DEEPEST or self.width * 2**self.depth > _WIDEST:
            raise InputError(
                f"width={self.width}, depth={self.depth}: expected at most {_DEEPEST} levels and, doubled at each of "
                f"them, {_WIDEST} channels"
            )
        unit = 32 if self.architecture == "slicegan" else 2**self.depth
        if self.field % unit:
            raise InputError(f"field={self.field}: expected a multiple of {unit} for this network")
        least = 4 * 2**self.depth
        if self.architecture == "unet" and self.field < least:
            raise InputError(
                f"field={self.field}, depth={self.depth}: expected a field of at least {least}, which leaves "
                "four voxels at the lowest level"
            )
        if self.architecture == "slicegan" and self.width % 32:
            raise InputError(f"width={self.width}: expected a multiple of 32, of which SliceGAN's last layer has one")
        for name in (
            "lambda_w",
            "lambda_l1",
            "penalty_weight",
            "clip",
            "rate",
            "critic_rate",
            "logit_scale",
            "label_noise",
            "skip_start",
        ):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InputError(f"{name}={getattr(self, name)}: expected a number of at least 0")
        for name in ("beta1", "beta2", "ema"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"{name}={getattr(self, name)}: expected a number from 0 up to, not with, 1")

    def _check_kinds(self) -> None:
        for name, kind in get_type_hints(type(self)).items():
            value = getattr(self, name)
            if get_origin(kind) is Literal and value not in get_args(kind):
                raise InputError(f"{name}={value!r}: expected one of {', '.join(get_args(kind))}")
            least = 0 if name in ("warm_up", "half_rate") else 1
            if kind is int and (not isinstance(value, int) or isinstance(value, bool) or value < least):
                raise InputError(f"{name}={value!r}: expected at least {least}, a whole number")
            if kind is float and (not isinstance(value, int | float) or isinstance(value, bool)):
                raise InputError(f"{name}={value!r}: expected a number")
            if kind is bool and not isinstance(value, bool):
                raise InputError(f"{name}={value!r}: expected True or False")

    def _check_kernels(self) -> None:
        for name in ("mhfa_kernels", "msca_kernels"):
            kernels = getattr(self, name)
            if not isinstance(kernels, tuple | list) or tuple(kernels) not in _KERNELS:
                raise InputError(f"{name}={kernels!r}: expected some of 3, 5, 7 in this order, or none of them")

    @property
    def uses_l1(self) -> bool:
        """Whether the generator's loss has an L1 term."""
        return self.loss == "wasserstein+l1" and self.l1_match != "none" and self.lambda_l1 > 0


_SLICEGAN: Mapping[str, Any] = {
    "architecture": "slicegan",
    "width": 1024,
    "straight_through": False,
    "label_noise": 0.0,
    "critic_width": 32,
    "loss": "wasserstein",
    "l1_match": "none",
    "field": 64,
    "slice_size": 64,
    "n_critic": 5,
    "warm_up": 0,
    "rate": 1e-4,
    "critic_rate": 1e-4,
    "half_rate": 0,
    "beta1": 0.0,
    "beta2": 0.9,
    "ema": 0.0,
    "calibrate": False,
    "augment": False,
}
_PAPER: Mapping[str, Any] = {
    "width": 32,
    "depth": 4,
    "norm": "batch",
    "norm_within": False,
    "even_up": False,
    "skip_start": 1.0,
    "logit_scale": 0.0,
    "straight_through": False,
    "label_noise": 0.0,
    "critic_width": 32,
    "critic_norm": "batch",
    "l1_match": "index",
    "lambda_l1": 1.0,
    "lipschitz": "clip",
    "field": 64,
    "slice_size": 64,
    "batch": 16,
    "warm_up": 0,
    "rate": 1e-4,
    "critic_rate": 1e-4,
    "half_rate": 0,
    "beta1": 0.9,
    "beta2": 0.999,
    "ema": 0.0,
    "calibrate": False,
    "augment": False,
}
_BASELINE: Mapping[str, Any] = {"mhfa_kernels": (), "msca_kernels": (), "cbam": False, "loss": "wasserstein"}
_TINY: Mapping[str, Any] = {
    "width": 8,
    "depth": 1,
    "mhfa_kernels": (3,),
    "msca_kernels": (3,),
    "critic_width": 4,
    "field": 32,
    "slice_size": 32,
    "slices_per_axis": 8,
    "rate": 1e-3,
    "half_rate": 0,
    "ema": 0.98,
    "warm_up": 100,
    "score_every": 50,
}
PRESETS: Mapping[Preset, Mapping[str, Any]] = {
    "default": {},
    "paper": _PAPER,
    "baseline": _BASELINE,
    "slicegan": _SLICEGAN,
    "tiny": _TINY,
}


def settings_of(preset: Preset, changes: Mapping[str, Any]) -> Settings:
    """Return a preset with some settings changed; those that are None stay as the preset has them."""
    if preset not in PRESETS:
        raise InputError(f"preset={preset!r}: expected one of {', '.join(PRESETS)}")
    known = {field.name for field in fields(Settings)}
    given = {key: value for key, value in changes.items() if value is not None and key in known}
    return Settings(**{**PRESETS[preset], **given})
