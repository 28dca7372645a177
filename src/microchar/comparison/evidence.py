"""What a verdict needs besides the results that are shown: volume fractions with errors, and the results of pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from microchar.comparison.judging import PIECE_METRICS, Side, judge
from microchar.comparison.matching import common_shape, leading
from microchar.comparison.quantities import Measured
from microchar.comparison.subvolumes import piece_shape, pieces
from microchar.core.grid import Grid
from microchar.core.result import Result
from microchar.core.verdict import Verdict
from microchar.core.volume import Volume
from microchar.measurement.catalogue import create_metric, find_metric
from microchar.measurement.measuring import Measurement
from microchar.measurement.metric import Metric
from microchar.measurement.tasks import Task

#: Largest edge, in voxels, of the pieces in which diffusion is solved.
_LONGEST_FOR_TRANSPORT = 96


@dataclass
class Judged:
    """Collects the evidence of the verdicts of one comparison.

    Parameters
    ----------
    transport : bool
        Whether diffusion is solved in the pieces, along axis 0.
    margins : mapping of str to float
        Tolerances by metric id.
    """

    transport: bool = False
    margins: Mapping[str, float] = field(default_factory=dict)

    def tasks(self, volumes: Sequence[Volume], metrics: Sequence[Metric]) -> list[Task]:
        """Return the tasks whose results `verdicts` needs, in its order.

        Of the metrics of pieces only those are measured that are among `metrics`.
        """
        named = {metric.id: metric for metric in metrics}
        self._volumes = volumes
        fraction = named.get("volume_fraction", create_metric("volume_fraction"))
        self._shape = common_shape(volumes)
        tasks = [Task([fraction], sample) for volume in volumes for sample in (volume, leading(volume, self._shape))]
        wanted = [named[name] for name in PIECE_METRICS if name in named and name != "volume_fraction"]
        wanted += [_along_axis_0(named)] if self.transport else []
        shape = piece_shape(volumes, longest=_LONGEST_FOR_TRANSPORT if self.transport else None) if wanted else None
        self._pieces = [pieces(volume, shape) if shape else [] for volume in volumes]
        if shape:
            grid = Grid(shape, volumes[0].voxel_size, volumes[0].unit)
            of_piece = [fraction, *(metric.resolved(grid) for metric in wanted)]
            tasks += [Task(of_piece, piece, errors=False) for cut in self._pieces for piece in cut]
        return tasks

    def verdicts(
        self, reference: Measurement, candidates: Sequence[Measurement], results: Sequence[Mapping[str, Result]]
    ) -> tuple[Verdict, ...]:
        """Return the verdict of each candidate.

        Parameters
        ----------
        reference, candidates
            What was measured of the volumes.
        results : sequence of mapping
            Results of the tasks.
        """
        n = 2 * len(self._volumes)
        of_volumes, rest = iter(results[:n]), iter(results[n:])
        sides = []
        for measurement, cut in zip([reference, *candidates], self._pieces, strict=True):
            whole, cropped = self._measured(measurement, next(of_volumes), next(of_volumes))
            sides.append(Side(measurement.volume.name, [whole], [cropped], [[next(rest) for _ in cut]]))
        first, *others = sides
        volume = reference.volume
        return tuple(judge(first, other, volume.phases, margins=self.margins, unit=volume.unit) for other in others)

    def _measured(
        self, measurement: Measurement, of_whole: Mapping[str, Result], of_crop: Mapping[str, Result]
    ) -> tuple[Measured, Measured]:
        """Return the results of a volume, and those of its crop of the common shape, with their volume fractions."""
        dependent = {name for name in measurement if find_metric(name).size_dependent}
        whole = {name: result for name, result in measurement.items() if name not in dependent}
        cropped = {name: measurement[name] for name in dependent}
        crop = leading(measurement.volume, self._shape)
        return Measured.of(measurement.volume, {**whole, **of_whole}), Measured.of(crop, {**cropped, **of_crop})


def _along_axis_0(named: Mapping[str, Metric]) -> Metric:
    metric = named.get("effective_diffusivity", create_metric("effective_diffusivity"))
    return replace(metric, axes=(0,))  # type: ignore[call-arg]
