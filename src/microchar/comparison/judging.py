"""The judge: which quantities decide, how each is tested, and the verdict that follows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations, product
from typing import Any

import numpy as np

from microchar.comparison.entries import ABSOLUTE, Lags, Pair, Scale, entry_of, logit, of_logit, relative
from microchar.comparison.estimate import Estimate, at_equal_fraction
from microchar.comparison.inference import LEVEL, holm
from microchar.comparison.quantities import Measured, Numbers, Read, differing_directions, estimate, profiles
from microchar.comparison.spread import ENOUGH_SAMPLES, relative_spread
from microchar.comparison.wording import SHARES, SMALLEST_EDGE, conclusion, spread_fact
from microchar.core.errors import InputError
from microchar.core.result import Key, Result, Status
from microchar.core.units import pretty_unit
from microchar.core.verdict import Entry, Spread, Verdict, Word
from microchar.measurement.directions import AXES

#: Default tolerances by metric: absolute for shares and correlation functions, relative for all others.
MARGINS: dict[str, float] = {
    "volume_fraction": 0.10,
    "specific_surface_area": 0.10,
    "interfacial_area": 0.10,
    "triple_phase_boundary": 0.10,
    "chord_length_distribution": 0.10,
    "lineal_path": 0.10,
    "local_thickness": 0.10,
    "two_point_correlation": 0.10,
    "euler_characteristic": 0.25,
    "largest_cluster_fraction": 0.02,
    "percolating_fraction": 0.02,
    "effective_diffusivity": 0.20,
    "permeability": 0.30,
}
#: Metrics of the pieces; they are not sums over voxels.
PIECE_METRICS = ("volume_fraction", *SHARES)
#: Metrics of the pieces that need a solve, along axis 0.
TRANSPORT = ("effective_diffusivity", "permeability")
#: A phase is connected everywhere if its largest cluster holds at least this share of it in every piece.
_CONNECTED = 0.9999

#: p-value of the volume fractions below which a regression on them is an extrapolation.
_FAR_APART = 0.001

Pieces = Sequence[Sequence[Mapping[str, Result]]]


@dataclass(frozen=True, eq=False)
class Side:
    """One side of a comparison: a volume, or several samples of one material.

    Parameters
    ----------
    name : str
    volumes : sequence of Measured
    crops : sequence of Measured
        The metrics whose expectation depends on the size of the volume, measured on
        crops of a common shape.
    pieces : sequence of sequence of mapping
        For each volume, the results of each of its pieces; empty if they were not measured.
    """

    name: str
    volumes: Sequence[Measured]
    crops: Sequence[Measured]
    pieces: Pieces


def judge(
    reference: Side,
    candidate: Side,
    phases: Sequence[str],
    *,
    margins: Mapping[str, float] | None = None,
    unit: str = "voxel",
) -> Verdict:
    """Compare a candidate with the reference by the quantities that decide, and conclude.

    Parameters
    ----------
    reference, candidate : Side
    phases : sequence of str
        Names of the phases.
    margins : mapping of str to float, optional
        Tolerances by metric id, in place of `MARGINS`.
    unit : str
        Unit of lengths, for the text.
    """
    margins = {**MARGINS, **(margins or {})}
    case = _Case(reference, candidate, phases, margins, pretty_unit(unit))
    entries = list(case.entries())
    ratio = case.edge_over_range()
    judged = _with_words(entries, ratio)
    word, sentence, why = conclusion(reference.name, candidate.name, judged, ratio, case.longest_range())
    spread = case.spread()
    if judged and all(entry.difference == 0 for entry in judged):
        case.notes.append("every compared number is equal to the last digit: is it the same volume twice?")
    return Verdict(
        reference=reference.name,
        candidate=candidate.name,
        word=word,
        sentence=sentence,
        why=(*why, *((spread_fact(spread),) if spread else ())),
        entries=tuple(judged),
        edge_over_range=ratio,
        spread=spread,
        notes=tuple(case.notes),
    )


def checked_margins(margins: Mapping[str, float]) -> Mapping[str, float]:
    """Raise InputError unless every tolerance is a positive number for a quantity that decides."""
    for metric, margin in margins.items():
        if metric not in MARGINS:
            raise InputError(f"margin of {metric!r}: expected one of {', '.join(MARGINS)}")
        if not 0 < margin < np.inf:
            raise InputError(f"margin of {metric!r}: found {margin!r}, expected a number greater than 0")
    return margins


def _with_words(entries: Sequence[Entry], edge_over_range: float | None) -> list[Entry]:
    """Correct the p-values for the number of entries, give every entry its word, and sort by significance."""
    corrected = holm([entry.p for entry in entries])
    small = edge_over_range is not None and edge_over_range < SMALLEST_EDGE
    judged = []
    for entry, p in zip(entries, corrected, strict=True):
        within = max(abs(entry.lower), abs(entry.upper), entry.bound) <= entry.margin
        if p < LEVEL:
            word = Word.DETECTABLE if within else Word.DIFFERENT
        elif small:
            word = Word.TOO_SMALL
        else:
            word = Word.CONSISTENT if within else Word.NOT_SEEN
        judged.append(replace(entry, holm_p=p, word=word))
    return sorted(judged, key=lambda entry: (entry.word.rank, entry.p))


class _Case:
    """One comparison: reads the quantities of both sides and tests them one after the other."""

    def __init__(
        self, reference: Side, candidate: Side, phases: Sequence[str], margins: Mapping[str, float], unit: str
    ):
        self.sides = (reference, candidate)
        self.phases = phases
        self.margins = margins
        self.unit = unit
        self.notes: list[str] = []
        first = reference.volumes[0].results["volume_fraction"]
        self.fractions = {phase: float(first.value(phase=phase).value or 0.0) for phase in phases}
        largest = max(phases, key=lambda phase: self.fractions[phase])
        #: The fraction of the remaining phase follows from the others.
        self.independent = [phase for phase in phases if phase != largest]
        self.active = self._active_phases()

    def entries(self) -> Iterator[Entry]:
        """Yield the entries that decide, in the order of the report."""
        if not self._comparable():
            self.notes.append("nothing is compared: there is one phase only, or the volumes are lines of voxels")
            return
        yield from self._amounts()
        yield from self._interfaces()
        yield from self._shapes()
        yield from self._profiles()
        yield from self._connections()

    def edge_over_range(self) -> float | None:
        """Return the smallest ratio of shortest edge and integral range of the single volumes."""
        ratios = []
        for side in self.sides:
            if len(side.volumes) == 1:
                a = side.volumes[0].integral_range
                ratios += [side.volumes[0].shortest_edge / a] if a else []
        return min(ratios, default=None)

    def longest_range(self) -> float | None:
        """Return the largest integral range of the single volumes, in voxels."""
        ranges = [v.integral_range for side in self.sides for v in side.volumes if len(side.volumes) == 1]
        known = [a for a in ranges if a]
        return max(known) / min(self.sides[0].volumes[0].grid.voxel_size) if known else None

    def spread(self) -> Spread | None:
        """Return the scatter between the samples of a group: of the volume fraction and, at equal fraction, surface."""
        reference, candidate = self.sides
        samples = len(candidate.volumes)
        if samples == 1 or not self._comparable():
            return None
        if len({volume.grid.shape for volume in candidate.volumes}) > 1:
            self.notes.append("the spread is not compared: the samples differ in shape")
            return None
        if samples < ENOUGH_SAMPLES:
            self.notes.append(f"{samples} samples say little about their spread; take 16 to 20")
        fractions = self._phase_fractions([side.volumes for side in self.sides])
        quantities = [(fractions[0].first(), fractions[1].first())]
        surface = {"phase": self.independent[0], "estimator": "crofton"}
        read = partial(_number_of, "specific_surface_area", surface)
        first, second = (estimate(side.volumes, read) for side in self.sides)
        adjusted = at_equal_fraction((first, second), fractions) if first and second else None
        quantities += [adjusted] if adjusted else []
        return relative_spread(quantities, len(reference.volumes), samples)

    # --- the quantities --------------------------------------------------------

    def _amounts(self) -> Iterator[Entry]:
        for phase in self.independent:
            for entry in self._number("volume_fraction", {"phase": phase}, adjusted=False):
                if entry.p < _FAR_APART:
                    self.notes.append(
                        f"the volume fractions of {phase} differ far beyond their noise: what is compared at equal "
                        "volume fraction rests on an extrapolation"
                    )
                yield entry

    def _interfaces(self) -> Iterator[Entry]:
        if len(self.phases) == 2:
            yield from self._number("specific_surface_area", {"phase": self.phases[0], "estimator": "crofton"})
            return
        for pair in combinations(self.phases, 2):
            yield from self._number("interfacial_area", {"phase": "|".join(pair), "estimator": "crofton"})
        for triplet in combinations(self.phases, 3):
            key = {"phase": "|".join(triplet), "estimator": "corrected"}
            yield from self._number("triple_phase_boundary", key)

    def _shapes(self) -> Iterator[Entry]:
        for phase in self.active:
            key = {"phase": phase, "direction": "mean", "feature": "mean_length"}
            yield from self._number("chord_length_distribution", key)
            connectivity = "connectivity_6" if self.sides[0].volumes[0].grid.ndim == 3 else "connectivity_4"
            key = {"phase": phase, "estimator": "half_open", "feature": connectivity}
            yield from self._number("euler_characteristic", key)
            yield from self._number("local_thickness", {"phase": phase, "feature": "mean"})

    def _profiles(self) -> Iterator[Entry]:
        for phase in self.independent:
            read = partial(_covariance, phase)
            yield from self._profile("two_point_correlation", read, phase, adjusted=False)
        for phase in self.active:
            read = partial(_path, phase)
            yield from self._profile("lineal_path", read, phase, adjusted=True)

    def _connections(self) -> Iterator[Entry]:
        if not self._have_pieces():
            return
        fractions = self._of_pieces(self._piece_fractions)
        for phase in self.active:
            for metric in SHARES:
                pair = self._of_pieces(partial(_share, metric=metric, phase=phase))
                tested = self._adjusted(metric, phase, pair, fractions)
                if tested is not None:
                    yield self._entry(metric, Key(phase=phase), tested, pair, of_logit(pair[0]), plain_values=False)
        for metric, phase in product(TRANSPORT, self.active):
            read = partial(_mean_value, metric=metric, phase=phase)
            if all(np.isfinite(read(piece)) for side in self.sides for volume in side.pieces for piece in volume):
                pair = self._of_pieces(partial(_value, metric=metric, phase=phase))
                tested = self._adjusted(metric, phase, pair, fractions)
                if tested is not None and pair[0].value[0] > 0:
                    key = Key(phase=phase, direction="0")
                    yield self._entry(metric, key, tested, pair, relative(pair[0]))

    def _have_pieces(self) -> bool:
        pieces = [volume for side in self.sides for volume in side.pieces]
        wanted = any(metric in volume.results for volume in self.sides[0].crops for metric in SHARES)
        if not wanted and not any(pieces):
            return False
        if not all(pieces):
            self.notes.append("connectivity is not compared: the volumes hold too few sub-volumes of equal shape")
            return False
        if any(result.status == Status.FAILED for volume in pieces for piece in volume for result in piece.values()):
            self.notes.append("connectivity is not compared: a metric failed in a sub-volume")
            return False
        return True

    # --- how they are tested ---------------------------------------------------

    def _number(self, metric: str, key: Mapping[str, str], *, adjusted: bool = True) -> Iterator[Entry]:
        cropped = metric in self.sides[0].crops[0].results and metric not in self.sides[0].volumes[0].results
        volumes = [side.crops if cropped else side.volumes for side in self.sides]
        read = partial(_number_of, metric, key)
        first, second = (estimate(side, read, edge_effect=cropped) for side in volumes)
        if first is None or second is None:
            if metric in volumes[0][0].results:
                self.notes.append(f"{metric} of {key['phase']} is not compared: a volume has no such value")
            return
        pair = (first, second)
        tested: Pair | None = pair
        if adjusted:
            fractions = self._phase_fractions(volumes, edge_effect=cropped)
            tested = self._adjusted(metric, key["phase"], pair, fractions)
        if tested is not None:
            yield self._entry(metric, Key(**key), tested, pair, relative(first), adjusted=adjusted)

    def _profile(
        self,
        metric: str,
        read: Read,
        phase: str,
        *,
        adjusted: bool,
    ) -> Iterator[Entry]:
        """Compare the mean over the directions; each direction if those of one side differ from each other."""
        reference = self.sides[0].volumes
        apart = any(differing_directions(side.volumes, read, LEVEL) for side in self.sides)
        directions = [str(axis) for axis in reference[0].grid.axes] if apart else ["mean"]
        found = profiles((reference, self.sides[1].volumes), read, directions)
        if found is None:
            return
        directions, x, first, second = found
        pair = (first, second)
        volumes = [side.volumes for side in self.sides]
        tested: Pair | None = pair
        if adjusted:
            tested = self._adjusted(metric, phase, pair, self._phase_fractions(volumes))
        if tested is None:
            return
        key = Key(phase=phase, direction="all" if apart else "mean")
        lags = Lags(x, directions, self.unit)
        yield self._entry(metric, key, tested, pair, ABSOLUTE, lags=lags, adjusted=adjusted)

    def _entry(
        self, metric: str, key: Key, tested: Pair, pair: Pair, scale: Scale, *, adjusted: bool = True, **details: Any
    ) -> Entry:
        margin = self.margins[metric]
        return entry_of(metric, key, tested, pair, scale, margin=margin, adjusted=adjusted, **details)

    def _adjusted(self, metric: str, phase: str, pair: Pair, fractions: Pair) -> Pair | None:
        """Return the estimates at equal volume fraction; make a note if there are too few samples."""
        tested = at_equal_fraction(pair, fractions)
        if tested is None:
            self.notes.append(
                f"{metric} of {phase} is not compared: there are too few samples to compare it at equal volume fraction"
            )
        return tested

    def _phase_fractions(self, volumes: Sequence[Sequence[Measured]], *, edge_effect: bool = False) -> Pair:
        """Return the estimates of all independent volume fractions."""

        def read(measured: Measured) -> Numbers | None:
            numbers = [measured.number("volume_fraction", phase=phase) for phase in self.independent]
            present = [n for n in numbers if n is not None]
            return Numbers(
                np.concatenate([n.value for n in present]), np.concatenate([n.influence for n in present], axis=-1)
            )

        first, second = (estimate(side, read, edge_effect=edge_effect) for side in volumes)
        assert first is not None
        assert second is not None
        return first, second

    def _comparable(self) -> bool:
        """Return whether there are two phases, and the volume fractions have errors."""
        if not self.independent:
            return False
        read = partial(_number_of, "volume_fraction", {"phase": self.independent[0]})
        return all(estimate(side.volumes, read) is not None for side in self.sides)

    def _of_pieces(self, read: Callable[[Mapping[str, Result]], np.ndarray]) -> Pair:
        """Return the estimates of numbers of the pieces: over the pieces of one volume, or over several volumes."""
        estimates = []
        for side in self.sides:
            rows = [np.array([read(piece) for piece in volume]) for volume in side.pieces]
            if len(rows) == 1:
                estimates.append(Estimate.of_samples(rows[0]))
            else:
                means = [row.mean(axis=0) for row in rows]
                estimates.append(Estimate.of_samples(means, extent=float(np.mean([len(row) for row in rows]))))
        return estimates[0], estimates[1]

    def _piece_fractions(self, piece: Mapping[str, Result]) -> np.ndarray:
        return np.array([piece["volume_fraction"].value(phase=phase).value for phase in self.independent])

    def _active_phases(self) -> list[str]:
        """Return the phases whose chords and clusters decide.

        Of two phases it is one, because the other adds little: the one that is not
        connected everywhere, or the rarer one. Of more phases, all that are neither
        empty nor connected everywhere.
        """
        second = self.sides[1].volumes[0].results["volume_fraction"]
        present = [phase for phase in self.phases if self.fractions[phase] > 0 and second.value(phase=phase).value]
        pieces = [piece for side in self.sides for volume in side.pieces for piece in volume]

        def connected(phase: str) -> bool:
            shares = [_mean_value(piece, "largest_cluster_fraction", phase) for piece in pieces]
            return bool(pieces) and all(share >= _CONNECTED for share in shares)

        chosen = [phase for phase in present if not connected(phase)] or present
        if len(self.phases) == 2:
            return sorted(chosen, key=lambda phase: self.fractions[phase])[:1]
        return chosen


def _number_of(metric: str, key: Mapping[str, str], measured: Measured) -> Numbers | None:
    return measured.number(metric, **key)


def _covariance(phase: str, measured: Measured, direction: str) -> tuple[np.ndarray, Numbers] | None:
    return measured.normalised_covariance(phase, direction)


def _path(phase: str, measured: Measured, direction: str) -> tuple[np.ndarray, Numbers] | None:
    return measured.path_share(phase, direction)


def _share(piece: Mapping[str, Result], metric: str, phase: str) -> np.ndarray:
    """Return the logit of a share, the mean over the directions; a phase without voxels has no cluster: 0."""
    return np.array([logit(np.nan_to_num(_mean_value(piece, metric, phase)))])


def _value(piece: Mapping[str, Result], metric: str, phase: str) -> np.ndarray:
    return np.array([_mean_value(piece, metric, phase)])


def _mean_value(piece: Mapping[str, Result], metric: str, phase: str) -> float:
    """Return the mean over the axes, or the only value; other features of the metric are left out."""
    if metric not in piece:
        return float("nan")
    found = {v.direction: v.value for v in piece[metric].values if v.phase == phase and not v.feature}
    values = [value for axis in AXES if (value := found.get(axis, found.get("all"))) is not None]
    return float(np.mean(values)) if values else float("nan")
