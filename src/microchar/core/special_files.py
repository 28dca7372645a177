"""Refuse to read what is neither a file nor a folder."""

from __future__ import annotations

import stat
from pathlib import Path

from microchar.core.errors import InputError

_KINDS = {
    stat.S_IFIFO: "a pipe (FIFO)",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
    stat.S_IFSOCK: "a socket",
}


def refuse_special(path: Path) -> None:
    """Raise InputError if a path names a pipe, a device or a socket: reading these may wait forever or never end."""
    try:
        kind = _KINDS.get(stat.S_IFMT(path.stat().st_mode))
    except (OSError, ValueError):  # whoever opens the file says more
        return
    if kind is not None:
        raise InputError(f"{path}: expected a file or a folder, found {kind}; save its content to a file first")
