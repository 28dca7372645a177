"""The generator ``rnn``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch

from microchar.core.grid import Triple
from microchar.core.progress import Progress
from microchar.generation.fitted_state import Layout, check_fractions
from microchar.generation.spec import GeneratorSpec
from microchar.generation.streaming import Box
from microchar.generation.training import TrainingData
from microchar_gan.averaged_generator import AveragedGenerator
from microchar_gan.network_generator import PRESET, arrays_of, layout_of, load_arrays
from microchar_gan.networks.devices import choose_device, exact_float32, to_device
from microchar_gan.networks.slice_network import SliceNetwork, drawn_slice
from microchar_gan.plugins import RNN
from microchar_gan.rnn_settings import RnnPreset, RnnSettings, rnn_settings_of
from microchar_gan.settings import setting, takes_settings
from microchar_gan.training.crop_places import LabelCrops
from microchar_gan.training.slice_training import SliceTrainer

#: Voxels that slices are made longer along axes that are not periodic, so that opposite faces are not alike.
_APART = 16
#: Slices whose volume fractions the logits are shifted by, the share of the difference that is, and the largest one. A
#: longer memory or a larger share makes the fractions swing.
_REMEMBERED, _HOLD, _FURTHEST = 2, 0.5, 2.0
#: Slices of a block that is given out at a time.
_SLAB = 16


@takes_settings(RnnSettings)
class SliceRnn(AveragedGenerator):
    r"""Slices along axis 0, one after the other, each drawn from what a recurrent network says of it.

    A convolutional gated recurrent unit remembers the slices so far. A slice is drawn in a few
    passes over interleaved grids of its voxels, from coarse to fine: a small network says how
    probable each phase is at the voxels of the next grid, given the memory and the voxels that
    are known. The product of these probabilities is the likelihood of a volume, exactly; the
    training maximises it on crops of one volume.

    Parameters
    ----------
    preset : {"default", "tiny"}
        Settings to start from; "tiny" is a small network for tests.
    minutes, steps, device, precision
        As for `microchar_gan.gan.UnetGan`.
    **settings
        All fields of `microchar_gan.rnn_settings.RnnSettings`. None, the default of each,
        stands for the value of the preset.

    Notes
    -----
    *Unlike the source*, which gives a slice as the input and adds a critic: the first slice is
    drawn too, and likelihood alone is learnt. Logits are shifted by half of how far
    the volume fractions of the last slices are from those of the material: a network that has
    seen real slices only loses a phase after some dozens of its own. *Memory*: one slice and its features, so that
    volumes may be of any length along axis 0 and as large as a slice allows, about 1.5 kB for each
    of its voxels. *Periodic* along axes 1 and 2. *Limits*: errors add up from slice to slice; voxels of
    one pass are independent of each other given the others; the memory of
    crops that are `crop_size` slices long says nothing about longer structure. *Nothing is held
    out*: judge the model on material that it has not seen.

    References
    ----------
    Zhang, F. et al. (2023), PM-ARNN: 2D-to-3D reconstruction paradigm for microstructure of
    porous media via adversarial recurrent neural network, Knowl.-Based Syst. 264, 110333. van
    den Oord, A., Kalchbrenner, N. and Kavukcuoglu, K. (2016), Pixel recurrent neural networks,
    ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from microchar_gan.slice_rnn import SliceRnn
    >>> real = np.random.default_rng(0).random((40, 40, 40)) < 0.3
    >>> model = SliceRnn(preset="tiny", steps=1).fit(real)
    >>> model.generate((12, 20, 16), periodic=(2,)).shape
    (12, 20, 16)
    """

    spec: ClassVar[GeneratorSpec] = RNN

    preset: RnnPreset = setting("default", PRESET)

    def settings(self) -> RnnSettings:
        """Return the settings of the preset with those that were given."""
        return rnn_settings_of(self.preset, self.given())

    @property
    def layout(self) -> Layout:
        """Return the weights of the network, and the volume fractions of the material."""
        phases = len((self.material or self.default_material()).phases)
        with torch.device("meta"):
            network = SliceNetwork(self.settings(), phases)
        return layout_of(network) | {"fractions": ("float64", (phases,))}

    def check_state(self) -> None:
        """Refuse volume fractions that are none."""
        check_fractions(self.state["fractions"])

    def learn(self, data: TrainingData, rng: np.random.Generator, progress: Progress) -> dict[str, np.ndarray]:
        """Train within the budget; the averaged weights at the end are the model."""
        trainer, crops = self.trained(data, rng, progress, crops_of=LabelCrops, trainer_of=SliceTrainer)
        self.__dict__.pop("_network", None)
        return arrays_of(trainer.average, trainer.average.state_dict()) | {"fractions": crops.fractions}

    def whole_only(self) -> str:
        """Return why a volume is not made in independent tiles."""
        return "each slice is drawn from those before it"

    def make_blocks(
        self, shape: Triple, rng: np.random.Generator, periodic: tuple[int, ...], progress: Progress
    ) -> Iterator[tuple[Box, np.ndarray]]:
        """Draw slice after slice on a torus, and cut the volume from it."""
        network = self._network
        device = next(network.parameters()).device
        source = torch.Generator(device).manual_seed(int(rng.integers(2**62)))
        rows, columns = (
            network.whole(n if axis in periodic else n + _APART) for axis, n in ((1, shape[1]), (2, shape[2]))
        )
        fractions = torch.from_numpy(self.state["fractions"]).float().to(device)
        recent = fractions.clone()
        memory, slab = network.blank(1, (rows, columns)), []
        for position in range(shape[0]):
            progress(position / shape[0], f"slice {position + 1} of {shape[0]}")
            with torch.inference_mode(), exact_float32(device):
                shift = _HOLD * (fractions / recent).log().clamp(-_FURTHEST, _FURTHEST)
                drawn = drawn_slice(network, memory, source, shift)
                recent = recent.lerp(drawn.mean(dim=(0, 2, 3)), 1 / _REMEMBERED)
                memory = network.remember(memory, drawn)
            slab.append(drawn[0].argmax(dim=0).to(torch.uint8).cpu().numpy()[: shape[1], : shape[2]])
            if len(slab) == _SLAB or position + 1 == shape[0]:
                box = (slice(position + 1 - len(slab), position + 1), slice(0, shape[1]), slice(0, shape[2]))
                yield box, np.stack(slab)
                slab = []
        progress(1.0, "slices")

    @cached_property
    def _network(self) -> SliceNetwork:
        """The network with the fitted weights on its device, in float32."""
        assert self.material is not None  # generation needs a fit
        with torch.random.fork_rng(devices=[]):
            network = SliceNetwork(self.settings(), len(self.material.phases))
        load_arrays(network, self.state)
        return to_device(network, choose_device(self.device), torch.channels_last).eval().requires_grad_(False)
