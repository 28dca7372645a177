"""Follow the links inside a folder of HTML pages; print those that lead nowhere, and exit with 1 if there are any.

python .ci/links.py docs/_build/html
"""

from __future__ import annotations

import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The places of a page that have a name, and what it links to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.links: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the name and the links of an element."""
        del tag
        for name, value in attrs:
            if value and name == "id":
                self.places.add(value)
            elif value and name in ("href", "src"):
                self.links.add(value)


page = cache(Page)


def leads(path: Path, link: str) -> bool:
    """Return whether a link of a page leads to a file and a place that exist; links to other sites are not followed."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.exists():
        return False
    return target.suffix != ".html" or not parts.fragment or unquote(parts.fragment) in page(target).places


def main(folder: Path) -> int:
    """Return 1 if a link of a page in the folder leads nowhere."""
    # Templates of the theme lie among its files.
    paths = [path for path in folder.resolve().rglob("*.html") if "_static" not in path.parts]
    broken = [(path, link) for path in sorted(paths) for link in sorted(page(path).links) if not leads(path, link)]
    for path, link in broken:
        print(f"{path}: {link} leads nowhere")
    return 1 if broken or not paths else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
