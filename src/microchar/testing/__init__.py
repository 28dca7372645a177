"""What a plugin author needs: the contract as a test, and volumes of known truth."""

from __future__ import annotations

from microchar.testing.contract import check_metric, configurations
from microchar.testing.generators import check_generator

__all__ = ["check_generator", "check_metric", "configurations"]
