"""The settings of networks and trainings, declared once: defaults, meanings, checks and presets.

The parameters of the generators are made from `Settings` by `takes_settings`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from inspect import get_annotations
from itertools import combinations
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from microchar.core.errors import InputError

Preset = Literal["default", "paper", "baseline", "slicegan", "tiny"]
FlowPreset = Literal["default", "tiny"]
Architecture = Literal["unet", "slicegan"]
KernelImpl = Literal["stacked", "dense", "dilated"]
Norm = Literal["renorm", "batch", "none"]
UpStart = Literal["interpolation", "random"]
CriticKind = Literal["slices", "volume", "both"]
CriticNorm = Literal["none", "batch"]
Lipschitz = Literal["gp", "clip", "r1r2"]
L1Match = Literal["descriptor", "index", "conditional", "none"]
#: A critic halves its slices four times.
_CROP_UNIT = 16
#: Levels, and channels at the lowest of them, beyond which no network fits into memory.
_DEEPEST, _WIDEST = 12, 2**16
#: Combinations of kernel sizes that the aggregation modules accept.
_KERNELS = tuple(chosen for n in range(4) for chosen in combinations((3, 5, 7), n))
#: Cells of noise that the lowest level of a U-net must keep along each axis.
_FEWEST_CELLS = 4
_T = TypeVar("_T")


def setting(
    default: Any, meaning: str, *, slicegan: bool = False, least: float = 0, below: float = float("inf")
) -> Any:
    """Declare a field of a dataclass with its meaning.

    Parameters
    ----------
    default
        Value of the field where none is given.
    meaning : str
        One line, printed by ``microchar generators NAME``.
    slicegan : bool
        Whether `SliceGan` takes this setting as a parameter; `UnetGan` takes all.
    least, below : float
        Range of a number: at least `least` and less than `below`.
    """
    return field(default=default, metadata={"meaning": meaning, "slicegan": slicegan, "range": (least, below)})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that defines a network and its training.

    The defaults are those of the preset ``default``. Each field holds its meaning in
    ``metadata["meaning"]``; ``microchar generators unet-gan`` prints all of them.
    """

    architecture: Architecture = setting("unet", "generator network")
    input: Literal["noise", "slice"] = setting(
        "noise", "input of the U-net: noise, or noise with a real 2D slice spread along its normal and a mask"
    )
    noise_channels: int = setting(4, "channels of the U-net's noise", least=1)
    width: int = setting(
        16, "channels at full resolution (U-net) or of the first layer (SliceGAN)", slicegan=True, least=1
    )
    depth: int = setting(2, "levels of the U-net below full resolution", least=1)
    mhfa_kernels: tuple[int, ...] = setting((3, 5, 7), "kernel sizes of MHFA, among 3, 5, 7; none removes the module")
    msca_kernels: tuple[int, ...] = setting((3, 5, 7), "kernel sizes of MSCA, among 3, 5, 7; none removes the module")
    kernel_impl: KernelImpl = setting(
        "stacked", "implementation of the kernels 5³ and 7³: stacked 3³, dense, or dilated 3³"
    )
    mhfa_share: int = setting(4, "branches and dense convolutions of MHFA have 1/mhfa_share of the channels", least=1)
    msca_share: int = setting(2, "branches of MSCA have 1/msca_share of the channels", least=1)
    msca_levels: int = setting(2, "how many of the lowest levels have MSCA; the bottom is the first")
    residual: bool = setting(True, "MHFA and MSCA add to their input, else they replace it")
    reduction: int = setting(16, "channels per hidden unit of the perceptron of channel attention", least=1)
    cbam: bool = setting(True, "channel and spatial attention at the end of each stage of the decoder")
    norm: Norm = setting(
        "renorm", "normalisation of the U-net: batch renorm (uses running statistics in training too), batch, or none"
    )
    norm_within: bool = setting(True, "also normalise inside MHFA, MSCA and spatial attention")
    even_up: bool = setting(True, "transposed convolutions whose kernels weigh odd and even voxels equally")
    up_start: UpStart = setting(
        "interpolation", "initial kernels of the transposed convolutions: a linear interpolation, or random"
    )
    slope: float = setting(0.2, "slope of the U-net's rectifiers below zero; 0 is the plain rectifier", below=1)
    skip_start: float = setting(0.1, "initial strength of the U-net's skip connections")
    logit_scale: float = setting(3.0, "standard deviation that logits are normalised to; 0 leaves them unchanged")
    straight_through: bool = setting(
        True, "critics and the L1 term see labels, with the gradient of the probabilities; else probabilities"
    )
    label_noise: float = setting(
        0.25, "scale of the Gumbel noise on the logits before labels are taken in training (with straight_through)"
    )
    critic: CriticKind = setting(
        "slices", "what critics see: 2D slices, 3D crops of slice_size (where a volume is learnt from), or both"
    )
    crops: int = setting(4, "crops per volume and step (with critic=volume or both)", least=1)
    critic_width: int = setting(16, "channels after the critic's stem", slicegan=True, least=1)
    critic_norm: CriticNorm = setting("none", "normalisation of the critic; batch needs lipschitz=clip")
    critic_slope: float = setting(0.2, "slope of the critics' rectifiers below zero", below=1)
    anisotropic: bool = setting(False, "one slice critic per axis instead of one for all axes", slicegan=True)
    loss: Literal["wasserstein", "wasserstein+l1"] = setting("wasserstein+l1", "terms of the generator's loss")
    l1_match: L1Match = setting(
        "descriptor",
        "what the L1 term compares: descriptors of slices, slice i with slice i, the given slice, or nothing",
    )
    lambda_w: float = setting(1.0, "weight of the Wasserstein term of the generator's loss")
    lambda_l1: float = setting(5.0, "weight of the L1 term of the generator's loss")
    lipschitz: Lipschitz = setting(
        "gp", "how the critic is kept Lipschitz: gradient penalty, clipped weights, or R1 and R2 penalties"
    )
    penalty_weight: float = setting(10.0, "weight of the gradient penalty", slicegan=True)
    clip: float = setting(0.01, "largest absolute weight of the critic (with lipschitz=clip)")
    field: int = setting(64, "edge of the volumes generated in training, in voxels", slicegan=True, least=1)
    slice_size: int = setting(48, "edge of the slices that critics see, in voxels", slicegan=True, least=1)
    batch: int = setting(1, "volumes per step", slicegan=True, least=1)
    slices_per_axis: int = setting(32, "slices per axis, volume and step", slicegan=True, least=1)
    warm_up: int = setting(50, "steps over which the Wasserstein term rises from 0, where there is an L1 term")
    n_critic: int = setting(1, "critic steps per generator step", slicegan=True, least=1)
    rate: float = setting(2e-4, "learning rate of the generator (Adam)", slicegan=True)
    critic_rate: float = setting(1e-3, "learning rate of the critics (Adam)", slicegan=True)
    half_rate: int = setting(
        1000, "steps after which both rates are halved, as 1 / (1 + steps / half_rate); 0 is constant", slicegan=True
    )
    beta1: float = setting(0.5, "decay of Adam's mean of gradients", below=1)
    beta2: float = setting(0.99, "decay of Adam's mean of squared gradients", below=1)
    ema: float = setting(0.999, "decay of the average of the generator's weights; 0 uses the latest weights", below=1)
    calibrate: bool = setting(
        True, "shift the logits to the material's volume fractions, before the first step and a little after each"
    )
    augment: bool = setting(True, "flip and rotate the real slices of isotropic materials")
    score_every: int = setting(100, "steps between two scores on held-out material", slicegan=True, least=1)

    def __post_init__(self) -> None:
        _check_kinds(self)
        self._check_kernels()
        self._check_combinations()
        self._check_sizes()
        _check_ranges(self)

    def _check_kernels(self) -> None:
        for name in ("mhfa_kernels", "msca_kernels"):
            kernels = getattr(self, name)
            if not isinstance(kernels, tuple | list) or tuple(kernels) not in _KERNELS:
                raise InputError(f"{name}={kernels!r}: expected some of 3, 5, 7 in ascending order, or none")

    def _check_combinations(self) -> None:
        if self.critic_norm == "batch" and self.lipschitz != "clip":
            raise InputError(
                f"critic_norm='batch', lipschitz={self.lipschitz!r}: the penalty on each slice's gradient is undefined "
                "when slices are normalised together; use lipschitz='clip' or critic_norm='none'"
            )
        if self.l1_match == "conditional" and self.input != "slice":
            raise InputError("l1_match='conditional': needs input='slice', a generator that is given a slice")
        if self.architecture == "slicegan" and self.calibrate:
            raise InputError("calibrate=True: SliceGAN has no shift of its logits; leave it out")
        if self.architecture == "slicegan" and self.input == "slice":
            raise InputError("input='slice': only the U-net takes a slice, SliceGAN takes noise alone")

    def _check_sizes(self) -> None:
        if self.slice_size < 2 * _CROP_UNIT or self.slice_size % _CROP_UNIT or self.slice_size > self.field:
            raise InputError(
                f"slice_size={self.slice_size}, field={self.field}: expected a slice size of 32, 48, 64, … "
                "no larger than the field"
            )
        if self.depth > _DEEPEST or self.width * 2**self.depth > _WIDEST:
            raise InputError(
                f"width={self.width}, depth={self.depth}: expected at most {_DEEPEST} levels and at most {_WIDEST} "
                "channels at the lowest level (each level doubles them)"
            )
        unit = 32 if self.architecture == "slicegan" else 2**self.depth
        if self.field % unit:
            raise InputError(f"field={self.field}: expected a multiple of {unit} for this network")
        least = _FEWEST_CELLS * 2**self.depth
        if self.architecture == "unet" and self.field < least:
            raise InputError(
                f"field={self.field}, depth={self.depth}: expected a field of at least {least}, which leaves "
                "four voxels at the lowest level"
            )
        if self.architecture == "slicegan" and self.width % 32:
            raise InputError(f"width={self.width}: expected a multiple of 32 (the last layer has width / 32 channels)")

    @property
    def uses_l1(self) -> bool:
        """Whether the generator's loss has an L1 term."""
        return self.loss == "wasserstein+l1" and self.l1_match != "none" and self.lambda_l1 > 0

    @property
    def compares_slices(self) -> bool:
        """Whether the L1 term compares random slices."""
        return self.uses_l1 and self.l1_match != "conditional"

    @property
    def turns(self) -> bool:
        """Whether real pieces are flipped and rotated."""
        return self.augment and not self.anisotropic


