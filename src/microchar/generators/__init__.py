"""Generators of microstructures; for now plain functions."""
