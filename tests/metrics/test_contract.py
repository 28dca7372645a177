"""Every metric that is found fulfils the contract."""

from __future__ import annotations

import pytest

import microchar as mc
from microchar.metrics import find_metric, metric_names
from microchar.testing import configurations, metric_checks

pytestmark = pytest.mark.property

CASES = {
    f"{name}-{'periodic' if i else 'open'}-{check}": check
    for name in metric_names()
    for i, metric in enumerate(configurations(find_metric(name)))
    for check in metric_checks(metric)
}


@pytest.mark.parametrize("check", CASES.values(), ids=CASES)
def test_contract(check):
    check()


@pytest.mark.parametrize("name", metric_names())
def test_id_class_and_report_order_agree(name):
    cls = find_metric(name)
    assert cls.id == name
    assert getattr(mc.metrics, cls.__name__) is cls
    assert name in mc.metrics.ORDER


def test_every_metric_of_the_report_order_exists():
    assert set(mc.metrics.ORDER) == set(metric_names())
