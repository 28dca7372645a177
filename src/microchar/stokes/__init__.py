"""Stokes flow through a voxel volume, solved with guaranteed bounds of the exact discrete permeability."""

from __future__ import annotations

from microchar.stokes.solution import Solution
from microchar.stokes.solver import edt_darcy, solve

__all__ = ["Solution", "edt_darcy", "solve"]
