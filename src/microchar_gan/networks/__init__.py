"""Generators and critics as PyTorch modules, the devices they run on, and the input of slices."""