@dataclass(frozen=True, kw_only=True)
class FlowSettings:
    """Everything that defines the network of flow matching, its training and its sampling.

    The defaults are those of the preset ``default``. ``microchar generators sdf-flow``
    prints all of them.
    """

    widths: tuple[int, ...] = setting((64, 128, 128), "channels at each level of the U-net; cells of 4³ voxels first")
    blocks: tuple[int, ...] = setting((1, 2, 2), "blocks at each level, on the way down and on the way up")
    anisotropic: bool = setting(False, "neither flip crops nor exchange their axes")
    crop_size: int = setting(96, "edge of the crops that are learnt from, in voxels", least=1)
    batch: int = setting(2, "crops per step", least=1)
    rate: float = setting(1e-3, "learning rate (AdamW); falls to 3 % along a cosine over the budget")
    warm_up: int = setting(50, "steps over which the learning rate rises from 0")
    beta1: float = setting(0.9, "decay of AdamW's mean of gradients", below=1)
    beta2: float = setting(0.99, "decay of AdamW's mean of squared gradients", below=1)
    largest_gradient: float = setting(1.0, "norm that longer gradients are shortened to")
    ema: float = setting(0.998, "decay of the average of the weights", below=1)
    late: float = setting(2.0, "how much closer the steps of sampling lie to noise than to data; 1 is evenly")
    sampling_steps: int = setting(64, "steps from noise to distances", least=1)
    fresh_noise: float = setting(0.45, "share of the noise that each step of sampling replaces", below=1)

    def __post_init__(self) -> None:
        check_fields(self)
        _check_levels(self.widths, self.blocks)
        unit = 4 * 2 ** (len(self.widths) - 1)
        if self.crop_size % unit or self.crop_size < 2 * unit:
            raise InputError(
                f"crop_size={self.crop_size}: expected a multiple of {unit} of at least {2 * unit} for "
                f"{len(self.widths)} levels"
            )


