"""What verdicts need besides the results that are shown: volume fractions with errors, and results of sub-volumes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from microchar.comparison.judging import PIECE_METRICS, Side, judge
from microchar.comparison.matching import common_shape, leading, mirrored
from microchar.comparison.planes import Sample
from microchar.comparison.quantities import Measured
from microchar.comparison.subvolumes import piece_shape, pieces
from microchar.core.errors import InputError
from microchar.core.grid import Grid
from microchar.core.result import Result
from microchar.core.verdict import Verdict
from microchar.core.volume import Volume
from microchar.measurement.catalogue import create_metric, find_metric
from microchar.measurement.metric import Metric
from microchar.measurement.tasks import Task

#: Largest edge, in voxels, of the pieces in which diffusion is solved.
_LONGEST_FOR_TRANSPORT = 96


@dataclass(frozen=True)
class Question:
    """What the verdicts of a comparison are about.

    Parameters
    ----------
    groups : mapping of str to sequence of str
        Names of the candidates that are samples of one material, by the name of the group.
    transport : bool
        Whether diffusion is solved in the sub-volumes, along axis 0; if the permeability
        is among the metrics, it is estimated there, too.
    margins : mapping of str to float
        Tolerances by metric id.
    """

    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    transport: bool = False
    margins: Mapping[str, float] = field(default_factory=dict)


class Evidence:
    """The evidence of all verdicts of one comparison.

    Parameters
    ----------
    question : Question
    references, candidates : sequence of Sample
        All references are volumes of one material.
    metrics : sequence of Metric
        Metrics that are measured on the volumes. Of the metrics of sub-volumes only
        those are measured that are among them.
    """

    def __init__(
        self,
        question: Question,
        references: Sequence[Sample],
        candidates: Sequence[Sample],
        metrics: Sequence[Metric],
    ):
        self._question = question
        self._samples = [*references, *candidates]
        self._references = len(references)
        self._sides = self._named_sides(candidates)
        self._volumes = [volume for sample in self._samples for volume in sample.volumes]
        self._shape = common_shape(self._volumes)
        named = {metric.id: metric for metric in metrics}
        self._fraction = named.get("volume_fraction", create_metric("volume_fraction"))
        self._wanted = [named[name] for name in PIECE_METRICS if name in named and name != "volume_fraction"]
        self._wanted += _along_axis_0(named) if question.transport else []
        self._pieces = self._cut()

    def tasks(self) -> list[Task]:
        """Return the tasks whose results `verdicts` needs."""
        tasks = []
        for volume in self._volumes:
            tasks.append(Task([self._fraction], volume))
            if volume.shape != self._shape:
                tasks.append(Task([self._fraction], leading(volume, self._shape)))
        for cut in self._pieces:
            if cut:
                grid = Grid(cut[0].shape, cut[0].voxel_size, cut[0].unit)
                metrics = [self._fraction, *(metric.resolved(grid) for metric in self._wanted)]
                tasks += [Task(metrics, piece, errors=False) for piece in cut]
        return tasks

    def verdicts(
        self, measured: Sequence[Mapping[str, Result]], results: Sequence[Mapping[str, Result]]
    ) -> tuple[Verdict, ...]:
        """Return the verdict of each group, and of each candidate that is in no group.

        Parameters
        ----------
        measured : sequence of mapping
            Results of each volume.
        results : sequence of mapping
            Results of the tasks.
        """
        waiting = iter(results)
        volumes = []
        for volume, of_volume in zip(self._volumes, measured, strict=True):
            fraction = next(waiting)
            of_crop = fraction if volume.shape == self._shape else next(waiting)
            volumes.append(self._measured(volume, of_volume, fraction, of_crop))
        of_pieces = [[next(waiting) for _ in cut] for cut in self._pieces]

        def side(name: str, samples: Sequence[int]) -> Side:
            chosen = [number for sample in samples for number in self._numbers_of(sample)]
            return Side(
                name,
                [volumes[number][0] for number in chosen],
                [volumes[number][1] for number in chosen],
                [of_pieces[number] for number in chosen],
            )

        first = self._volumes[0]
        reference = side(self._samples[0].volume.name, range(self._references))
        margins, ours = self._question.margins, _fractions(volumes[0][0])
        found = []
        for name, members in self._sides.items():
            verdict = judge(reference, side(name, members), first.phases, margins=margins, unit=first.unit)
            number = self._numbers_of(members[0])[0]
            reverse = mirrored(self._volumes[number], ours, _fractions(volumes[number][0]))
            found.append(replace(verdict, notes=(reverse, *verdict.notes)) if reverse else verdict)
        return tuple(found)

    def _named_sides(self, candidates: Sequence[Sample]) -> dict[str, list[int]]:
        """Return the numbers of the samples of each group and of each candidate without one."""
        numbers = {sample.volume.name: self._references + i for i, sample in enumerate(candidates)}
        sides: dict[str, list[int]] = {}
        for group, members in self._question.groups.items():
            unknown = [name for place, name in enumerate(members) if name not in numbers or name in members[:place]]
            if unknown or len(members) < 2:
                known = f"{unknown[0]!r} is none of {', '.join(numbers)}" if unknown else f"found {len(members)}"
                raise InputError(f"group {group!r}: {known}; expected the names of two or more candidates, each once")
            sides[group] = [numbers.pop(name) for name in members]
        return sides | {name: [number] for name, number in numbers.items()}

    def _numbers_of(self, sample: int) -> range:
        start = sum(len(s.volumes) for s in self._samples[:sample])
        return range(start, start + len(self._samples[sample].volumes))

    def _cut(self) -> list[list[Volume]]:
        longest = _LONGEST_FOR_TRANSPORT if self._question.transport else None
        shape = piece_shape(self._volumes, longest=longest) if self._wanted else None
        return [pieces(volume, shape) if shape else [] for volume in self._volumes]

    def _measured(
        self,
        volume: Volume,
        results: Mapping[str, Result],
        of_whole: Mapping[str, Result],
        of_crop: Mapping[str, Result],
    ) -> tuple[Measured, Measured]:
        """Return the results of a volume, and those of its crop of the common shape, with their volume fractions."""
        dependent = {name for name in results if find_metric(name).size_dependent}
        whole = {name: result for name, result in results.items() if name not in dependent}
        cropped = {name: results[name] for name in dependent}
        crop = leading(volume, self._shape)
        return Measured.of(volume, {**whole, **of_whole}), Measured.of(crop, {**cropped, **of_crop})


def _fractions(measured: Measured) -> dict[str, float]:
    return {value.phase: value.value or 0.0 for value in measured.results["volume_fraction"].values}


def _along_axis_0(named: Mapping[str, Metric]) -> list[Metric]:
    """Return what is solved in the pieces: diffusion and, if the permeability is measured, its quick estimator."""
    metric = named.get("effective_diffusivity", create_metric("effective_diffusivity"))
    found = [replace(metric, axes=(0,))]  # type: ignore[call-arg]
    if "permeability" in named:
        found.append(replace(named["permeability"], axes=(0,), estimators=("edt_darcy",)))  # type: ignore[call-arg]
    return found
