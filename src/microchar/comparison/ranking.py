"""`rank`: sort generators and generated volumes by their distance from held-out material."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from microchar.comparison.candidates import volumes_of
from microchar.comparison.cutting import count_blocks
from microchar.comparison.held_out import HeldOut
from microchar.comparison.score import Score
from microchar.core.errors import InputError
from microchar.core.grid import Triple
from microchar.core.notebook import html_table
from microchar.core.progress import Progress, section, silent
from microchar.core.specimen import Specimen
from microchar.core.text import aligned, by
from microchar.core.volume import Volume, as_volume
from microchar.measurement.metric import Metric

if TYPE_CHECKING:
    import pandas as pd

#: Name of the row of the held-out blocks themselves.
REAL = "(another real piece)"
#: Share of the draws in which a candidate with a larger total may be better, if it is to have a rank of its own.
_CHANCE = 0.025
#: Possible edges of blocks if no shape is given: the first edge of which `_ENOUGH` blocks fit is used.
_EDGES = (64, 56, 48, 40, 32, 24, 16)
_ENOUGH = 4
#: Share of the work, for the progress, that is to measure the held-out blocks.
_SHARE_OF_BLOCKS = 0.2


#: Headings of columns; the heading for other metrics is their id.
_HEADS = {
    "volume_fraction": "φ",
    "specific_surface_area": "s",
    "two_point_correlation": "S2",
    "two_point_cluster": "C2",
    "lineal_path": "L",
    "chord_length_distribution": "chords",
    "local_porosity": "local φ",
    "euler_characteristic": "Euler",
    "largest_cluster_fraction": "largest",
    "percolating_fraction": "percol.",
    "effective_diffusivity": "D_eff",
    "permeability": "k",
}


@runtime_checkable
class SampleSource(Protocol):
    """The part of the interface of a generator that a ranking uses; see `microchar.Generator`."""

    @property
    def id(self) -> str:
        """Name of the generator if no other name is given."""

    @property
    def trained_on(self) -> str:
        """SHA-256 of the voxels that the generator was fitted to; "" if there are none."""

    def least_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Return the smallest shape that can be generated and that contains a block of `shape`, or slices like it."""

    def generate(self, shape: Sequence[int], *, seed: int = 0, progress: Progress | None = None) -> Volume:
        """Generate a volume."""


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """A candidate and its score.

    Parameters
    ----------
    name : str
    score : Score
    rank : int
        Place among the candidates, from 1. Candidates whose totals cannot be told apart
        from that of the first of them share a rank.
    notes : tuple of str
        Warnings, for example that the candidate was trained on the held-out voxels.
    """

    name: str
    score: Score
    rank: int = 1
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, repr=False)
class Ranking:
    """Candidates sorted by their score, the nearest to the held-out material first.

    Parameters
    ----------
    held_out : HeldOut
        The material that the candidates were compared with.
    entries : tuple of Ranked
        The candidates, the nearest first.
    real : Score
        Score of the held-out blocks themselves, for scale.
    """

    held_out: HeldOut
    entries: tuple[Ranked, ...]
    real: Score

    def __repr__(self) -> str:
        return "\n".join([self._title(), *self.lines()])

    def _repr_html_(self) -> str:
        head, *rows = self._cells()
        notes = [f"{entry.name}: {note}" for entry in self.entries for note in entry.notes]
        return html_table(self._title(), head, rows, notes)

    def _title(self) -> str:
        return f"Ranking by {self.held_out.n_blocks} held-out blocks of {by(self.held_out.shape)} voxels"

    def lines(self) -> list[str]:
        """Return the table as lines of text, the real blocks among the candidates."""
        return aligned(self._cells(), numbers=True)

    def _cells(self) -> list[list[str]]:
        """Return the cells of the table, the headings first."""
        metrics = self.held_out.metrics
        rows = [["candidate", "rank", "total", "interval", "spread", *(_HEADS.get(m, m) for m in metrics), "verdict"]]
        for rank, name, score in self._rows():
            numbers = [score.spread, *(score.ratios[metric] for metric in metrics)]
            interval = "–".join(map(_number, score.interval)) if score.interval else "–"
            word = str(score.verdict.word) if score.verdict else "–"
            rows.append([name, rank, _number(score.total), interval, *map(_number, numbers), word])
        return rows

    def _rows(self) -> list[tuple[str, str, Score]]:
        """Return rank, name and score of all rows, sorted by their totals."""
        rows = [(str(entry.rank), entry.name, entry.score) for entry in self.entries]
        return sorted([*rows, ("", REAL, self.real)], key=lambda row: row[2].total)

    def to_pandas(self) -> pd.DataFrame:
        """Return a table with a row for each candidate and one for the real blocks.

        Columns: total, its interval, spread, and the ratio of each metric.
        """
        import pandas as pd

        rows = [{"candidate": name, **score.row()} for _, name, score in self._rows()]
        return pd.DataFrame(rows).set_index("candidate").astype(float)

    def with_candidates(
        self, candidates: Any, *, samples: int = 4, seed: int = 0, progress: Progress | None = None
    ) -> Ranking:
        """Return the ranking with further candidates; those of a name that is known are scored again.

        Parameters
        ----------
        candidates, samples, seed, progress
            See `rank`. Volumes must be as large as the blocks.
        """
        progress = progress or silent
        named = _named(candidates)
        entries = {entry.name: entry for entry in self.entries}
        for number, (name, candidate) in enumerate(named.items()):
            part = section(progress, number / len(named), (number + 1) / len(named), f"{name}: ")
            volumes: list[Volume] = []
            notes: list[str] = []
            for volume in _samples(candidate, name, self.held_out.shape, samples, seed, part):
                # At once: if the first sample cannot be compared, no others are made.
                notes += [note for note in self.held_out.match(volume).notes if note not in volume.notes]
                volumes.append(volume)
            part(0.9, "measuring")
            if isinstance(candidate, SampleSource) and "" != candidate.trained_on == self.held_out.sha256:
                notes.append("was trained on the voxels that it is judged by: they are not held out")
            score = self.held_out.score(volumes)
            if score.lost:
                notes.append(f"lost phase {', '.join(score.lost)}: the total is at least that of noise")
            entries[name] = Ranked(name=name, score=score, notes=tuple(dict.fromkeys(notes)))
        progress(1.0, "")
        return replace(self, entries=_with_ranks(list(entries.values())))

    def to_dict(self) -> dict[str, Any]:
        """Return the ranking as plain Python objects that can be written as JSON."""
        return {
            "schema": "microchar.ranking/3",
            "held_out": {
                "shape": list(self.held_out.shape),
                "blocks": self.held_out.blocks(),
                "floors": self.held_out.floors,
                "notes": list(self.held_out.notes),
            },
            "real": self.real.to_dict(),
            "candidates": [
                {"name": entry.name, "rank": entry.rank, **entry.score.to_dict(), "notes": list(entry.notes)}
                for entry in self.entries
            ],
        }