def _check_levels(widths: Any, blocks: Any) -> None:
    for name, values in (("widths", widths), ("blocks", blocks)):
        if not isinstance(values, tuple | list) or not values or not all(_is_count(n) for n in values):
            raise InputError(f"{name}={values!r}: expected whole numbers of at least 1, one for each level")
    if len(widths) != len(blocks) or len(widths) > _DEEPEST or max(widths) > _WIDEST:
        raise InputError(
            f"widths={widths!r}, blocks={blocks!r}: expected as many of both, at most {_DEEPEST}, and at most "
            f"{_WIDEST} channels"
        )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def check_fields(settings: Any) -> None:
    """Check the kind and the range of each field of a dataclass that `setting` declared."""
    _check_kinds(settings)
    _check_ranges(settings)


def _check_kinds(settings: Any) -> None:
    """Check the kind of each field of a dataclass that `setting` declared."""
    hints = get_type_hints(type(settings))
    for declared in fields(settings):
        _check_kind(declared.name, getattr(settings, declared.name), hints[declared.name], declared.metadata["range"])


def _check_ranges(settings: Any) -> None:
    """Check that each number with a fraction lies in the range of its field."""
    hints = get_type_hints(type(settings))
    for declared in fields(settings):
        if hints[declared.name] is float:
            _check_range(declared.name, getattr(settings, declared.name), declared.metadata["range"])


