"""Volume fraction of each phase."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microchar.core.result import Result, Value
from microchar.core.volume import Volume
from microchar.measurement.blocks import Block, Counts
from microchar.measurement.metric import AdditiveMetric


@dataclass(frozen=True, kw_only=True)
class VolumeFraction(AdditiveMetric):
    r"""Volume fraction :math:`\phi_i` of each phase.

    The number of voxels of the phase divided by the number of voxels inside the
    mask: :math:`\phi_i = N_i / N`.

    Notes
    -----
    *Estimator*: voxel count, unbiased.

    *Denominator*: all voxels, or those inside the mask. The value does not depend on
    the boundary condition.

    Examples
    --------
    >>> import microchar as mc
    >>> volume = mc.as_volume([[0, 1, 1, 1]], phases=["pore", "solid"])
    >>> mc.metrics.VolumeFraction()(volume).value(phase="solid").value
    0.75
    """

    id = "volume_fraction"
    title = "Volume fraction"
    symbol = r"\phi"
    summary = "share of the voxels that belong to the phase"
    kind = "scalar"

    def count(self, block: Block) -> Counts:
        """Count the voxels of each phase."""
        core = block.labels[: block.core[0], : block.core[1], : block.core[2]]
        return {"voxels": np.array([np.count_nonzero(core == phase) for phase in range(block.n_phases)])}

    def finish(self, counts: Counts, volume: Volume) -> Result:
        """Divide by the number of voxels inside the mask."""
        voxels = counts["voxels"]
        values = [
            self.scalar(volume.grid, number / voxels.sum(), phase=phase)
            for phase, number in zip(volume.phases, voxels, strict=True)
        ]
        return self.result(volume, values, estimator="voxel count", denominator="voxels inside the mask")

    def observations(self, value: Value) -> float | None:
        r"""Return the number of integral ranges in the volume, :math:`\phi (1 - \phi) / \mathrm{SE}^2`."""
        if value.value is None or not value.standard_error:
            return None
        return value.value * (1 - value.value) / value.standard_error**2
