"""How much of a difference the choice of a threshold could make."""

from __future__ import annotations

import numpy as np

from microchar.core.volume import Volume

#: Step of the threshold, as a share of the range of the grey values.
_STEP = 0.01


def threshold_note(reference: Volume, candidate: Volume) -> str:
    """Return what a step of the thresholds changes; "" unless both volumes were segmented at a threshold.

    Both images are segmented again at their threshold plus and minus 1 % of the range
    of their grey values (one grey level at least). The note compares the changes of the
    volume fraction with the difference between the volumes.
    """
    if not ("threshold" in reference.source and "threshold" in candidate.source):
        return ""
    changes = [_changes(volume) for volume in (reference, candidate)]
    difference = abs(changes[1][1] - changes[0][1])
    alone = sum(max(abs(low - at), abs(high - at)) for low, at, high, _ in changes)
    texts = [
        f"from {100 * low:.2f} to {100 * high:.2f} % in {volume.name} (steps of {step:g})"
        for volume, (low, _, high, step) in zip((reference, candidate), changes, strict=True)
    ]
    could = "could make" if alone >= difference else "could not make"
    return (
        f"thresholds one step lower and higher change the volume fraction of {reference.phases[1]} "
        f"{' and '.join(texts)}; this alone {could} the difference of {100 * difference:.2f} %"
    )


def _changes(volume: Volume) -> tuple[float, float, float, float]:
    """Return the share above the threshold one step higher, at it, and one step lower; and the step."""
    assert volume.grey is not None
    grey = volume.grey if volume.mask is None else volume.grey[volume.mask]
    cut = float(volume.source["threshold"])
    step = _STEP * (float(grey.max()) - float(grey.min()))
    if np.issubdtype(grey.dtype, np.integer):
        step = max(1.0, round(step))
    high, at, low = (float(np.count_nonzero(grey > cut + shift) / grey.size) for shift in (step, 0.0, -step))
    return high, at, low, step
