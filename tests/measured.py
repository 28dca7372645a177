"""How tests measure and judge, where the public functions do not."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest

import microchar as mc
from microchar.core.volume import OUTSIDE
from microchar.measurement import blocks
from microchar.measurement.blocks import thread_pool
from microchar.measurement.metric import Shared
from microchar.measurement.tasks import Task, run_tasks
from microchar.metrics._thickness import count_by_columns


def measure_pair(metrics, volume, other):
    """Measure pair metrics on two volumes of equal shape, without the baselines of `compare`."""
    (results,) = run_tasks([Task(metrics, volume, other)])
    return results


def counts_of(metric, volume, edge=100):
    """Count a volume in boxes of at most `edge` voxels along each axis, or columns of about as many voxels."""
    layouts = {
        "boxes": lambda shape: blocks.boxes(shape, edge=edge),
        "columns": lambda shape: blocks.columns(shape, voxels=edge**2),
    }
    with mock.patch.dict(blocks.LAYOUTS, layouts), thread_pool(1) as pool:
        return metric.resolved(volume.grid).counts(volume, None, Shared(pool, 1))


def voxels_by_thickness(labels, phase, voxel_size=1, threads=1, order=(0, 1, 2)):
    """Return the values of the local thickness of a phase, and the number of voxels with each of them."""
    phases = {str(label): label for label in range(1 + int(labels[labels != OUTSIDE].max()))}
    volume = mc.as_volume(labels, voxel_size=voxel_size, phases=phases, outside=OUTSIDE)
    rows = np.zeros([labels.shape[axis] for axis in order[:2]], np.int64)
    with thread_pool(threads) as pool:
        thickness, voxels = count_by_columns(volume, phase, order, rows, Shared(pool, threads))
    return thickness, voxels[:, 0]


def directional(volume, metric, direction, phase="1"):
    """Return the profile of a metric along one direction."""
    return metric(volume).profile(phase=phase, direction=direction).y


def assert_is_the_truth(samples, truth, *, resolution):
    """The mean of independent samples agrees with a truth, and could have told it from a near one.

    Five standard errors of two dozen samples: a false alarm in about 10^4 for
    another set of seeds, never for this one.
    """
    samples = np.asarray(samples)
    error = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
    assert (np.abs(samples.mean(axis=0) - truth) <= 5 * error + 1e-12).all()
    assert error.max() < resolution


def assert_value(value, number, denominator):
    """A value is the number over the denominator, and undefined where there is nothing to divide by."""
    if denominator:
        assert value.status == "ok"
        assert value.value == pytest.approx(number / denominator, rel=1e-12, abs=1e-12)
    else:
        assert (value.value, value.status) == (None, "undefined")
        assert value.message
