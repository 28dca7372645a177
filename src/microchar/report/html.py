"""The page: a summary and its figures inserted into jinja2 templates."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

from microchar.core.text import printable

if TYPE_CHECKING:
    from jinja2 import Environment


def render(summary: Mapping[str, Any], viewer: Mapping[str, Any] | None = None) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    summary : mapping
        What `microchar.report.summary.summarize` returned. Equal summaries give equal pages.
    viewer : mapping, optional
        What `microchar.report.viewer.content.viewer_of` returned, to be shown instead of
        the recorded slices.
    """
    from markupsafe import Markup

    from microchar.report.figures import draw

    numbers = count()
    environment = _environment()
    environment.filters["drawn"] = lambda spec: Markup(draw(spec, f"f{next(numbers)}-"))
    shown = _shown({key: part for key, part in summary.items() if key != "record"})
    return environment.get_template("report.html").render(**shown, viewer=viewer, packed=_packed(summary["record"]))


def render_view(viewer: Mapping[str, Any], sources: Sequence[Mapping[str, str]]) -> str:
    """Return the page of `microchar.report.viewing.write_view` as HTML.

    Parameters
    ----------
    viewer : mapping
        What `microchar.report.viewer.content.viewer_of` returned.
    sources : sequence of mapping
        Name, path and sha256 of each volume.
    """
    from microchar import __version__

    return _environment().get_template("view.html").render(viewer=viewer, sources=sources, version=__version__)


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("microchar.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


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
