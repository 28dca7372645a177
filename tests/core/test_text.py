"""Pieces of messages."""

from __future__ import annotations

import pytest

from microchar.core.text import by, did_you_mean, one_line, whole_number

pytestmark = pytest.mark.property


def test_only_a_near_name_is_suggested():
    known = ("lineal_path", "glcm", "ssim")
    assert did_you_mean("glmc", known) == "did you mean 'glcm'? "
    assert did_you_mean("porosity", known) == ""
    assert did_you_mean("glcm", ()) == ""


def test_sizes_are_written_without_needless_digits():
    assert by((1, 20, 300)) == "1 × 20 × 300"
    assert by((0.398, 1.0, 2.5)) == "0.398 × 1 × 2.5"


@pytest.mark.parametrize(
    "text", ["", "+", "1.0", "1_000", "0x10", "²", "١٢", "9" * 20, "9" * 5000, "-9223372036854775809"]
)
def test_what_is_no_whole_number_of_64_bits_is_a_value_error(text):
    with pytest.raises(ValueError, match="not a whole number of 64 bits"):
        whole_number(text)


def test_whole_numbers_are_taken_up_to_64_bits():
    assert [whole_number(text) for text in (" 7 ", "-0", "+12", "-9223372036854775808", "18446744073709551615")] == [
        7,
        0,
        12,
        -(2**63),
        2**64 - 1,
    ]


def test_a_message_is_one_line_of_bearable_length():
    assert one_line("a\nb\x1b[31m") == r"a\nb\x1b[31m"
    assert len(one_line("9" * 5000)) < 2100
