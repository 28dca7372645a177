"""How much memory there is."""

from __future__ import annotations

import os


def physical_memory() -> int:
    """Bytes of memory of this machine, or what a workstation has where that cannot be found out."""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 2**36


def available_memory() -> float:
    """Bytes that can be allocated without swapping; infinity where the system does not say (not Linux)."""
    try:
        with open("/proc/meminfo") as lines:
            return next(float(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return float("inf")
