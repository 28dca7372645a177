"""The generators ``dcgan-3d`` and ``vae-gan``."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch

from microchar.core.grid import Triple
from microchar.core.progress import Progress, section
from microchar.generation.fitted_state import Layout
from microchar.generation.spec import GeneratorSpec
from microchar.generation.streaming import Box
from microchar.generation.training import TrainingData
from microchar_gan.averaged_generator import AveragedGenerator
from microchar_gan.crop_settings import (
    CELL,
    CropPreset,
    DcganSettings,
    VaeGanSettings,
    dcgan_settings_of,
    vae_gan_settings_of,
)
from microchar_gan.network_generator import PRESET, arrays_of, layout_of, load_arrays
from microchar_gan.networks.crop_networks import HALO, Decoder
from microchar_gan.networks.devices import choose_device, exact_float32, to_device
from microchar_gan.plugins import DCGAN_3D, VAE_GAN
from microchar_gan.settings import setting, takes_settings
from microchar_gan.tiling.field_generator import FieldGenerator
from microchar_gan.tiling.tiles import Field, blocks
from microchar_gan.training.calibration import shift_to
from microchar_gan.training.crop_places import LabelCrops
from microchar_gan.training.crop_training import DcganTrainer, VaeGanTrainer

#: Volumes whose mean volume fractions become those of the material; their edge in cells, and seed.
_CALIBRATING, _CELLS, _CALIBRATING_SEED = 4, 6, 3
#: Share of the progress of a fit that is training.
_TRAINING = 0.95


@dataclass(kw_only=True)
class CropGenerator(AveragedGenerator, FieldGenerator):
    """Base of both: the training of a decoder as the fit, volumes of any size in tiles.

    The subclasses take the fields of their settings as further parameters.
    """

    trainer: ClassVar[type[DcganTrainer]]

    preset: CropPreset = setting("default", PRESET)

    @abstractmethod
    def settings(self) -> DcganSettings:
        """Return the settings of the preset with those that were given."""

    @property
    def layout(self) -> Layout:
        """Return the arrays of a model: weights and statistics of the decoder, and the shift of its logits."""
        phases = len((self.material or self.default_material()).phases)
        with torch.device("meta"):
            decoder = Decoder(self.settings(), phases)
        return layout_of(decoder) | {"shift": ("float64", (phases,))}

    def learn(self, data: TrainingData, rng: np.random.Generator, progress: Progress) -> dict[str, np.ndarray]:
        """Train within the budget; then shift the logits so that volumes have the material's fractions."""
        trainer, crops = self.trained(
            data,
            rng,
            section(progress, 0.0, _TRAINING),
            crops_of=LabelCrops,
            trainer_of=self.trainer,
            rates="rate= and critic_rate=",
        )
        self.__dict__.pop("_decoder", None)
        settled = trainer.settled()
        state = arrays_of(settled, settled.state_dict())
        load_arrays(settled, state)
        return state | {"shift": _shift(settled, crops.fractions, section(progress, _TRAINING, 1.0))}

    def make_blocks(
        self, shape: Triple, rng: np.random.Generator, periodic: tuple[int, ...], progress: Progress
    ) -> Iterator[tuple[Box, np.ndarray]]:
        """Make the volume tile by tile."""
        return blocks(self._field, shape, seed=int(rng.integers(2**62)), periodic=periodic, progress=progress)

    @property
    def _field(self) -> Field:
        decoder, shift = self._decoder, torch.from_numpy(self.state["shift"]).float()

        def forward(latents: np.ndarray) -> np.ndarray:
            logits = _logits(decoder, torch.from_numpy(latents)[None])
            return (logits + shift.to(logits)[:, None, None, None]).argmax(dim=0).to(torch.uint8).cpu().numpy()

        return Field(forward, channels=decoder.latents, scale=CELL, halo=HALO, bytes_per_voxel=decoder.bytes_per_voxel)

    @cached_property
    def _decoder(self) -> Decoder:
        """The decoder with the fitted weights on its device; in float32, so that tiles agree."""
        assert self.material is not None  # generation needs a fit
        with torch.random.fork_rng(devices=[]):
            decoder = Decoder(self.settings(), len(self.material.phases))
        load_arrays(decoder, self.state)
        return to_device(decoder, choose_device(self.device), torch.channels_last_3d).eval().requires_grad_(False)


