"""Results: entries are found by their key, and survive being plain objects."""

from __future__ import annotations

import json

import numpy as np
import pytest

from microchar.core.result import Picture, Profile, Result, Status, Value

pytestmark = pytest.mark.property

VALUES = (
    Value(phase="pore", direction="0", value=0.25, unit="um^-1", standard_error=0.01),
    Value(phase="pore", direction="1", status=Status.UNDEFINED, message="no voxels"),
    Value(phase="solid", direction="0", value=0.75, lower=0.7, upper=0.8),
)
PROFILE = Profile(phase="pore", x=np.arange(3.0), y=np.array([0.5, np.nan, 0.25]), x_unit="um")
RESULT = Result(
    metric="lineal_path",
    title="Lineal path",
    symbol="L",
    kind="profile",
    convention={"boundary": "non-periodic"},
    values=VALUES,
    profiles=(PROFILE,),
    pictures=(Picture(phase="pore", png="iVBORw==", aspect=1.5, caption="flux"),),
)


def test_an_entry_is_found_by_any_part_of_its_key():
    assert RESULT.value(phase="solid") is VALUES[2]
    assert RESULT.value(phase="pore", direction="1") is VALUES[1]
    assert RESULT.profile() is PROFILE
    for key, number in (({"phase": "pore"}, 2), ({"phase": "air"}, 0)):
        with pytest.raises(KeyError, match=f"lineal_path: {number} entries match .*expected one"):
            RESULT.value(**key)


def test_a_result_survives_json():
    again = Result.from_dict(json.loads(json.dumps(RESULT.to_dict(), allow_nan=False)))
    assert again.to_dict() == RESULT.to_dict()
    assert again.values == RESULT.values
    assert again.pictures == RESULT.pictures
    np.testing.assert_array_equal(again.profile().y, PROFILE.y)


def test_a_status_is_its_text_and_says_what_it_means():
    assert Value(status="undefined").status is Status.UNDEFINED
    assert Status.NOT_PERCOLATING == "not_percolating"
    assert all(status.meaning for status in Status)
    with pytest.raises(ValueError, match="parsec"):
        Value(status="parsec")
