"""Simulated annealing: voxels are swapped until the correlation functions match those of the material."""

from microchar.generators.annealing.generator import SPEC, Annealing

__all__ = ["SPEC", "Annealing"]