@takes_settings(DcganSettings)
class Dcgan3d(CropGenerator):
    r"""A 3D DCGAN: transposed convolutions of noise, trained against a critic of crops of one volume.

    The generator of Mosser et al. turns independent normal numbers into volumes by four
    transposed convolutions; a critic of the mirrored structure learns to tell crops of the
    training volume from generated ones, and the generator to mislead it.

    Parameters
    ----------
    preset : {"default", "tiny"}
        Settings to start from; "tiny" is a small network for tests.
    minutes, steps, device, precision
        As for `microchar_gan.gan.UnetGan`.
    **settings
        All fields of `microchar_gan.crop_settings.DcganSettings`. None, the default of
        each, stands for the value of the preset.

    Notes
    -----
    *Unlike the source*: the networks are narrower; latents lie on a grid of cells of 16
    voxels on a torus, so that volumes of any size and periodic ones are made in the same way as
    those of the training, and tiles make the whole; upsampling kernels weigh odd and even voxels
    alike; the model is an average of the weights; logits are shifted to the volume fractions of
    the material. *Does not reproduce*: anything longer than about three cells, 48 voxels, beyond
    which latents are independent. *Periodic* along axes whose length is a multiple of 16.
    *Nothing is held out*, and no score chooses the weights: judge the model on material that it
    has not seen.

    References
    ----------
    Mosser, L., Dubrule, O. and Blunt, M. J. (2017), Phys. Rev. E 96, 043309.

    Examples
    --------
    >>> import numpy as np
    >>> from microchar_gan.crop_generators import Dcgan3d
    >>> real = np.random.default_rng(0).random((40, 40, 40)) < 0.3
    >>> model = Dcgan3d(preset="tiny", steps=1).fit(real)
    >>> model.generate((24, 20, 16), periodic=(2,)).shape
    (24, 20, 16)
    """

    spec: ClassVar[GeneratorSpec] = DCGAN_3D
    trainer = DcganTrainer

    preset: CropPreset = setting("default", PRESET)

    def settings(self) -> DcganSettings:
        """Return the settings of the preset with those that were given."""
        return dcgan_settings_of(self.preset, self.given())


@takes_settings(VaeGanSettings)
class VaeGan(CropGenerator):
    r"""A 3D VAE-GAN: a decoder shared by an autoencoder of crops and by a GAN.

    An encoder turns crops of the training volume into latents, which a divergence holds
    near independent normal numbers; the decoder shall turn them into crops that a critic
    finds alike, by the features of a hidden layer, and into ones that it takes for real.
    After the training the encoder is dropped: volumes are decoded noise.

    Parameters
    ----------
    preset : {"default", "tiny"}
        Settings to start from; "tiny" is a small network for tests.
    minutes, steps, device, precision
        As for `microchar_gan.gan.UnetGan`.
    **settings
        All fields of `microchar_gan.crop_settings.VaeGanSettings`. None, the default of
        each, stands for the value of the preset.

    Notes
    -----
    Decoder, critic and limits are those of `Dcgan3d`. *Unlike the source*, which is of
    photographs of faces: three dimensions; latents on a grid of cells; crops are compared
    off their faces, because the decoder works on a torus.

    References
    ----------
    Larsen, A. B. L., Sønderby, S. K., Larochelle, H. and Winther, O. (2016), Autoencoding
    beyond pixels using a learned similarity metric, ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from microchar_gan.crop_generators import VaeGan
    >>> real = np.random.default_rng(0).random((40, 40, 40)) < 0.3
    >>> model = VaeGan(preset="tiny", steps=1).fit(real)
    >>> model.generate((24, 20, 16), periodic=(2,)).shape
    (24, 20, 16)
    """

    spec: ClassVar[GeneratorSpec] = VAE_GAN
    trainer = VaeGanTrainer

    preset: CropPreset = setting("default", PRESET)

    def settings(self) -> VaeGanSettings:
        """Return the settings of the preset with those that were given."""
        return vae_gan_settings_of(self.preset, self.given())


def _logits(decoder: Decoder, latents: torch.Tensor) -> torch.Tensor:
    device = next(decoder.parameters()).device
    with torch.inference_mode(), exact_float32(device):
        return decoder(latents.to(device, memory_format=torch.channels_last_3d))[0]


def _shift(decoder: Decoder, fractions: np.ndarray, progress: Progress) -> np.ndarray:
    """Return the shift of the logits that gives volumes the fractions of the material, on average."""
    source = torch.Generator().manual_seed(_CALIBRATING_SEED)
    made = []
    for number in range(_CALIBRATING):
        progress(number / _CALIBRATING, "volume fractions")
        latents = torch.randn(1, decoder.latents, _CELLS, _CELLS, _CELLS, generator=source)
        made.append(_logits(decoder, latents).flatten(1))
    return shift_to(torch.cat(made, dim=1), fractions).double().cpu().numpy()
