"""The generators ``unet-gan`` and ``slicegan``."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch

from microchar.comparison.held_out import HeldOut
from microchar.core.errors import InputError
from microchar.core.grid import Triple
from microchar.core.progress import Progress
from microchar.generation.fitted_state import Layout
from microchar.generation.spec import GeneratorSpec
from microchar.generation.streaming import Box
from microchar.generation.training import TrainingData
from microchar_gan.network_generator import PRESET, NetworkGenerator, arrays_of, layout_of, load_arrays
from microchar_gan.networks.building import Network, build
from microchar_gan.networks.conditioning import KEPT_SLICES
from microchar_gan.networks.devices import choose_device, describe, runs_half, to_device
from microchar_gan.networks.unet import UNet
from microchar_gan.plugins import SLICEGAN, UNET_GAN
from microchar_gan.settings import Preset, Settings, setting, settings_of, takes_settings
from microchar_gan.tiling.conditional import around_a_slice
from microchar_gan.tiling.field_generator import FieldGenerator
from microchar_gan.tiling.network_field import field_of, halo_of, reach_of
from microchar_gan.tiling.tiles import Field, blocks
from microchar_gan.training.gan_fitting import GanFit
from microchar_gan.training.gan_training import GanTrainer
from microchar_gan.training.orientation import direction_difference
from microchar_gan.training.slicing import RealSlices
from microchar_gan.training.splitting import split


@dataclass(kw_only=True)
class GanGenerator(NetworkGenerator, FieldGenerator):
    """Base of both generators: training as the fit, weights as the state, generation in tiles.

    The subclasses take `Settings` as further parameters, see `takes_settings`.
    """

    preset: Preset = setting("default", PRESET)

    def settings(self) -> Settings:
        """Return the settings of the preset with those that were given."""
        return settings_of(self.preset, self.given())

    @property
    def layout(self) -> Layout:
        """Return the arrays of a model: weights and statistics of the network, its halo, and real slices if any."""
        settings = self.settings()
        with torch.device("meta"):
            network = build(settings, len((self.material or self.default_material()).phases))
        layout = layout_of(network)
        layout |= {"halo": ("int64", (1,))}
        if settings.input == "slice":
            layout |= {"slices": ("uint8", (KEPT_SLICES, settings.field, settings.field))}
        return layout

    def learn(self, data: TrainingData, rng: np.random.Generator, progress: Progress) -> dict[str, np.ndarray]:
        """Train within the budget; return the weights that scored best on held-out material."""
        settings = self.settings()
        device = choose_device(self.device)
        half = runs_half(self.precision, device)
        parts = split(data, settings.slice_size)
        real = RealSlices(
            parts.labels, len(data.material.phases), settings.slice_size, device, isotropic=not settings.anisotropic
        )
        seed = int(rng.integers(2**62))
        trainer = GanTrainer(settings, real, device=device, half=half, seed=seed)
        reach = cache(lambda: reach_of(trainer.average))
        fit = GanFit(
            trainer,
            HeldOut(parts.held_out, (settings.field,) * 3),
            data.material,
            minutes=self.minutes,
            steps=self.steps,
            identity=self.identity(seed),
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
        for cached in ("_network", "_field"):
            self.__dict__.pop(cached, None)
        return _state(trainer, best, halo_of)

    def _keep(self, trainer: GanTrainer, best: dict[str, torch.Tensor], path: Path, reach: Callable[[], int]) -> None:
        """Write the best model so far, for use while the training continues."""
        model = type(self)(**self.parameters())
        model.material, model.history = self.material, {**self.history, "steps": trainer.steps}
        model.state = _state(trainer, best, lambda _: reach())
        model.save(path)

    def make_blocks(
        self, shape: Triple, rng: np.random.Generator, periodic: tuple[int, ...], progress: Progress
    ) -> Iterator[tuple[Box, np.ndarray]]:
        """Make the volume tile by tile, or at once if it is made around a slice."""
        if isinstance(self._network, UNet) and "slices" in self.state:
            return around_a_slice(self._network, self.state["slices"], shape, rng, periodic, progress)
        return blocks(self._field, shape, seed=int(rng.integers(2**62)), periodic=periodic, progress=progress)

    def whole_only(self) -> str:
        """Return why volumes around a slice are not made in tiles."""
        return "with input='slice' a volume is made around one slice" if "slices" in self.state else ""

    @cached_property
    def _field(self) -> Field:
        return self.as_field()

    def as_field(self) -> Field:
        """Return the fitted network as a `Field`, for `microchar_gan.tiling.halo.seam_mismatch`.

        Raises
        ------
        InputError
            If the model has ``input="slice"``: such volumes are not made in tiles.
        """
        if "slices" in self.state:
            raise InputError(
                "input='slice': volumes around a slice are not made in tiles; use a model of input='noise'"
            )
        return field_of(self._network, int(self.state["halo"][0]))

    @cached_property
    def _network(self) -> Network:
        """The network with the fitted weights on its device; in float32, so that tiles agree."""
        device = choose_device(self.device)
        assert self.material is not None  # generation needs a fit
        with torch.random.fork_rng(devices=[]):
            network = build(self.settings(), len(self.material.phases))
        load_arrays(network, self.state)
        return to_device(network, device, torch.channels_last_3d).eval().requires_grad_(False)


@takes_settings(Settings)
class UnetGan(GanGenerator):
    r"""A U-net that turns noise into volumes, trained against a critic of their slices.

    The generator is an encoder and a decoder with skip connections and circular
    padding. The decoder contains multi-scale hierarchical feature aggregation (MHFA),
    multi-scale channel aggregation (MSCA) and attention (CBAM). A 2D critic sees
    random slices along the three axes, of generated volumes and of the training data.
    The generator minimises

    .. math:: L_G = -\lambda_w \langle D(G(z)) \rangle + \lambda_1 L_1 ,

    and the critic :math:`L_D = \langle D(G(z)) \rangle - \langle D(x) \rangle` plus a term
    that keeps it Lipschitz. During training, samples of an average of the generator's
    weights are scored by microchar's metrics against a held-out part of the data. The
    weights with the best score are the model.

    Parameters
    ----------
    preset : {"default", "paper", "baseline", "tiny"}
        Settings to start from: microchar's; those of the source, as literally as
        possible; the U-net without MHFA, MSCA, CBAM and L1; a small network for tests.
    minutes : float
        Time budget of the fit.
    steps : int, optional
        Number of training steps, instead of the time budget. A seeded fit is
        reproducible only with it.
    device : {"auto", "cpu", "cuda", "mps"}
        Device for training and generation; "auto" uses an accelerator if there is one.
        A loaded model has "auto".
    precision : {"auto", "float32", "bfloat16"}
        Precision of the convolutions in training. Penalties, losses and generation
        always use float32.
    **settings
        All fields of `microchar_gan.settings.Settings` except `architecture`. None,
        the default of each, stands for the value of the preset.

    Notes
    -----
    *Reproduces*: statistics of slices, as far as the training succeeds; the
    documentation has measured examples. *Does not reproduce*: structure larger than
    the slices that critics see (`slice_size` voxels). *Periodic* along any axis whose
    length is a multiple of ``2**depth``. *Memory*: volumes are made tile by tile; memory
    holds one tile and its halo. *Around a slice*: with ``input="slice"`` the model
    stores some real slices and makes each volume around one of them, which lies in the
    middle of axis 0. Such volumes are made at once, are no larger than `field`, and are
    not periodic.

    References
    ----------
    Zheng, Y. and Song, L., A generative machine learning model for material
    microstructure 3D reconstruction and performance evaluation. Kench, S. and
    Cooper, S. J. (2021), Nature Machine Intelligence 3, 299 (slices of a volume
    for a 2D critic).

    Examples
    --------
    >>> import numpy as np
    >>> from microchar_gan.gan import UnetGan
    >>> real = np.random.default_rng(0).random((40, 40, 40)) < 0.3
    >>> model = UnetGan(preset="tiny", steps=1).fit(real)
    >>> model.generate((24, 20, 16), periodic=(0,)).shape
    (24, 20, 16)
    """

    spec: ClassVar[GeneratorSpec] = UNET_GAN

    preset: Literal["default", "paper", "baseline", "tiny"] = setting("default", PRESET)


@takes_settings(Settings, slicegan=True)
class SliceGan(GanGenerator):
    """SliceGAN: a 3D generator from a small latent block, judged by a 2D critic of its slices.

    The baseline of `UnetGan`, with the settings of its authors: no U-net and no
    attention, five critic steps per generator step, Adam with rate 1e-4 and beta
    (0, 0.9), gradient penalty of weight 10.

    Parameters
    ----------
    minutes, steps, device, precision
        As for `UnetGan`.
    **settings
        Some fields of `microchar_gan.settings.Settings`, as for `UnetGan`; ``microchar
        generators slicegan`` lists them. `width` and `field` must be multiples of 32.

    Notes
    -----
    *Periodic* along axes whose length is a multiple of 32.

    References
    ----------
    Kench, S. and Cooper, S. J. (2021), Nature Machine Intelligence 3, 299.
    """

    spec: ClassVar[GeneratorSpec] = SLICEGAN

    preset: Literal["slicegan"] = setting("slicegan", PRESET)


def _state(
    trainer: GanTrainer, weights: dict[str, torch.Tensor], halo: Callable[[Network], int]
) -> dict[str, np.ndarray]:
    """Return the arrays of a model in the precision of its file, so that saving does not change what it generates."""
    network = copy.deepcopy(trainer.average)
    state = arrays_of(network, weights)
    load_arrays(network, state)
    kept = {} if trainer.conditions is None else {"slices": trainer.conditions.kept()}
    return {**state, **kept, "halo": np.array([halo(network)])}
