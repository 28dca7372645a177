"""Showing a page in the browser of the user."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add_opening(group: argparse._ActionsContainer) -> None:
    """Add the option that opens the page."""
    group.add_argument("--open", action="store_true", help="show the page in the browser")


def open_page(path: Path) -> None:
    """Show a page in the browser; say so if there is none."""
    import webbrowser

    if not webbrowser.open(path.resolve().as_uri()):
        print(f"microchar: warning: no browser was found to open {path}", file=sys.stderr)
