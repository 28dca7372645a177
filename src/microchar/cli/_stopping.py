"""Signals that ask a command to end: it ends between two steps, cleans up, and leaves nothing half written."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

#: Ctrl-C, the end of a job, and the end of the terminal; not every system has all.
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Stopping:
    """Handler of the signals. It sets a flag, and the progress raises KeyboardInterrupt at its next call.

    The handler itself raises only on Ctrl-C, so that nobody has to wait at the keyboard, and if it is asked again. This
    exception may be lost, if it comes while a destructor runs. The flag remains.

    Attributes
    ----------
    asked : bool
        Whether there was a signal.
    gently : bool
        Whether Ctrl-C too waits for the next step, where the work can leave a checkpoint.
    """

    def __init__(self) -> None:
        self.asked = self.gently = False

    def __call__(self, number: int, frame: object) -> None:
        """Receive a signal."""
        first, self.asked = not self.asked, True
        if not first or (number == signal.SIGINT and not self.gently):
            raise KeyboardInterrupt
        if self.gently:
            with suppress(OSError):  # the terminal may be gone
                os.write(2, b"\nmicrochar: stopping at the next step; press Ctrl-C again to stop immediately\n")

    def check(self) -> None:
        """Raise KeyboardInterrupt after a signal; called between two steps of the work."""
        if self.asked:
            raise KeyboardInterrupt


@contextmanager
def stopping() -> Iterator[Stopping]:
    """Handle the signals that nobody ignores (as ``nohup`` does), and restore the previous handlers at the end."""
    stop = Stopping()
    before = {}
    if threading.current_thread() is threading.main_thread():  # others receive no signals
        heeded = [number for number in _SIGNALS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
        before = {number: signal.signal(number, stop) for number in heeded}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
