"""Generators and critics as PyTorch modules."""
