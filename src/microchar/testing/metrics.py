"""The contract of a metric, as named checks that can be run on any metric."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import permutations, product
from typing import Any

import numpy as np

from microchar.core.result import Profile, Result, Status, Value
from microchar.core.volume import Volume, as_volume
from microchar.measurement import blocks
from microchar.measurement.blocks import Counts
from microchar.measurement.metric import AdditiveMetric, Metric, PairMetric, Shared
from microchar.testing.checks import Check, run_checks

_DIRECTIONS = ("0", "1", "2", "mean", "radial", "all")
#: Largest difference between float sums in different orders, relative to the largest value.
_ROUNDING = 1e-9


def metric_checks(metric: Metric, *, shape: tuple[int, int, int] = (10, 12, 9), n_phases: int = 3) -> list[Check]:
    """Return the clauses of the contract of `microchar.measurement.metric.Metric`, each as a separate check.

    Parameters
    ----------
    metric : Metric
        Metric configured for volumes of `shape`, for example with small ``r_max`` and ``window``.
    shape : tuple of int
        Shape of the random volumes that are measured.
    n_phases : int
        Number of phases of those volumes.

    Returns
    -------
    list of Check
        - ``declarations``: title, symbol, summary, kind and the like are defined;
        - ``configuration``: the configuration reproduces the metric;
        - ``input_unmodified``: the volume is not changed;
        - ``distance``: the distance of a result to itself is zero;
        - ``labels``: every value and profile has the unique key that the tables need,
          and the result has a convention;
        - ``voxel_size``: doubling the voxel size scales each value by the power of
          length in its unit;
        - ``axes``: permuting the axes (of non-cubic voxels) permutes the directions;
        - ``single_phase``: an empty and a full phase give a status or a finite number;
        - ``mask``: voxels outside a mask have no effect (if the metric supports masks);
        - ``blocks``: the counts of blocks add up to those of the whole volume, to the
          last bit, for several layouts (if the metric is additive);
        - ``relabelling``: relabelling the phases permutes the results (unless the
          metric acts on grey levels).

    Examples
    --------
    Each clause as a separate test, with pytest::

        @pytest.mark.parametrize("check", metric_checks(MeanIntercept()), ids=str)
        def test_contract(check):
            check()

    >>> import microchar as mc
    >>> checks = mc.testing.metric_checks(mc.metrics.VolumeFraction())
    >>> checks[0].name
    'declarations'
    >>> checks[0]()
    """
    volume = _random_volume(shape, n_phases)
    clauses: dict[str, Callable[[Metric, Volume], None]] = {
        "declarations": _check_declarations,
        "configuration": _check_configuration,
        "input_unmodified": _check_input_unmodified,
        "distance": _check_distance,
        "labels": _check_labels,
        "voxel_size": _check_voxel_size,
        "axes": _check_axes,
        "single_phase": _check_single_phase,
        "mask": _check_mask,
    }
    if isinstance(metric, AdditiveMetric):
        clauses["blocks"] = _check_blocks
    if not metric.acts_on_grey_levels:
        clauses["relabelling"] = _check_relabelling
    return [Check(name, partial(clause, metric, volume)) for name, clause in clauses.items()]


def check_metric(metric: Metric, *, shape: tuple[int, int, int] = (10, 12, 9), n_phases: int = 3) -> None:
    """Run all `metric_checks` and raise one AssertionError that names every broken clause.

    Parameters
    ----------
    metric, shape, n_phases
        See `metric_checks`.

    Raises
    ------
    AssertionError
        If the metric breaks a clause of its contract.

    Examples
    --------
    >>> import microchar as mc
    >>> mc.testing.check_metric(mc.metrics.VolumeFraction())
    """
    run_checks(metric_checks(metric, shape=shape, n_phases=n_phases), f"metric {metric.id!r}")


def _random_volume(shape: tuple[int, int, int], n_phases: int) -> Volume:
    # Smoothed noise has blobs of a few voxels, so that clusters, chords and windows are not trivial.
    noise = np.random.default_rng(0).random(shape)
    smooth = sum(np.roll(noise, shift, axis=(0, 1, 2)) for shift in product((0, 1), repeat=3))
    # The volume fractions differ: equal fractions would hide double counting.
    cuts = np.quantile(smooth, np.cumsum(np.arange(1, n_phases)) / np.arange(1, n_phases + 1).sum())
    return as_volume(np.digitize(smooth, cuts).astype(np.uint8), voxel_size=(1.0, 1.0, 1.0), name="random")


def _measure(metric: Metric, volume: Volume) -> Result:
    with blocks.thread_pool(1) as pool:
        return metric.resolved(volume.grid).run(volume, _other(metric, volume), Shared(pool, 1))


def _other(metric: Metric, volume: Volume) -> Volume | None:
    return replace(volume, values=volume.values[::-1].copy()) if isinstance(metric, PairMetric) else None


def _counts(metric: AdditiveMetric, volume: Volume, layouts: Mapping[str, Any]) -> Counts:
    with blocks.thread_pool(1) as pool:
        return metric.resolved(volume.grid).counts(volume, _other(metric, volume), Shared(pool, 1), layouts)


def _entries(result: Result) -> dict[tuple[str, ...], Value | Profile]:
    entries: list[Value | Profile] = [*result.values, *result.profiles]
    return {
        ("|".join(sorted(e.phase.split("|"))), e.direction, e.estimator, e.feature, type(e).__name__): e
        for e in entries
    }


def _numbers(entry: Value | Profile) -> np.ndarray:
    if isinstance(entry, Profile):
        return entry.y
    return np.array([np.nan if entry.value is None else entry.value])


def _same(actual: np.ndarray, expected: np.ndarray, clause: str, what: object, tolerance: float = _ROUNDING) -> None:
    assert actual.shape == expected.shape, f"{clause}: {what} has {actual.shape} samples, expected {expected.shape}"
    scale = np.nanmax(np.abs(expected), initial=1e-300)
    close = np.allclose(actual, expected, rtol=0, atol=tolerance * scale, equal_nan=True)
    assert close, f"{clause}: {what} is {actual}, expected {expected}"


def _check_declarations(metric: Metric, volume: Volume) -> None:
    del volume
    for attribute in ("id", "title", "symbol", "summary", "kind", "additive", "error_source"):
        assert getattr(metric, attribute, None), f"{type(metric).__name__} has no {attribute}"


def _check_configuration(metric: Metric, volume: Volume) -> None:
    again = type(metric)(**metric.config())
    assert again == metric, f"configuration: {again} is not {metric}"
    assert hash(again) == hash(metric), "configuration: equal metrics have different hashes"
    resolved = metric.resolved(volume.grid)
    assert resolved.resolved(volume.grid) == resolved, "configuration: resolving twice changes the metric"


def _check_input_unmodified(metric: Metric, volume: Volume) -> None:
    before = volume.values.copy()
    _measure(metric, volume)
    assert np.array_equal(before, volume.values), "the input was modified"


def _check_distance(metric: Metric, volume: Volume) -> None:
    result = _measure(metric, volume)
    assert result.values or result.profiles, f"{metric.id} found nothing: {result.status}, {result.message}"
    assert metric.distance(result, result) == 0, "the distance of a result to itself is not zero"


def _check_labels(metric: Metric, volume: Volume) -> None:
    result = _measure(metric, volume)
    assert result.convention.get("definition"), "labels: the convention record does not name a definition"
    entries: list[Value | Profile] = [*result.values, *result.profiles]
    assert len(_entries(result)) == len(entries), "labels: two entries have the same labels"
    for entry in entries:
        assert entry.direction in _DIRECTIONS, f"labels: direction {entry.direction!r}, expected one of {_DIRECTIONS}"
        unknown = set(entry.phase.replace("+", "|").split("|")) - {"", *volume.phases}
        assert not unknown, f"labels: {unknown} are no phases of the volume"
        base = entry.unit.partition("^")[0]
        assert base in ("", "dB", "D", "mD", "m", volume.unit), (
            f"labels: unit {entry.unit!r} where lengths are in {volume.unit}"
        )


def _check_blocks(metric: Metric, volume: Volume) -> None:
    assert isinstance(metric, AdditiveMetric)
    in_one_piece = _counts(metric, volume, blocks.LAYOUTS)
    layouts = {
        "boxes": lambda shape: blocks.boxes(shape, edge=4),
        "columns": lambda shape: blocks.columns(shape, voxels=200),
        "slabs": lambda shape: blocks.slabs(shape, voxels=200),
    }
    in_blocks = _counts(metric, volume, layouts)
    assert in_blocks.keys() == in_one_piece.keys(), "blocks: other counts than for the whole volume"
    for key, expected in in_one_piece.items():
        actual = in_blocks[key]
        assert np.array_equal(actual, expected, equal_nan=True), f"blocks: {key} is {actual}, whole {expected}"


def _check_voxel_size(metric: Metric, volume: Volume) -> None:
    small = _entries(_measure(metric, replace(volume, unit="um")))
    large = _entries(_measure(metric, replace(volume, unit="um", voxel_size=(2.0, 2.0, 2.0))))
    for key, entry in small.items():
        _same(_numbers(large[key]), _numbers(entry) * 2.0 ** _power(entry.unit), "voxel size", key)
        if isinstance(entry, Profile):
            other = large[key]
            assert isinstance(other, Profile)
            _same(other.x, entry.x * 2.0 ** _power(entry.x_unit), "voxel size: abscissa", key)


def _power(unit: str) -> int:
    base, _, exponent = unit.partition("^")
    if base in ("D", "mD"):  # darcy
        return 2
    return int(exponent or 1) if base in ("um", "m") else 0


def _check_axes(metric: Metric, volume: Volume) -> None:
    if metric.periodic not in ((), (0, 1, 2)):
        return
    sizes = (1.0, 1.5, 2.0)
    original = _entries(_measure(metric, replace(volume, voxel_size=sizes)))
    for order in list(permutations(range(3)))[1:]:
        if isinstance(metric, PairMetric):
            break  # _measure mirrors the second volume along the first axis
        turned = replace(volume, values=np.ascontiguousarray(volume.values.transpose(order)))
        s0, s1, s2 = (sizes[axis] for axis in order)
        permuted = _entries(_measure(_turned(metric, order), replace(turned, voxel_size=(s0, s1, s2))))
        for (phase, direction, *rest), entry in original.items():
            permuted_direction = str(order.index(int(direction))) if direction in "012" else direction
            key = (phase, permuted_direction, *rest)
            assert key in permuted, f"axes: no {key} after transposing by {order}"
            _same(_numbers(permuted[key]), _numbers(entry), f"axes {order}", key, tolerance=1e-6)
            if isinstance(entry, Profile):
                other = permuted[key]
                assert isinstance(other, Profile)
                _same(other.x, entry.x, f"axes {order}: abscissa", key)


def _turned(metric: Metric, order: tuple[int, ...]) -> Metric:
    triples: dict[str, Any] = {
        name: tuple(value[axis] for axis in order)
        for name, value in metric.config().items()
        if name != "periodic" and isinstance(value, tuple) and len(value) == 3
    }
    return replace(metric, **triples) if triples else metric


def _check_relabelling(metric: Metric, volume: Volume) -> None:
    last = volume.n_phases - 1
    relabelled = replace(volume, values=(last - volume.values).astype(np.uint8), phases=volume.phases[::-1])
    before, after = _entries(_measure(metric, volume)), _entries(_measure(metric, relabelled))
    assert before.keys() == after.keys(), "relabelling: other entries than before"
    for key, entry in before.items():
        _same(_numbers(after[key]), _numbers(entry), "relabelling", key, tolerance=1e-6)


def _check_single_phase(metric: Metric, volume: Volume) -> None:
    for label in (0, volume.n_phases - 1):
        uniform = replace(volume, values=np.full_like(volume.values, label))
        result = _measure(metric, uniform)
        entries: list[Value | Profile] = [*result.values, *result.profiles]
        for entry in entries:
            known = np.isfinite(_numbers(entry)).any()
            assert known or entry.status != Status.OK, f"single phase: {entry} has neither a number nor a status"
            assert entry.status == Status.OK or entry.message, f"single phase: {entry} does not say why"
        for value in result.values:
            assert value.value is None or np.isfinite(value.value), f"single phase: {value} is not finite"


def _check_mask(metric: Metric, volume: Volume) -> None:
    if not metric.mask_supported:
        return
    inside = np.ones(volume.shape, bool)
    inside[0] = inside[:, 1, :4] = False
    last = volume.n_phases - 1
    before, after = (
        _entries(_measure(metric, replace(volume, values=np.where(inside, volume.values, outside), mask=inside)))
        for outside in (volume.values, last - volume.values)
    )
    assert before.keys() == after.keys(), "mask: other entries after a change outside the mask"
    for key, entry in before.items():
        _same(_numbers(after[key]), _numbers(entry), "mask: a change outside it", key, tolerance=0)


def configurations(metric: type[Metric]) -> Iterator[Metric]:
    """Yield a metric with small lags, windows and tolerances: non-periodic and, if it supports that, periodic.

    Parameters
    ----------
    metric : type
        A subclass of `microchar.measurement.metric.Metric`.

    Yields
    ------
    Metric
        The contract is checked with each.

    Examples
    --------
    >>> import microchar as mc
    >>> [metric.periodic for metric in mc.testing.configurations(mc.metrics.LinealPath)]
    [(), (0, 1, 2)]
    """
    fields = {"r_max": 3, "window": 3, "tolerance": 1e-8}
    small: dict[str, Any] = {key: value for key, value in fields.items() if key in metric.__dataclass_fields__}
    yield metric(**small)
    if metric.periodic_supported:
        yield metric(**small, periodic=(0, 1, 2))
