"""Kernels of a first run are compiled ahead of their use, and nothing else changes."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import microchar as mc
from microchar.measurement import compiling
from microchar.metrics.effective_diffusivity import EffectiveDiffusivity
from microchar.metrics.glcm import Glcm
from microchar.metrics.lineal_path import LinealPath

pytestmark = pytest.mark.property

VOLUMES = np.random.default_rng(6).random((2, 30, 29, 32)) < 0.4
CHOSEN = ["volume_fraction", "lineal_path", "local_porosity", "glcm", "ssim"]


@pytest.fixture
def first_run(monkeypatch):
    monkeypatch.setattr(compiling, "are_compiled", lambda: False)


def counted_shapes(monkeypatch, metric):
    """Return the set that shapes of volumes are added to whose blocks the metric counts."""
    shapes, count = set(), metric.count

    def counting(self, block):
        shapes.add(block.shape)
        return count(self, block)

    monkeypatch.setattr(metric, "count", counting)
    return shapes


def test_every_metric_counts_in_a_crop_in_a_first_run_only(monkeypatch, first_run):
    shapes = counted_shapes(monkeypatch, Glcm)
    mc.compare(*VOLUMES, CHOSEN)
    assert (30, 29, 32) in shapes
    with monkeypatch.context() as patch:
        patch.setattr(compiling, "are_compiled", lambda: True)
        shapes.clear()
        mc.compare(*VOLUMES, CHOSEN)
        assert shapes == {(30, 29, 32)}


def test_a_first_run_gives_the_same_results(monkeypatch, first_run):
    first = mc.compare(*VOLUMES, CHOSEN, r_max=9, window=5)
    monkeypatch.undo()
    again = mc.compare(*VOLUMES, CHOSEN, r_max=9, window=5)
    assert [named.result.to_dict() for named in first.named()] == [named.result.to_dict() for named in again.named()]


def test_small_crops_are_counted_in_the_order_of_the_tasks(monkeypatch):
    volume = mc.as_volume(VOLUMES[0])
    order = []
    for metric in (LinealPath, Glcm, EffectiveDiffusivity):
        monkeypatch.setattr(metric, "prepare", lambda self, volume, *_: order.append((self.id, volume.shape)))
    task = compiling_task(["lineal_path", "glcm", "effective_diffusivity"], volume)
    compiling._count_small([task, task], True, threading.Event())  # once, and no metric that solves
    assert order == [("lineal_path", (28, 28, 28)), ("glcm", (28, 28, 28))]
    ended = threading.Event()
    ended.set()
    compiling._count_small([task], True, ended)
    assert len(order) == 2


def compiling_task(names, volume):
    from microchar.measurement.selection import choose
    from microchar.measurement.tasks import Task

    return Task(choose(names), volume)


@pytest.mark.filterwarnings("error")
def test_what_fails_in_a_crop_is_silent(monkeypatch, first_run):
    """What a metric cannot do in a crop, it may well do in the volume."""
    prepare = Glcm.prepare

    def failing_in_crops(self, volume, *more):
        if volume.shape == (28, 28, 28):
            raise RuntimeError("no luck")
        return prepare(self, volume, *more)

    monkeypatch.setattr(Glcm, "prepare", failing_in_crops)
    assert [result.status for result in mc.measure(VOLUMES[0], CHOSEN[:-1]).values()] == ["ok"] * 4
