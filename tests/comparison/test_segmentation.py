"""What a step of the threshold changes, stated beside a difference."""

import numpy as np
import pytest

import microchar as mc
from microchar.comparison.segmentation import threshold_note


def images():
    """Two images of 1000 voxels with every grey value from 0 to 199 five times; the second is 10 levels brighter."""
    grey = np.repeat(np.arange(200, dtype=np.uint8), 5).reshape(10, 10, 10)
    return grey, grey + np.uint8(10)


@pytest.mark.analytic
def test_a_step_of_one_percent_of_the_range():
    one, two = (mc.as_volume(image, threshold=100, name=name) for image, name in zip(images(), "ab", strict=True))
    # Range 199: steps of 2 grey levels, of which each holds 0.5 % of the voxels.
    note = threshold_note(one, two)
    assert "from 48.50 to 50.50 % in a (steps of 2) and from 53.50 to 55.50 % in b (steps of 2)" in note
    assert "this alone could not make the difference of 5.00 %" in note
    assert "this alone could make the difference of 0.00 %" in threshold_note(one, one)


@pytest.mark.property
def test_only_volumes_that_were_segmented_here():
    one, two = images()
    cut = mc.as_volume(one, threshold=100)
    given = mc.as_volume((two > 100).astype(np.uint8))
    assert threshold_note(cut, given) == ""
    notes = mc.compare(cut, mc.as_volume(two, threshold=100), ["volume_fraction"]).notes
    assert any("thresholds one step lower and higher" in note for note in notes)
