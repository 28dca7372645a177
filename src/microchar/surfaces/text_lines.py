"""Rows of numbers as lines of text."""

from __future__ import annotations

from typing import TextIO

import numpy as np

#: Rows that become text at a time.
_ROWS = 2**16


def write_rows(file: TextIO, line: str, rows: np.ndarray) -> None:
    """Write each row as a line, whose format is such as ``"%g %g %g;"``.

    Examples
    --------
    >>> import sys
    >>> import numpy as np
    >>> write_rows(sys.stdout, "f %d %d %d;", np.array([[1, 2, 3], [3, 2, 4]]))
    f 1 2 3;f 3 2 4;
    """
    for start in range(0, len(rows), _ROWS):
        part = rows[start : start + _ROWS]
        file.write(line * len(part) % tuple(part.ravel().tolist()))
