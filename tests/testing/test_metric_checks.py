"""The checks of a metric notice what is wrong, one clause at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

import microchar as mc
from microchar.testing import check_metric, metric_checks

pytestmark = pytest.mark.property

Fraction, Path, Surface = mc.metrics.VolumeFraction, mc.metrics.LinealPath, mc.metrics.SpecificSurfaceArea


def changed(base, **parts):
    """Make a metric that is another one with some of its parts replaced."""
    return dataclass(frozen=True)(type(base.__name__, (base,), {"__module__": base.__module__, **parts}))


def exchange_axes(entry):
    return replace(entry, direction={"0": "1", "1": "0"}.get(entry.direction, entry.direction))


def first_phase_twice(self, block):
    counts = Fraction.count(self, block)
    return {key: counts[key] * ([2] + [1] * (block.n_phases - 1)) for key in counts}


def in_cubic_voxels(base):
    def finish(self, counts, volume):
        return base.finish(self, counts, replace(volume, voxel_size=(volume.voxel_size[0],) * 3))

    return changed(base, finish=finish)


def nan_for_zeros(profile):
    return profile if profile.y.any() else replace(profile, y=profile.y * np.nan)


def once_too_often(self, block):
    return {key: counts + 1 for key, counts in Fraction.count(self, block).items()}


def upside_down(self, volume, shared):
    volume.values[:] = volume.values[::-1].copy()
    return mc.metrics.ClusterDensity.compute(self, volume, shared)


def what_is_outside_too(self, volume, shared):
    return mc.metrics.ClusterDensity.compute(self, replace(volume, mask=None), shared)


def with_entries(base, change):
    """Make a metric whose values and profiles are changed one by one."""

    def finish(self, counts, volume):
        result = base.finish(self, counts, volume)
        entries = {"values": map(change, result.values), "profiles": map(change, result.profiles)}
        return replace(result, **{kind: tuple(each) for kind, each in entries.items()})

    return changed(base, finish=finish)


#: The check that fails, what it says, and the metric that it fails for.
BROKEN = [
    ("blocks", "blocks: voxels", changed(Fraction, count=once_too_often)()),
    ("blocks", "blocks: segments", changed(Path, halo=lambda self, grid: (2, 2, 2))(r_max=3)),
    ("axes", "axes", with_entries(Path, exchange_axes)(r_max=3)),
    ("axes", "axes .* abscissa", in_cubic_voxels(Path)(r_max=3)),
    ("axes", "axes .*crofton", in_cubic_voxels(Surface)()),
    ("voxel_size", "voxel size", changed(Surface, length_power=-2)()),
    ("relabelling", "relabelling", changed(Fraction, count=first_phase_twice)()),
    ("single_phase", "single phase: Value", with_entries(Fraction, lambda e: replace(e, value=e.value or None))()),
    ("single_phase", "single phase: Profile", with_entries(Path, nan_for_zeros)(r_max=3)),
    ("mask", "mask", changed(mc.metrics.ClusterDensity, compute=what_is_outside_too)()),
    ("input_unmodified", "the input was modified", changed(mc.metrics.ClusterDensity, compute=upside_down)()),
    ("configuration", "configuration", changed(Path, config=lambda self: {})(r_max=3)),
    ("distance", "the distance", changed(Fraction, distance=lambda self, a, b: 1.0)()),
    ("labels", "labels: direction", with_entries(Fraction, lambda e: replace(e, direction="x"))()),
    ("labels", "labels: unit", with_entries(Fraction, lambda e: replace(e, unit="parsec"))()),
    ("labels", "labels: .* phases", with_entries(Fraction, lambda e: replace(e, phase="x" + e.phase))()),
    ("labels", "labels: two entries", with_entries(Fraction, lambda e: replace(e, phase="0"))()),
    ("labels", "labels: the convention", changed(Fraction, convention=lambda self, volume: {})()),
    ("declarations", ".* has no title", changed(Fraction, title="")()),
]


@pytest.mark.parametrize(("name", "message", "metric"), BROKEN, ids=[message for _, message, _ in BROKEN])
def test_the_contract_notices(name, message, metric):
    (check,) = (check for check in metric_checks(metric) if check.name == name)
    with pytest.raises(AssertionError, match=f"^{message}"):
        check()


def test_every_broken_clause_is_named():
    broken = changed(Fraction, title="", distance=lambda self, a, b: 1.0)()
    message = (
        "metric 'volume_fraction' breaks its contract:\n"
        "- declarations: .* has no title\n"
        "- distance: the distance of a result to itself is not zero"
    )
    with pytest.raises(AssertionError, match=f"^{message}$"):
        check_metric(broken)
