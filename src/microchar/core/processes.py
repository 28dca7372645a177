"""Whether another process of this machine is running."""

from __future__ import annotations

import os
import sys


def is_running(process: int) -> bool:
    """Return whether there is a process with this number; True if the system does not tell."""
    if sys.platform == "win32":
        return _is_running_on_windows(process)
    try:
        os.kill(process, 0)  # signal 0 only asks; on Windows the same call would end the process
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


if sys.platform == "win32":
    import ctypes

    _QUERY, _STILL_ACTIVE, _INVALID_PARAMETER = 0x1000, 259, 87

    def _is_running_on_windows(process: int) -> bool:
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = ctypes.c_void_p
        handle = kernel.OpenProcess(_QUERY, False, process)
        if not handle:
            return ctypes.get_last_error() != _INVALID_PARAMETER  # the error for a number that no process has
        code = ctypes.c_ulong()
        known = kernel.GetExitCodeProcess(ctypes.c_void_p(handle), ctypes.byref(code))
        kernel.CloseHandle(ctypes.c_void_p(handle))
        return not known or code.value == _STILL_ACTIVE