def rank(
    reference: Any,
    candidates: Any,
    *,
    samples: int = 4,
    shape: Sequence[int] | None = None,
    metrics: Sequence[str | Metric] | str | Metric | None = None,
    seed: int = 0,
    mask: Any = None,
    threads: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Ranking:
    """Score candidates against held-out material and sort them.

    Parameters
    ----------
    reference : Volume, array_like or Specimen
        Material that no candidate was trained on.
    candidates : mapping or sequence
        Generators that are ready to generate, volumes or arrays, and sequences or
        batches, (N, D, H, W) or (N, 1, D, H, W), of volumes that are samples of one
        candidate; either by name or without names.
    samples : int
        Number of volumes that each generator makes, with the seeds `seed`, `seed` + 1 and so on.
    shape : sequence of int, optional
        Shape of the samples and of the reference blocks. By default a cube (for images
        a square) with an edge of at most 64 voxels, such that four blocks fit in the
        reference and one in each volume.
    metrics : sequence of str or Metric, optional
        Metrics of the score; default `microchar.comparison.held_out.DEFAULT_METRICS`.
    seed : int
        Seed of the first sample.
    mask : array_like, optional
        Nonzero in the held-out part of the reference, where the blocks lie.
    threads : int, optional
        Number of threads; default all cores this process may use.
    executor : concurrent.futures.Executor, optional
        Executor that measures blocks and samples in place of threads of this process.
    progress : Progress, optional
        ``progress(fraction, text)``; an exception that it raises ends the work.

    Returns
    -------
    Ranking

    Raises
    ------
    InputError
        If there are no candidates, or if a candidate cannot be compared with the
        reference.

    See Also
    --------
    HeldOut : definition of the score.

    Examples
    --------
    >>> import numpy as np
    >>> import microchar as mc
    >>> rng = np.random.default_rng(0)
    >>> reference, good, bad = rng.random((3, 32, 32, 32)) < np.array([0.3, 0.3, 0.6])[:, None, None, None]
    >>> ranking = mc.rank(reference, {"bad": bad, "good": good}, shape=(16, 16, 16))
    >>> [entry.name for entry in ranking.entries]
    ['good', 'bad']
    """
    if samples < 1:
        raise InputError(f"samples={samples!r}: expected a whole number greater than 0")
    progress = progress or silent
    data = _held_out(reference, mask)
    named = _named(candidates)
    progress(0.0, "held-out blocks")
    wanted = shape or _shape(data, list(named.values()))
    part = section(progress, 0.0, _SHARE_OF_BLOCKS, "held-out ")
    held_out = HeldOut(data, wanted, metrics, threads=threads, executor=executor, progress=part)
    ranking = Ranking(held_out, (), held_out.floor_score())
    rest = section(progress, _SHARE_OF_BLOCKS, 1.0)
    return ranking.with_candidates(named, samples=samples, seed=seed, progress=rest)


def _with_ranks(entries: Sequence[Ranked]) -> tuple[Ranked, ...]:
    """Sort by the total; give a candidate the rank of the one before it unless its total is larger beyond chance."""
    ranked: list[Ranked] = []
    for place, entry in enumerate(sorted(entries, key=lambda entry: entry.score.total), 1):
        first = next((other for other in ranked if other.rank == ranked[-1].rank), None)
        apart = first is not None and _apart(first.score, entry.score)
        ranked.append(replace(entry, rank=place if first is None or apart else first.rank))
    return tuple(ranked)


def _apart(better: Score, worse: Score) -> bool:
    """Return whether a total is larger than another in nearly all draws; without draws, whether it is larger."""
    if len(better.draws) and len(worse.draws):
        return bool(np.quantile(worse.draws - better.draws, _CHANCE) > 0)
    return worse.total > better.total


def _number(number: float | None) -> str:
    return "–" if number is None else f"{number:.2f}" if number < 10 else f"{number:.0f}"


def _held_out(reference: Any, mask: Any) -> Specimen:
    if mask is None:
        return Specimen.of(reference)
    if isinstance(reference, Specimen):
        raise InputError("mask=: only a volume or an array takes a mask; the reference is a specimen: mask its volume")
    return Specimen.of(as_volume(reference, mask=mask))


def _named(candidates: Any) -> dict[str, Any]:
    """Return the candidates by name, with arrays converted to volumes."""
    if isinstance(candidates, SampleSource | Volume) or not isinstance(candidates, Mapping | list | tuple):
        candidates = [candidates]
    if not candidates:
        raise InputError("rank: no candidates were given, expected at least one")
    pairs = candidates.items() if isinstance(candidates, Mapping) else ((None, candidate) for candidate in candidates)
    named: dict[str, Any] = {}
    for number, (key, candidate) in enumerate(pairs, 1):
        name = key or _name(candidate) or f"candidate {number}"
        same = sum(known == name or known.startswith(f"{name} (") for known in named)
        named[f"{name} ({same + 1})" if same else name] = _volumes(candidate, name)
    return named


def _name(candidate: Any) -> str:
    if isinstance(candidate, SampleSource):
        return candidate.id
    return candidate.name if isinstance(candidate, Volume) else ""


def _volumes(candidate: Any, name: str) -> SampleSource | list[Volume]:
    return candidate if isinstance(candidate, SampleSource) else volumes_of(candidate, name)


def _shape(data: Specimen, candidates: Sequence[SampleSource | list[Volume]]) -> tuple[int, ...]:
    """Return the largest of the possible shapes of which four blocks fit in the reference."""
    volumes = [each for candidate in candidates if isinstance(candidate, list) for each in candidate]
    limits = [min((volume.shape[axis] for volume in volumes), default=_EDGES[0]) for axis in range(3)]
    if data.volume is not None:
        shapes = [tuple(min(edge, limit) for limit in limits) for edge in _EDGES]
    else:
        limit = min((n for n in limits if n > 1), default=_EDGES[0])
        shapes = [(min(edge, limit),) * 3 for edge in _EDGES]
    return next((shape for shape in shapes if count_blocks(data, shape) >= _ENOUGH), shapes[-1])


def _samples(
    candidate: SampleSource | list[Volume], name: str, shape: Triple, n: int, seed: int, progress: Progress
) -> Iterator[Volume]:
    """Yield the volumes of a candidate; what a generator makes has the name of the candidate."""
    if isinstance(candidate, list):
        yield from candidate
        return
    wanted = candidate.least_shape(shape)
    for number in range(n):
        part = section(progress, 0.9 * number / n, 0.9 * (number + 1) / n)
        yield replace(candidate.generate(wanted, seed=seed + number, progress=part), name=name)
