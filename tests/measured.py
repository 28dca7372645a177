"""How tests measure and judge, where the public functions do not."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest

from microchar.measurement import blocks
from microchar.measurement.blocks import thread_pool
from microchar.measurement.metric import Shared
from microchar.measurement.tasks import Task, run_tasks


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