def _check_kind(name: str, value: Any, kind: Any, limits: tuple[float, float]) -> None:
    if get_origin(kind) is Literal and value not in get_args(kind):
        raise InputError(f"{name}={value!r}: expected one of {', '.join(get_args(kind))}")
    if kind is int and (not isinstance(value, int) or isinstance(value, bool) or value < limits[0]):
        raise InputError(f"{name}={value!r}: expected at least {limits[0]}, a whole number")
    if kind is float and (not isinstance(value, int | float) or isinstance(value, bool)):
        raise InputError(f"{name}={value!r}: expected a number")
    if kind is bool and not isinstance(value, bool):
        raise InputError(f"{name}={value!r}: expected True or False")


def _check_range(name: str, value: float, limits: tuple[float, float]) -> None:
    least, below = limits
    if not least <= value < below:
        upper = f" and less than {below:g}" if below < float("inf") else ""
        raise InputError(f"{name}={value}: expected a finite number of at least {least:g}{upper}")


def takes_settings(source: type, *, slicegan: bool = False) -> Callable[[type[_T]], type[_T]]:
    """Return a class decorator that makes the class a dataclass with settings as its parameters.

    Each setting that the class `source` declares (of those for the GANs, each that
    SliceGAN takes, with `slicegan`) becomes a keyword-only field of the same name and
    meaning, of type ``X | None`` and default None, which stands for the value of the
    preset.
    """

    def decorate(cls: type[_T]) -> type[_T]:
        hints = get_type_hints(source)
        # The class of the generator decides on the architecture.
        named = [declared for declared in fields(source) if declared.name != "architecture"]
        added = [declared for declared in named if declared.metadata["slicegan"] or not slicegan]
        cls.__annotations__ = get_annotations(cls) | {one.name: hints[one.name] | None for one in added}
        for declared in added:
            setattr(cls, declared.name, field(default=None, metadata=declared.metadata))
        return dataclass(kw_only=True)(cls)

    return decorate


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
    "kernel_impl": "dense",
    "norm": "batch",
    "norm_within": False,
    "even_up": False,
    "up_start": "random",
    "slope": 0.0,
    "skip_start": 1.0,
    "logit_scale": 0.0,
    "straight_through": False,
    "label_noise": 0.0,
    "critic_width": 32,
    "critic_norm": "batch",
    "critic_slope": 0.0,
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
    "lambda_l1": 50.0,
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
    """Return the settings of a preset with some changed.

    Parameters
    ----------
    preset : str
    changes : mapping
        New values by the names of settings. None keeps the preset's value; names
        that are no settings are ignored.
    """
    if preset not in PRESETS:
        raise InputError(f"preset={preset!r}: expected one of {', '.join(PRESETS)}")
    return Settings(**{**PRESETS[preset], **given_settings(Settings, changes)})


#: ``tiny`` is a small network for tests.
FLOW_PRESETS: Mapping[FlowPreset, Mapping[str, Any]] = {
    "default": {},
    "tiny": {
        "widths": (8, 8),
        "blocks": (1, 1),
        "crop_size": 32,
        "batch": 2,
        "ema": 0.9,
        "warm_up": 5,
        "sampling_steps": 4,
    },
}


def flow_settings_of(preset: FlowPreset, changes: Mapping[str, Any]) -> FlowSettings:
    """Return the settings of flow matching of a preset with some changed; see `settings_of`."""
    return FlowSettings(**{**FLOW_PRESETS[preset], **given_settings(FlowSettings, changes)})


def given_settings(settings: type, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the changes that are fields of the class of settings and not None."""
    known = {declared.name for declared in fields(settings)}
    return {key: value for key, value in changes.items() if value is not None and key in known}
