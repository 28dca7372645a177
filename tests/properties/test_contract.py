"""Every metric that is found fulfils the contract."""

from __future__ import annotations

import pytest

import microchar as mc
from microchar.metric import find, names
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
    assert cls.name() == name
    assert getattr(mc.metrics, cls.__name__) is cls
    assert name in mc.metrics.REPORT_ORDER


def test_every_metric_of_the_report_order_exists():
    assert set(mc.metrics.REPORT_ORDER) == set(names())
