"""JSON from outside: finite numbers of bearable size, and lists of bearable depth."""

from __future__ import annotations

import json

import pytest

from microchar.core.json_text import parse_json

pytestmark = pytest.mark.property


def test_json_is_read_as_it_stands():
    assert parse_json('{"a": [1, -2.5, null, true, "\\u00e9"], "b": {}}') == {"a": [1, -2.5, None, True, "é"], "b": {}}
    assert parse_json("[" * 60 + "]" * 60)
    assert parse_json(str(2**63)) == 2**63


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("NaN", "no finite number"),
        ("[1, -Infinity]", "no finite number"),
        ("1e999", "no finite number"),
        ("9" * 30, "not a whole number of 64 bits"),
        ("9" * 5000, "not a whole number of 64 bits"),
        ("[" * 65 + "1" + "]" * 65, "nested more than 64 deep"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "nested more than 64 deep"),
    ],
)
def test_what_no_file_of_microchar_holds_is_a_value_error(text, message):
    with pytest.raises(ValueError, match=message):
        parse_json(text)


def test_what_is_no_json_keeps_the_place_of_the_fault():
    with pytest.raises(json.JSONDecodeError) as caught:
        parse_json('{"a": 1,\n"b" 2}')
    assert caught.value.lineno == 2
