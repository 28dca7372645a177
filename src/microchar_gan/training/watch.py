"""Detection of failing trainings.

It detects losses that are not finite, lost phases, mode collapse, a saturated critic,
and an anisotropic material that is learnt as an isotropic one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from microchar.core.errors import MicrocharError

if TYPE_CHECKING:
    from microchar_gan.training.gan_training import Losses

#: The critic is saturated if real and generated scores differ by this many standard deviations for so many steps.
_APART, _PATIENCE = 8.0, 300
#: A phase is lost if its share is below this part of its real share.
_LOST = 0.02
#: Mode collapse: samples scatter less than this part of the scatter of real blocks.
_ALIKE = 0.2
#: Step of the first score at the latest, and from which on scores cause warnings: until then the network is untrained.
YOUNG = 50


class TrainingError(MicrocharError, RuntimeError):
    """A training that cannot continue; the message says what to change."""


def refuse_divergence(number: int, losses: Mapping[str, float], finite: bool, rates: str) -> None:
    """Raise TrainingError if a loss or a weight is not finite.

    Parameters
    ----------
    number : int
        Step.
    losses : mapping
        Losses of the step, by name.
    finite : bool
        Whether all weights are finite.
    rates : str
        Settings of the learning rates, for the advice.
    """
    broken = [f"the {name} loss is {value}" for name, value in losses.items() if not math.isfinite(value)]
    broken += [] if finite else ["some weights are not finite"]
    if broken:
        raise TrainingError(
            f"step {number}: {broken[0]}; the training has diverged. "
            f"Start again with a lower {rates}, or with precision='float32'; the progress of this training ends before "
            "that step"
        )


class Watch:
    """Warnings of one training, each kind once.

    Parameters
    ----------
    unet : bool
        Whether the generator has the settings of the U-net; the advice depends on it.

    Attributes
    ----------
    warnings : dict of str to str
        Advice, by the kind of failure.
    apart : int
        Consecutive steps with a saturated critic.
    """

    def __init__(self, unet: bool = True) -> None:
        self.unet = unet
        self.warnings: dict[str, str] = {}
        self.apart = 0

    def directions(self, difference: float | None) -> None:
        """Check the result of `direction_difference` for a material that is learnt as an isotropic one."""
        if difference is not None:
            self._warn(
                "directions differ",
                f"interfaces across one axis outnumber those across another by {difference:.0%}, and one critic for "
                "all directions learns their mixture; use one critic per axis: anisotropic=True (--anisotropic)",
            )

    def step(self, number: int, losses: Losses, finite: bool = True) -> None:
        """Check the losses of a step; raise TrainingError if a loss or a weight is not finite."""
        refuse_divergence(number, vars(losses), finite, "rate= and critic_rate=")
        self.apart = self.apart + 1 if losses.separation > _APART else 0
        if self.apart == _PATIENCE:
            self._warn(
                "critic saturation",
                f"for {_PATIENCE} steps up to {number} the critic separated all generated slices from the real ones; "
                "raise penalty_weight=, or lower critic_rate= or n_critic=",
            )

    def score(self, number: int, samples: Sequence[np.ndarray], real: np.ndarray, spread: float | None) -> bool:
        """Check the volume fractions of samples against the `real` ones, and the ratio of spreads.

        Returns whether all phases are present. Volumes without one can still be close in
        every mean if the material scatters much, but are useless.
        """
        shares = np.array([np.mean([sample == phase for sample in samples]) for phase in range(len(real))])
        lost = np.flatnonzero(shares < _LOST * real)
        if number < YOUNG:
            return not len(lost)
        for phase in lost:
            self._warn(
                f"phase {phase} lost",
                f"at step {number} samples held {shares[phase]:.2%} of it, the material {real[phase]:.2%}; "
                + ("raise lambda_l1= (with l1_match='descriptor'), or " if self.unet else "")
                + "train longer at a lower rate=",
            )
        if _all_equal(samples) or (spread is not None and spread < _ALIKE):
            what = "equal" if spread is None else f"alike: they scatter {spread:.2f} times as much as real blocks"
            self._warn(
                "mode collapse",
                f"at step {number} samples of different noise were {what}; "
                "raise slices_per_axis= or batch="
                + (", lower lambda_l1=, or raise noise_channels=" if self.unet else ""),
            )
        return not len(lost)

    def _warn(self, what: str, advice: str) -> None:
        self.warnings.setdefault(what, advice)


def _all_equal(samples: Sequence[np.ndarray]) -> bool:
    return len(samples) > 1 and all(np.array_equal(samples[0], sample) for sample in samples[1:])
