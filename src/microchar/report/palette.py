"""Colours of the report: those of candidates are in the style sheet, those of phases are written into images."""

from __future__ import annotations

import numpy as np

#: Number of colours of candidates, set in style.css. Further candidates repeat them with other dashes and markers.
N_COLOURS = 6
#: Lengths of dashes and gaps of lines, "" for a line without gaps.
DASHES = ("", "6 3", "2 2.5")

#: Colours of the grey levels of a `Picture`: grey for level 0 (no data), then dark violet, orange, near white.
_STOPS = {1: (24, 12, 52), 96: (138, 34, 106), 176: (238, 108, 36), 255: (254, 252, 200)}
GLOW = np.array(
    [
        (72, 78, 86),
        *zip(*(np.interp(range(1, 256), list(_STOPS), c) for c in zip(*_STOPS.values(), strict=True)), strict=True),
    ],
    np.uint8,
)
#: Colours of phases, from blue over teal and ochre to sand. Luminance rises all the way, so that phases stay apart for
#: the colour-blind and in grey print. None is black, which is the colour of the reference.
_RAMP = np.array([(38, 84, 140), (52, 136, 146), (218, 146, 58), (238, 196, 136), (250, 240, 214)])
#: Colours of the grey levels 0 to 255 of a slice of phases.
PHASES = np.rint(
    np.stack([np.interp(np.linspace(0, len(_RAMP) - 1, 256), np.arange(len(_RAMP)), c) for c in _RAMP.T], axis=1)
).astype(np.uint8)


def phase_colours(number: int) -> list[str]:
    """Return a CSS colour for each phase, in ascending order of grey value and of luminance.

    Examples
    --------
    >>> phase_colours(2)
    ['#26548c', '#faf0d6']
    """
    levels = [index * 255 // max(number - 1, 1) for index in range(number)]
    return ["#" + PHASES[level].tobytes().hex() for level in levels]


def series_style(index: int) -> dict[str, int]:
    """Return the numbers of the colour and the dashes of a volume; those of the reference, which is 0, are 0.

    Examples
    --------
    >>> series_style(7)
    {'series': 1, 'dash': 1}
    """
    turn, colour = divmod(index - 1, N_COLOURS)
    return {"series": colour + 1, "dash": turn % len(DASHES)} if index else {"series": 0, "dash": 0}
