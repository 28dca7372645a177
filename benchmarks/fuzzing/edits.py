"""Edits that damage a valid input: of bytes, of a tree of JSON, and of a command line.

An input is damaged by a list of edits, applied one after the other, so that a reproduction can be made smaller by
leaving edits out. Every edit is a plain tuple, whose `repr` is printed.
"""

from __future__ import annotations

import copy
import random
import re
from typing import Any

#: Texts in place of a number, a name or a length.
ODD_TEXTS = (
    *("", "0", "-1", "1", "7", "nan", "inf", "-inf", "1e-320", "1e300", "1e-20m", "9" * 5000, "99999999999999999999"),
    *("0x10", "²", "١٢", "1_0", "\x1b[31mred", "two\nlines", "=1+1", "+:,:,:", "z=-:5", ":,:,:", "1,1,1", "0,0,0"),
    *("8,8,8", "um", "5um", "-1um", "1,1,2um", "None", "true", "[]", "{}", "a" * 300, ".", "..", "%s", "{0}", "--"),
    *("otsu", "pore=0,solid=255", "pore", "a|b", "1;2", "(1,2)", "1,2", "-", "*", "a.tif", "caf\udce9", "\ufeff"),
)
#: Values in place of a value of JSON.
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 3, 255, 2**31, 2**63, 10**30, 0.5, -0.0, 1e300, -1e300, 1e-320, 5e-324),
    *("", "0", "1", "nan", "ok", "\x1b[31m", "\ud800", "{0.x}", "a" * 3000, "=1", "<b>", "um", "|"),
    *([], [1], [[1]], [1, 2, 3], [None, None], ["a", "b", "c"], {}, {"a": 1}, {"name": "x"}),
)
_BYTES = (b"\x00", b"\xff", b"\x7f", b"\x80", b"\x01", b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f")
_NUMBERS = (b"0", b"-1", b"1e999", b"nan", b"99999999999", b"9" * 30, b"9" * 5000, b"1e-320", b"", b"'", b"\n")


def edits_of_bytes(rng: random.Random, content: bytes) -> list[tuple[int, int, bytes]]:
    """Choose edits (position, bytes to remove, bytes to insert); half of them in the first kilobyte."""
    found = []
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        reach = len(content) if rng.random() < 0.5 else min(1024, len(content))
        at = rng.randrange(reach)
        kind = rng.randrange(7)
        if kind == 0:
            found.append((at, 1, bytes([content[at] ^ 1 << rng.randrange(8)])))
        elif kind == 1:
            new = rng.choice(_BYTES)
            found.append((at, len(new), new))
        elif kind == 2:
            found.append((at, len(content), b""))
        elif kind == 3:
            found.append((at, rng.randrange(1, 64), b""))
        elif kind == 4:
            start = rng.randrange(len(content))
            found.append((at, 0, content[start : start + rng.randrange(1, 64)]))
        elif kind == 5:
            found.append((at, 1, bytes([rng.randrange(256)])))
        else:
            numbers = [match.span() for match in re.finditer(rb"-?\d+(\.\d+)?", content[:65536])]
            start, stop = rng.choice(numbers) if numbers else (at, at + 1)
            found.append((start, stop - start, rng.choice(_NUMBERS)))
    return found


def edited_bytes(content: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """Apply edits."""
    for at, removed, new in edits:
        content = content[:at] + new + content[at + removed :]
    return content


def edits_of_tree(rng: random.Random, tree: Any) -> list[tuple[tuple[Any, ...], str, Any]]:
    """Choose edits (path, what is done, value): a value replaced, left out, repeated, or nested deeply."""
    paths = list(_paths(tree, ()))
    found = []
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        # Short paths are as likely as long ones, of which there are many.
        depth = rng.randrange(1, max(map(len, paths)) + 1)
        path = rng.choice([path for path in paths if len(path) == depth])
        done = rng.choice(("set", "set", "set", "delete", "repeat", "rename", "nest"))
        found.append((path, done, rng.choice(ODD_VALUES) if done == "set" else rng.choice((100, 100_000))))
    return found


def _paths(tree: Any, path: tuple[Any, ...]) -> Any:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree[:40]) if isinstance(tree, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from _paths(value, (*path, key))


def edited_tree(tree: Any, edits: list[tuple[tuple[Any, ...], str, Any]]) -> tuple[Any, int]:
    """Apply edits to a copy; return it, and how deeply what is marked by "NESTED" has to be nested."""
    tree, depth = copy.deepcopy(tree), 0
    for path, done, value in edits:
        *above, last = path
        try:
            holder = tree
            for key in above:
                holder = holder[key]
            if done == "set":
                holder[last] = copy.deepcopy(value)
            elif done == "delete":
                del holder[last]
            elif done == "repeat":
                holder.append(holder[last]) if isinstance(holder, list) else holder.update({f"{last} ": holder[last]})
            elif done == "rename":
                holder["name"] = holder.pop(last)
            else:
                holder[last], depth = "NESTED", value
        except (KeyError, IndexError, TypeError, AttributeError):
            continue  # an earlier edit removed what this one is about
    return tree, depth


def nested(text: str, depth: int) -> str:
    """Nest the place that `edited_tree` marked in a text of JSON."""
    return text.replace('"NESTED"', "[" * depth + "]" * depth)


def edits_of_words(rng: random.Random, words: list[str], options: list[str]) -> list[tuple[int, str, str]]:
    """Choose edits (position, what is done, word): a word replaced, an option added with an odd value, one left out."""
    found = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(1, len(words))
        done = rng.choice(("replace", "option", "option", "option", "equals", "delete"))
        option = rng.choice(options)
        text = rng.choice(ODD_TEXTS)
        if done == "replace" and words[at - 1] != "-o" and words[at] != "-o":
            found.append((at, done, text))
        elif done == "option":
            found.append((at, done, f"{option}\0{text}"))
        elif done == "equals":
            found.append((at, done, f"{option}={text}"))
        elif done == "delete" and words[at - 1] != "-o" and words[at] != "-o":
            found.append((at, done, ""))
    return found


def edited_words(words: list[str], edits: list[tuple[int, str, str]]) -> list[str]:
    """Apply edits."""
    words = list(words)
    for at, done, text in edits:
        if done == "replace" and at < len(words):
            words[at] = text
        elif done == "delete" and at < len(words):
            del words[at]
        elif done in ("option", "equals"):
            words += text.split("\0")
    return words
