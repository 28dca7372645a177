"""Generators of microstructures; for now plain functions."""

from __future__ import annotations

from microchar.generators.gaussian_field import cut_gaussian_field, matched_gaussian_field

__all__ = ["cut_gaussian_field", "matched_gaussian_field"]
