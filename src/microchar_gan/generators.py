"""The plugins ``unet-gan`` and ``slicegan``: training data in, weights out, volumes of any size."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache, cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args, get_type_hints

import numpy as np
import torch

from microchar.comparison.held_out import HeldOut
from microchar.core.errors import InputError
from microchar.core.grid import Triple
from microchar.core.progress import Progress
from microchar.generation.fitted_state import Layout
from microchar.generation.spec import GeneratorSpec
from microchar.generation.streaming import Box, StreamingGenerator
from microchar.generation.training import TrainingData
from microchar_gan.devices import Device, Precision, choose_device, describe, place, runs_half
from microchar_gan.networks.building import Network, build, described, field_of, halo_of, reach_of
from microchar_gan.networks.unet import UNet
from microchar_gan.plugins import SLICEGAN, UNET_GAN
from microchar_gan.settings import Preset, Settings, settings_of
from microchar_gan.tiling.tiles import Field, blocks
from microchar_gan.training.condition import around_a_slice
from microchar_gan.training.fitting import Fit
from microchar_gan.training.orientation import direction_difference
from microchar_gan.training.slicing import RealSlices
from microchar_gan.training.split import split
from microchar_gan.training.trainer import Trainer


@dataclass(kw_only=True)
class GanGenerator(StreamingGenerator):
    """What both share: a fit that trains, a state that is weights, and tiles."""

    preset: Preset = "default"
    minutes: float = 30.0
    steps: int | None = None
    device: Device = "auto"
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for name in ("preset", "device", "precision"):
            value, able = getattr(self, name), get_args(hints[name])
            if value not in able:
                raise InputError(f"{name}={value!r}: expected {' or '.join(able)}")
        if not isinstance(self.minutes, int | float) or not self.minutes > 0:
            raise InputError(f"minutes={self.minutes!r}: expected a number greater than 0")
        if self.steps is not None and (not isinstance(self.steps, int) or self.steps < 1):
            raise InputError(f"steps={self.steps!r}: expected a whole number of at least 1, or none to go by minutes")
        self.settings()

    def settings(self) -> Settings:
        """Return the preset with what was set otherwise."""
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        return settings_of(self.preset, own)

    @classmethod
    def when_unset(cls) -> Mapping[str, Any]:
        """Return the settings of the default preset."""
        return asdict(cls().settings())

    @property
    def layout(self) -> Layout:
        """Return the arrays of the network: its weights, in half precision."""
        return described(self.settings(), len((self.material or self.default_material()).phases))

    def learn(self, data: TrainingData, rng: np.random.Generator, progress: Progress) -> dict[str, np.ndarray]:
        """Train until the budget is spent; return the weights that scored best on held-out material."""
        settings = self.settings()
        device = choose_device(self.device)
        half = runs_half(self.precision, device)
        parts = split(data, settings.slice_size)
        real = RealSlices(
            parts.labels, len(data.material.phases), settings.slice_size, device, isotropic=not settings.anisotropic
        )
        seed = int(rng.integers(2**62))
        trainer = Trainer(settings, real, device=device, half=half, seed=seed)
        reach = cache(lambda: reach_of(trainer.average))
        fit = Fit(
            trainer,
            HeldOut(parts.held_out, (settings.field,) * 3),
            data.material,
            minutes=self.minutes,
            steps=self.steps,
            identity={
                "revision": self.spec.revision,
                "settings": _plain(asdict(settings)),
                "data": self.history["data"]["sha256"],
                "seed": seed,
            },
            folder=self.folder,
            keep=lambda best, path: self._keep(trainer, best, path, reach),
        )
        if not settings.anisotropic:
            fit.watch.directions(direction_difference(parts.labels))
        if self.resume:
            fit.resume()
        best = fit.run(progress)
        self.history |= {
            "steps": trainer.steps,
            "minutes": round(fit.minutes_spent(), 2),
            "best_step": fit.best_step,
            "best_score": fit.best_total if np.isfinite(fit.best_total) else None,
            "held_out": parts.how,
            "machine": describe(device, half),
            "torch": torch.__version__,
        } | ({"warnings": fit.watch.warnings} if fit.watch.warnings else {})
        self.__dict__.pop("_network", None)
        return _state(trainer, best, halo_of)

    def save(self, path: str | Path) -> None:
        """Write the model, as `microchar.Generator.save`: where it will generate there may be another device."""
        portable = copy.copy(self)
        portable.device = "auto"
        super(GanGenerator, portable).save(path)

    def _keep(self, trainer: Trainer, best: dict[str, torch.Tensor], path: Path, reach: Callable[[], int]) -> None:
        """Write the best model so far, to be ranked while the training goes on."""
        model = type(self)(**self.parameters())
        model.material, model.history = self.material, {**self.history, "steps": trainer.steps}
        model.state = _state(trainer, best, lambda _: reach())
        model.save(path)

    def make_blocks(
        self, shape: Triple, rng: np.random.Generator, periodic: tuple[int, ...], progress: Progress
    ) -> Iterator[tuple[Box, np.ndarray]]:
        """Make the volume tile by tile; around a slice, whole."""
        if isinstance(self._network, UNet) and "slices" in self.state:
            return around_a_slice(self._network, self.state["slices"], shape, rng, periodic, progress)
        return blocks(self.as_field(), shape, seed=int(rng.integers(2**62)), periodic=periodic, progress=progress)

    def as_field(self) -> Field:
        """Return the fitted network as its tiles see it, for `microchar_gan.tiling.halo.seam_mismatch`.

        Raises
        ------
        InputError
            If it is given a slice: such volumes are not made in tiles.
        """
        if "slices" in self.state:
            raise InputError(
                "input='slice': volumes around a slice are made whole, not in tiles; there is no such field"
            )
        return field_of(self._network, int(self.state["halo"][0]))

    @cached_property
    def _network(self) -> Network:
        """The network with the fitted weights, on the device it generates on; in float32, as tiles must agree."""
        device = choose_device(self.device)
        assert self.material is not None  # nothing is generated before a fit
        with torch.random.fork_rng(devices=[]):
            network = build(self.settings(), len(self.material.phases))
        _load(network, self.state)
        return place(network, device, torch.channels_last_3d).eval().requires_grad_(False)


@dataclass(kw_only=True)
class UnetGan(GanGenerator):
    r"""A U-net that turns noise into volumes, trained against a critic of their slices.

    The generator is an encoder and a decoder with skips on a torus; multi-scale
    hierarchical feature aggregation (MHFA), multi-scale channel aggregation (MSCA)
    and attention (CBAM) sit in the decoder. Random slices along the three axes of
    its volumes, and of the training data, go to a 2D critic. The generator lowers

    .. math:: L_G = -\lambda_w \langle D(G(z)) \rangle + \lambda_r L_1 ,

    the critic :math:`L_D = \langle D(G(z)) \rangle - \langle D(x) \rangle` plus what keeps it
    Lipschitz. Samples of an average of the generator's weights are scored by the
    core's metrics against a part of the data that is held out; the weights with the
    best score are the model.

    Parameters
    ----------
    preset : {"default", "paper", "baseline", "tiny"}
        Settings to begin with: our own; the source as literally as it can be; the
        U-net without MHFA, MSCA, CBAM and L1; a small one to try things with.
    minutes : float
        Time budget of the fit.
    steps : int, optional
        Ends the fit after so many steps instead; only then does a seeded fit repeat.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to train. A model generates where there is an accelerator, on it.
    precision : {"auto", "float32", "bfloat16"}
        Of the convolutions in training; penalties and losses are in float32, and so
        is generation.
    **settings
        All others, where given, replace those of the preset: see
        `microchar_gan.settings.Settings`.

    Notes
    -----
    *What it reproduces*: as much of the slices' statistics as the training came to;
    the documentation's table says what was measured. *What it does not*: structure
    larger than the slices that critics see (`slice_size` voxels). *Periodic* along any axis
    whose length is a multiple of ``2**depth``. *Memory*: volumes are made tile by
    tile, a tile and its halo at a time. *Around a slice*: with ``input="slice"`` the
    model keeps some real slices and makes each volume around one, which lies in the
    middle of axis 0; whole, no larger than `field`, and not periodic.

    References
    ----------
    Zheng, Y. and Song, L., A generative machine learning model for material
    microstructure 3D reconstruction and performance evaluation. Kench, S. and
    Cooper, S. J. (2021), Nature Machine Intelligence 3, 299 (slices of a volume
    for a 2D critic).

    Examples
    --------
    >>> import numpy as np
    >>> from microchar_gan.generators import UnetGan
    >>> real = np.random.default_rng(0).random((40, 40, 40)) < 0.3
    >>> model = UnetGan(preset="tiny", steps=1).fit(real)
    >>> model.generate((24, 20, 16), periodic=(0,)).shape
    (24, 20, 16)
    """

    spec: ClassVar[GeneratorSpec] = UNET_GAN

    preset: Literal["default", "paper", "baseline", "tiny"] = "default"
    input: Literal["noise", "slice"] | None = None
    noise_channels: int | None = None
    width: int | None = None
    depth: int | None = None
    mhfa_kernels: tuple[int, ...] | None = None
    msca_kernels: tuple[int, ...] | None = None
    kernel_impl: Literal["stacked", "dense", "dilated"] | None = None
    cbam: bool | None = None
    norm: Literal["renorm", "batch", "none"] | None = None
    norm_within: bool | None = None
    even_up: bool | None = None
    skip_start: float | None = None
    logit_scale: float | None = None
    straight_through: bool | None = None
    label_noise: float | None = None
    critic_width: int | None = None
    critic_norm: Literal["none", "batch"] | None = None
    anisotropic: bool | None = None
    loss: Literal["wasserstein", "wasserstein+l1"] | None = None
    l1_match: Literal["descriptor", "index", "conditional", "none"] | None = None
    lambda_w: float | None = None
    lambda_l1: float | None = None
    lipschitz: Literal["gp", "clip", "r1r2"] | None = None
    penalty_weight: float | None = None
    clip: float | None = None
    field: int | None = None
    slice_size: int | None = None
    batch: int | None = None
    slices_per_axis: int | None = None
    warm_up: int | None = None
    n_critic: int | None = None
    rate: float | None = None
    critic_rate: float | None = None
    half_rate: int | None = None
    beta1: float | None = None
    beta2: float | None = None
    ema: float | None = None
    calibrate: bool | None = None
    augment: bool | None = None
    score_every: int | None = None


@dataclass(kw_only=True)
class SliceGan(GanGenerator):
    """SliceGAN: a 3D generator from a small latent block, judged by a 2D critic of its slices.

    The baseline of `UnetGan`: no U-net and no attention, five critic steps for each
    of the generator, Adam 1e-4 (0, 0.9), gradient penalty of weight 10, as its authors
    give them.

    Parameters
    ----------
    minutes, steps, device, precision
        As of `UnetGan`.
    width : int, optional
        Channels of the first layer, 1024 in the source; a multiple of 32.
    field, slice_size : int, optional
        Edges of the volumes and of the slices in training, 64 in the source; `field` a multiple of 32.
    **settings
        See `microchar_gan.settings.Settings`.

    Notes
    -----
    *Periodic* along axes whose length is a multiple of 32.

    References
    ----------
    Kench, S. and Cooper, S. J. (2021), Nature Machine Intelligence 3, 299.
    """

    spec: ClassVar[GeneratorSpec] = SLICEGAN

    preset: Literal["slicegan"] = "slicegan"
    width: int | None = None
    critic_width: int | None = None
    anisotropic: bool | None = None
    penalty_weight: float | None = None
    field: int | None = None
    slice_size: int | None = None
    batch: int | None = None
    slices_per_axis: int | None = None
    n_critic: int | None = None
    rate: float | None = None
    critic_rate: float | None = None
    half_rate: int | None = None
    score_every: int | None = None


def _state(trainer: Trainer, weights: dict[str, torch.Tensor], halo: Callable[[Network], int]) -> dict[str, np.ndarray]:
    """Return what a model keeps, in the precision of its file: it generates the same now and when it is read again."""
    network = copy.deepcopy(trainer.average)
    halves = {key for key, _ in network.named_parameters()}
    state = {
        key: (value.half() if key in halves else value).cpu().numpy()
        for key, value in weights.items()
        if value.is_floating_point()
    }
    _load(network, state)
    kept = {} if trainer.conditions is None else {"slices": trainer.conditions.kept()}
    return {**state, **kept, "halo": np.array([halo(network)])}


def _load(network: Network, state: dict[str, np.ndarray]) -> None:
    weights = {key: torch.from_numpy(array).float() for key, array in state.items() if key != "halo"}
    # What is missing counts the batches that batch norm has averaged, which matters to training only.
    network.load_state_dict(weights, strict=False)


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings as JSON gives them back."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in settings.items()}
