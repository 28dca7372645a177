"""Colours of phases."""

from __future__ import annotations

import numpy as np

#: From blue over teal and ochre to sand. Luminance rises all the way, so that phases stay apart for the
#: colour-blind and in grey print.
_RAMP = np.array([(38, 84, 140), (52, 136, 146), (218, 146, 58), (238, 196, 136), (250, 240, 214)])


def phase_colours(n_phases: int) -> list[str]:
    """Return a colour for each phase, in ascending order of grey value and of luminance.

    Examples
    --------
    >>> phase_colours(2)
    ['#26548c', '#faf0d6']
    """
    places = np.linspace(0, len(_RAMP) - 1, n_phases)
    channels = [np.interp(places, np.arange(len(_RAMP)), channel) for channel in _RAMP.T]
    return [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in np.rint(np.transpose(channels)).astype(int)]
