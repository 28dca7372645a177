"""Every metric that is found fulfils the contract."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

import microchar as mc
from microchar.measurement.metric import find, names
from microchar.testing import check_metric, configurations

CASES = [(name, i, metric) for name in names() for i, metric in enumerate(configurations(find(name)))]


@pytest.mark.parametrize(
    "metric", [m for *_, m in CASES], ids=[f"{name}-{'periodic' if i else 'open'}" for name, i, _ in CASES]
)
def test_contract(metric):
    check_metric(metric)


@pytest.mark.parametrize("name", names())
def test_id_class_and_report_order_agree(name):
    cls = find(name)
    assert cls.id == name
    assert getattr(mc.metrics, cls.__name__) is cls
    assert name in mc.metrics.REPORT_ORDER


def test_every_metric_of_the_report_order_exists():
    assert set(mc.metrics.REPORT_ORDER) == set(names())


# --- the contract notices what is wrong --------------------------------------


def changed(base, **parts):
    """Make a metric that is another one with some of its parts replaced."""
    return dataclass(frozen=True)(type(base.__name__, (base,), {"__module__": base.__module__, **parts}))


def with_entries(base, change):
    """Make a metric whose values and profiles are changed one by one."""

    def finish(self, counts, volume):
        result = base.finish(self, counts, volume)
        entries = {"values": map(change, result.values), "profiles": map(change, result.profiles)}
        return replace(result, **{kind: tuple(each) for kind, each in entries.items()})

    return changed(base, finish=finish)


def in_cubic_voxels(base):
    def finish(self, counts, volume):
        return base.finish(self, counts, replace(volume, voxel_size=(volume.voxel_size[0],) * 3))

    return changed(base, finish=finish)


Fraction, Path, Surface = mc.metrics.VolumeFraction, mc.metrics.LinealPath, mc.metrics.SpecificSurfaceArea


def once_too_often(self, block):
    return {key: counts + 1 for key, counts in Fraction.count(self, block).items()}


def first_phase_twice(self, block):
    counts = Fraction.count(self, block)
    return {key: counts[key] * ([2] + [1] * (block.n_phases - 1)) for key in counts}


def what_is_outside_too(self, volume, shared):
    return mc.metrics.ClusterDensity.compute(self, replace(volume, mask=None), shared)


def upside_down(self, volume, shared):
    volume.values[:] = volume.values[::-1].copy()
    return mc.metrics.ClusterDensity.compute(self, volume, shared)


BROKEN = {
    "blocks: voxels": changed(Fraction, count=once_too_often)(),
    "blocks: segments": changed(Path, halo=lambda self, grid: (2, 2, 2))(r_max=3),
    "axes": with_entries(Path, lambda e: replace(e, direction={"0": "1", "1": "0"}.get(e.direction, e.direction)))(
        r_max=3
    ),
    "axes .* abscissa": in_cubic_voxels(Path)(r_max=3),
    "axes .*crofton": in_cubic_voxels(Surface)(),
    "voxel size": changed(Surface, length_power=-2)(),
    "relabelling": changed(Fraction, count=first_phase_twice)(),
    "single phase: Value": with_entries(Fraction, lambda e: replace(e, value=e.value or None))(),
    "single phase: Profile": with_entries(Path, lambda e: e if e.y.any() else replace(e, y=e.y * np.nan))(r_max=3),
    "mask": changed(mc.metrics.ClusterDensity, compute=what_is_outside_too)(),
    "the input was modified": changed(mc.metrics.ClusterDensity, compute=upside_down)(),
    "configuration": changed(Path, config=lambda self: {})(r_max=3),
    "the distance": changed(Fraction, distance=lambda self, a, b: 1.0)(),
    "labels: direction": with_entries(Fraction, lambda e: replace(e, direction="x"))(),
    "labels: unit": with_entries(Fraction, lambda e: replace(e, unit="parsec"))(),
    "labels: .* phases": with_entries(Fraction, lambda e: replace(e, phase="x" + e.phase))(),
    "labels: two entries": with_entries(Fraction, lambda e: replace(e, phase="0"))(),
    "labels: the convention": changed(Fraction, convention=lambda self, volume: {})(),
    "declaration": changed(Fraction, title="")(),
}


@pytest.mark.parametrize("clause", BROKEN)
def test_the_contract_notices(clause):
    with pytest.raises(AssertionError, match=f"^{clause}"):
        check_metric(BROKEN[clause])
