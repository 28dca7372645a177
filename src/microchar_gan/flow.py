"""The generator ``sdf-flow``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch

from microchar.core.errors import InputError
from microchar.core.grid import Triple
from microchar.core.progress import Progress, section
from microchar.generation.fitted_state import Layout
from microchar.generation.streaming import Box
from microchar.generation.training import TrainingData
from microchar_gan.averaged_generator import AveragedGenerator
from microchar_gan.network_generator import PRESET, arrays_of, layout_of, load_arrays
from microchar_gan.networks.building import build_flow
from microchar_gan.networks.devices import choose_device, runs_half, to_device
from microchar_gan.networks.distances import CELL, VALUES, n_fields
from microchar_gan.networks.flow_unet import FlowUNet, reach_of
from microchar_gan.networks.fraction_scales import SCALES
from microchar_gan.plugins import SDF_FLOW
from microchar_gan.settings import FlowPreset, FlowSettings, flow_settings_of, setting, takes_settings
from microchar_gan.tiling.flow_sampling import FlowModel, halo_of_flow, labelled, sampled, voxel_depths
from microchar_gan.tiling.held_slice import HeldSlice
from microchar_gan.training.calibration import shift_to
from microchar_gan.training.distance_crops import DistanceCrops
from microchar_gan.training.flow_matching import FlowTrainer

#: Volumes whose mean volume fractions become those of the material, and their edge in crops.
_CALIBRATING, _CROPS = 4, 2
#: Share of the progress of a fit that is training.
_TRAINING = 0.95


@takes_settings(FlowSettings)
class SdfFlow(AveragedGenerator):
    r"""Signed distances of the phases, made from noise by flow matching.

    The signed distance of each phase from its surface is a smooth field, which half the
    resolution holds nearly completely. A U-net learns the velocity of the straight way
    from noise to crops of such fields, by least squares: no critic, no descriptors. A
    volume is made in some dozens of steps along these velocities, each of which puts
    back a part of the noise; the phase whose distance is largest is the label.

    Parameters
    ----------
    preset : {"default", "tiny"}
        Settings to start from; "tiny" is a small network for tests.
    minutes, steps, device
        As for `microchar_gan.gan.UnetGan`.
    precision : {"auto", "float32", "bfloat16"}
        Precision of the convolutions, in training and in generation. "auto" is bfloat16
        where the hardware multiplies it: faster, and a few voxels close to surfaces have
        another label than in float32.
    **settings
        All fields of `microchar_gan.settings.FlowSettings`. None, the default of each,
        stands for the value of the preset.

    Notes
    -----
    *Reproduces*: shapes up to the size of the crops and, after a long enough training,
    how they connect. *Does not reproduce*: grains of one or two voxels, which half
    the resolution cannot hold. *Periodic* along any axis whose length is a multiple of
    4 · 2\ :sup:`levels − 1` voxels. Along other axes the volume is cut from a torus that
    is 32 voxels longer. *Memory*: a tile and its halo for each step, and a byte or two
    per voxel and distance for the distances so far. *Nothing is held out*: judge the
    model on material that it has not seen.

    References
    ----------
    Lipman, Y. et al. (2023), Flow matching for generative modeling, ICLR. Liu, X.,
    Gong, C. and Liu, Q. (2023), Flow straight and fast, ICLR.

    Examples
    --------
    >>> import numpy as np
    >>> from microchar_gan.flow import SdfFlow
    >>> real = np.random.default_rng(0).random((40, 40, 40)) < 0.3
    >>> model = SdfFlow(preset="tiny", steps=1).fit(real)
    >>> model.generate((24, 20, 16), periodic=(0,)).shape
    (24, 20, 16)
    """

    spec: ClassVar = SDF_FLOW

    preset: FlowPreset = setting("default", PRESET)

    def settings(self) -> FlowSettings:
        """Return the settings of the preset with those that were given."""
        return flow_settings_of(self.preset, self.given())

    @property
    def layout(self) -> Layout:
        """Return the arrays of a model: weights, its halo, the scale of the distances and their shift."""
        phases = len((self.material or self.default_material()).phases)
        with torch.device("meta"):
            network = build_flow(self.settings(), phases)
        fields = n_fields(phases)
        return layout_of(network) | {
            "halo": ("int64", (1,)),
            "mean": ("float64", (fields,)),
            "std": ("float64", (VALUES * fields,)),
            "shares": ("float64", (len(SCALES),)),
            "mixing": ("float64", (fields, fields)),
            "shift": ("float64", (phases,)),
        }

    def check_state(self) -> None:
        """Refuse a scale that no distances have, and a halo that no network has."""
        unit, reach = 2 ** (len(self.settings().widths) - 1), reach_of(self.settings().blocks)
        halo = int(self.state["halo"][0])
        if halo not in range(0, reach + 1, unit):
            raise ValueError(f"its halo is {halo}")
        if not (self.state["std"] > 0).all():
            raise ValueError(f"its cells have standard deviations {self.state['std'].tolist()}")

    def learn(self, data: TrainingData, rng: np.random.Generator, progress: Progress) -> dict[str, np.ndarray]:
        """Train within the budget; then shift the distances so that volumes have the material's fractions."""
        progress(0.0, "distances")
        trainer, crops = self.trained(
            data, rng, section(progress, 0.0, _TRAINING), crops_of=DistanceCrops, trainer_of=FlowTrainer
        )
        self.__dict__.pop("_model", None)
        state = arrays_of(trainer.average, trainer.average.state_dict())
        state |= {"mean": crops.mean, "std": crops.std, "shares": crops.local.shares, "mixing": crops.local.mixing}
        begun = self._model_of(state | {"halo": np.zeros(1), "shift": np.zeros(crops.phases)}, crops.phases)
        model = replace(begun, halo=halo_of_flow(begun.network))
        shift = _shift(model, crops.fractions, section(progress, _TRAINING, 1.0))
        return state | {"halo": np.array([model.halo]), "shift": shift}

    def make_blocks(
        self, shape: Triple, rng: np.random.Generator, periodic: tuple[int, ...], progress: Progress
    ) -> Iterator[tuple[Box, np.ndarray]]:
        """Make the distances of the whole volume, then its labels slab by slab."""
        model = self._model
        cells = model.cells(shape, periodic)
        held = self._held(shape, cells)
        state = sampled(
            model, cells, seed=int(rng.integers(2**62)), held=held, progress=section(progress, 0.0, _TRAINING)
        )
        wrong = 0
        for box, labels in labelled(model, state, shape, section(progress, _TRAINING, 1.0)):
            wrong += 0 if held is None else held.set(box, labels)
            yield box, labels
        if held is not None:
            self.remarks["pixels of the slice that were set at the end"] = wrong

    def _held(self, shape: Triple, cells: Triple) -> HeldSlice | None:
        if self.held is None or self.material is None:
            return None
        held = HeldSlice(self.held.labels(self.material, shape), self.held.axis, self.held.index)
        if cells[held.axis] * CELL < held.LEAST:
            raise InputError(
                f"slice at {held.axis}:{held.index}: axis {held.axis} repeats after {cells[held.axis] * CELL} voxels, "
                f"expected at least {held.LEAST} around a slice"
            )
        return held

    def whole_only(self) -> str:
        """Return why a volume is not made in independent tiles."""
        return "each of its steps needs what the last one has made all around"

    @cached_property
    def _model(self) -> FlowModel:
        assert self.material is not None  # generation needs a fit
        return self._model_of(self.state, len(self.material.phases))

    def _model_of(self, state: dict[str, np.ndarray], phases: int) -> FlowModel:
        settings, device = self.settings(), choose_device(self.device)
        with torch.random.fork_rng(devices=[]):
            network: FlowUNet = build_flow(settings, phases)
        load_arrays(network, state)
        network = to_device(network, device, torch.channels_last_3d)
        return FlowModel(
            network.eval().requires_grad_(False),
            settings,
            halo=int(state["halo"][0]),
            mean=state["mean"],
            std=state["std"],
            shares=state["shares"],
            mixing=state["mixing"],
            shift=state["shift"],
            half=runs_half(self.precision, device),
        )


def _shift(model: FlowModel, fractions: np.ndarray, progress: Progress) -> np.ndarray:
    """Return the shift of the distances that gives volumes the fractions of the material, on average."""
    edge = _CROPS * model.settings.crop_size
    deep = []
    for number in range(_CALIBRATING):
        part = section(progress, number / _CALIBRATING, (number + 1) / _CALIBRATING, "volume fractions: ")
        # A periodic volume is made in one tile, if it fits: the halo does not matter.
        made = sampled(model, (edge // CELL,) * 3, seed=number, typical=True, progress=part)
        deep.append(voxel_depths(model, made, (0, edge)).flatten(1))
    return shift_to(torch.cat(deep, dim=1), fractions).double().numpy()
