"""Stokes flow through a voxel volume, solved with guaranteed bounds of the exact discrete permeability."""

from __future__ import annotations

from microchar.stokes.solution import Solution
from microchar.stokes.solver import solve

__all__ = ["Solution", "solve"]
