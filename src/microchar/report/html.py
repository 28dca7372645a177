"""The page: a summary and its figures inserted into jinja2 templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

from microchar.core.text import printable

if TYPE_CHECKING:
    from jinja2 import Environment

#: Id and title of each section, by the key of the summary that fills it; empty sections are left out of the menu.
_SECTIONS = {
    "verdicts": ("verdict", "Verdict"),
    "glance": ("glance", "At a glance"),
    "slices": ("slices", "Slices"),
    "curves": ("curves", "Functions and distributions"),
    "scalars": ("scalars", "Values by phase"),
    "along_axes": ("axes", "Along the axes"),
    "tables": ("texture", "Texture and anisotropy"),
    "pairs": ("pairs", "Slice against slice"),
    "conventions": ("conventions", "Conventions"),
    "statuses": ("statuses", "What could not be computed"),
}


def render(summary: Mapping[str, Any]) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    summary : mapping
        What `microchar.report.summary.summarize` returned. Equal summaries give equal pages.
    """
    from markupsafe import Markup

    from microchar.report.figures import draw, style

    numbers = count()
    environment = _environment()
    environment.filters["drawn"] = lambda spec: Markup(draw(spec, f"f{next(numbers)}-"))
    sections = [target for key, target in _SECTIONS.items() if summary[key] or key == "statuses"]
    with style():
        return environment.get_template("report.html").render(**_shown(summary), sections=sections)


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


def _shown(part: Any) -> Any:
    """Return a part of a summary with the control characters of all texts, such as names, as escapes."""
    if isinstance(part, Mapping):
        return {key: _shown(value) for key, value in part.items()}
    if isinstance(part, list | tuple):
        return [_shown(value) for value in part]
    return printable(part) if isinstance(part, str) else part
