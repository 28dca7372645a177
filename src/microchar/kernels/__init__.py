"""Numba kernels: arrays in, integers out; one file per algorithm, no policy.

Every kernel takes C-contiguous arrays of one type, so that it is compiled once,
releases the GIL, so that blocks run on threads, and is cached on disk.
"""
