"""Steady diffusion through a voxel volume, solved with guaranteed bounds of the exact discrete solution."""

from __future__ import annotations

from microchar.diffusion.problem import Problem
from microchar.diffusion.solution import Solution
from microchar.diffusion.solver import solve

__all__ = ["Problem", "Solution", "solve"]
