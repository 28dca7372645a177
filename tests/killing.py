"""A metric and a task that kill the process that they run in, for tests of executors; workers import this module."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from microchar.metrics.volume_fraction import VolumeFraction


def die():
    """End this process as the system does to free memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(flag):
    """End this process, unless a file says that another one has died; then return a number."""
    try:
        Path(flag).touch(exist_ok=False)
    except FileExistsError:
        return 42
    return die()


@dataclass(frozen=True, kw_only=True)
class Killing(VolumeFraction):
    """The volume fraction; the process that counts first is killed as it has counted."""

    flag: str = ""

    def count(self, block):
        counts = super().count(block)
        die_once(self.flag)
        return counts

    def count_cells(self, block):
        counts = super().count_cells(block)
        die_once(self.flag)
        return counts
