"""Amount of memory of this machine, and the refusal of what needs more."""

from __future__ import annotations

import os

from microchar.core.errors import NotEnoughMemoryError


def physical_memory() -> int:
    """Return the memory of this machine in bytes; 64 GiB, as in a workstation, if the system does not tell."""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 2**36


def available_memory() -> float:
    """Return the bytes that can be allocated without swapping; infinity if the system does not tell (not Linux)."""
    try:
        with open("/proc/meminfo") as lines:
            return next(float(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return float("inf")


def refuse_beyond_memory(needed: float, what: str, advice: str) -> None:
    """Raise `NotEnoughMemoryError` if more bytes are needed than are available.

    Parameters
    ----------
    needed : float
        Bytes.
    what, advice : str
        What needs them, and what the user can do.
    """
    available = available_memory()
    if needed > available:
        raise NotEnoughMemoryError(
            f"{what} needs about {needed / 1e9:.1f} GB of memory, {available / 1e9:.1f} GB are available; {advice}"
        )
