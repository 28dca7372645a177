"""Says when a training goes wrong.

Losses that are no numbers, lost phases, volumes all alike, a critic that won, an
oriented material taken for an isotropic one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from microchar.core.errors import MicrocharError
from microchar_gan.training.trainer import Losses

#: Real and generated scores this many standard deviations apart, for so many steps, and the generator learns nothing.
_APART, _PATIENCE = 8.0, 300
#: A phase with less than this part of its real share is lost.
_LOST = 0.02
#: Samples that scatter less than this part of the real blocks are copies of each other.
_ALIKE = 0.2
#: Scores before this step are of an untrained network.
_YOUNG = 200


class TrainingError(MicrocharError, RuntimeError):
    """A training that cannot go on; the message says what to change."""


class Watch:
    """Keeps what went wrong, each kind once.

    Parameters
    ----------
    unet : bool
        Whether the generator has the settings of the U-net, for the advice.

    Attributes
    ----------
    warnings : dict of str to str
        What to do about it, by what it is.
    apart : int
        Steps in a row in which the critic told all slices from each other.
    """

    def __init__(self, unet: bool = True) -> None:
        self.unet = unet
        self.warnings: dict[str, str] = {}
        self.apart = 0

    def directions(self, difference: float | None) -> None:
        """Look at what `direction_difference` finds of a material that is learnt as an isotropic one."""
        if difference is not None:
            self._warn(
                "directions differ",
                f"interfaces across one axis outnumber those across another by {difference:.0%}, and one critic for "
                "all directions learns their mixture; ask for one for each axis: anisotropic=True (--anisotropic)",
            )

    def step(self, number: int, losses: Losses, finite: bool = True) -> None:
        """Look at the losses of a step, and whether all weights are finite; if not, raise TrainingError."""
        broken = [f"the {name} loss is {value}" for name, value in vars(losses).items() if not math.isfinite(value)]
        broken += [] if finite else ["weights are no numbers any more"]
        if broken:
            raise TrainingError(
                f"step {number}: {broken[0]}; the training has diverged. "
                "Begin anew with a lower rate= and critic_rate=, or with precision='float32'; the progress of this one "
                "ends before that step"
            )
        self.apart = self.apart + 1 if losses.separation > _APART else 0
        if self.apart == _PATIENCE:
            self._warn(
                "critic saturation",
                f"for {_PATIENCE} steps up to {number} the critic told every generated slice from the real ones; "
                "raise penalty_weight=, or lower critic_rate= or n_critic=",
            )

    def score(self, number: int, samples: Sequence[np.ndarray], real: np.ndarray, spread: float | None) -> bool:
        """Look at samples: the volume fractions beside the `real` ones, and the ratio of spreads.

        Returns whether all phases are there: volumes that lack one can be near in
        every mean, where the material scatters much, and are of no use.
        """
        shares = np.array([np.mean([sample == phase for sample in samples]) for phase in range(len(real))])
        lost = np.flatnonzero(shares < _LOST * real)
        if number < _YOUNG:
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
