"""The page: a summary and its figures inserted into jinja2 templates."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from itertools import count
from typing import Any

from microchar.core.text import printable


def render(summary: Mapping[str, Any]) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    summary : mapping
        What `microchar.report.summary.summarize` returned. Equal summaries give equal pages.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    from microchar.report.figures import draw

    numbers = count()
    environment = Environment(
        loader=PackageLoader("microchar.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["drawn"] = lambda spec: Markup(draw(spec, f"f{next(numbers)}-"))
    shown = _shown({key: part for key, part in summary.items() if key != "record"})
    return environment.get_template("report.html").render(**shown, packed=_packed(summary["record"]))


def _packed(record: Mapping[str, Any] | None) -> str:
    """Return the record as compressed JSON in base64; "" if there is none."""
    if record is None:
        return ""
    text = json.dumps(record, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode("utf-8", "backslashreplace"), 6, mtime=0)).decode("ascii")


def _shown(part: Any) -> Any:
    """Return a part of a summary with the control characters of all texts, such as names, as escapes."""
    if isinstance(part, Mapping):
        return {key: _shown(value) for key, value in part.items()}
    if isinstance(part, list | tuple):
        return [_shown(value) for value in part]
    return printable(part) if isinstance(part, str) else part
