"""A made-up record and its report, written once."""

from __future__ import annotations

import pytest

from microchar.report.writing import write_report
from oracles.results import made_up


@pytest.fixture(scope="session")
def record():
    return made_up(n_candidates=2)


@pytest.fixture(scope="session")
def written(record, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "out"
    write_report(record, folder)
    return folder
