"""A folder for distributions with plugins."""

from __future__ import annotations

import pytest

from distributions import Site


@pytest.fixture
def site(tmp_path):
    """Give a folder of installed distributions."""
    return Site(tmp_path)
