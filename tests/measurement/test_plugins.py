"""Metrics of other distributions are found and measured; broken and doubled ones are warnings that name them."""

from __future__ import annotations

import pytest

from distributions import Site

pytestmark = pytest.mark.property

GROUP = "microchar.metrics"
METRIC = """
    from dataclasses import dataclass
    from typing import ClassVar
    from microchar.metrics.volume_fraction import VolumeFraction

    @dataclass(frozen=True)
    class {name}(VolumeFraction):
        id: ClassVar[str] = "{id}"
        title: ClassVar[str] = "{name}"
        summary: ClassVar[str] = "a share that a plugin measures"
"""


@pytest.fixture
def site(tmp_path):
    """Give a folder of installed distributions."""
    return Site(tmp_path)


def metric(name: str, id: str) -> str:
    return METRIC.format(name=name, id=id)


def test_a_metric_plugin_is_listed_and_measured(site):
    site.install("sharing", GROUP, {"sharing": "sharing:Sharing"}, metric("Sharing", "sharing"))
    listed = site.microchar("metrics")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "a share that a plugin measures" in listed.stdout
    checked = site.run(
        """
        import numpy as np
        import microchar as mc
        from sharing import Sharing

        mc.testing.check_metric(Sharing())
        results = mc.measure(np.eye(8, dtype=np.uint8), ["sharing"])
        assert results["sharing"].value(phase="1").value == 1 / 8
        """
    )
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise RuntimeError('out of order')", "RuntimeError: out of order"),
        ("Wreck = 3", "it refers to 3, expected a microchar.measurement.metric.Metric"),
        ("import not_there", "not_there"),
    ],
)
def test_a_broken_metric_plugin_is_a_warning_that_names_it_and_the_others_go_on(site, code, reason):
    site.install("broken", GROUP, {"wreck": "broken:Wreck"}, code)
    listed = site.microchar("metrics")
    assert listed.returncode == 0, listed.stderr
    assert "volume_fraction" in listed.stdout
    assert "wreck" not in listed.stdout
    assert "microchar: warning: metric 'wreck' (broken:Wreck) is left out" in listed.stderr
    assert reason in listed.stderr


def test_of_two_metric_plugins_of_one_id_the_second_is_a_warning_that_names_both(site):
    site.install("first", GROUP, {"a": "first:Sharing"}, metric("Sharing", "sharing"))
    site.install("second", GROUP, {"b": "second:Other"}, metric("Other", "sharing"))
    listed = site.microchar("metrics")
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.count("a share that a plugin measures") == 1
    assert "two metrics are named 'sharing': first:Sharing is used and second:Other is left out" in listed.stderr


def test_the_id_of_a_metric_need_not_be_the_name_of_its_entry_point_or_file(site):
    site.install("sharing", GROUP, {"something": "sharing:Sharing"}, metric("Sharing", "my_share"))
    checked = site.run(
        """
        import microchar as mc

        assert list(mc.measure([[0, 1]], ["my_share"])) == ["my_share"]
        assert "my_share" not in mc.measure([[0, 1]], skip=["my_share"])
        """
    )
    assert checked.returncode == 0, checked.stderr


def test_a_metric_plugin_cannot_take_the_id_of_a_built_in_one(site):
    site.install("other", GROUP, {"other": "other:Other"}, metric("Other", "volume_fraction"))
    listed = site.microchar("metrics")
    assert listed.returncode == 0, listed.stderr
    assert "a share that a plugin measures" not in listed.stdout
    assert "two metrics are named 'volume_fraction'" in listed.stderr
    assert "other:Other is left out" in listed.stderr
