"""Pages in a real browser: the Chromium of the system, offline, without a screen or a graphics card."""

from __future__ import annotations

import shutil

import pytest

#: WebGL in software.
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]


#: Hints on speed, which the tests themselves cause by reading pixels.
HINTS = ("Canvas2D", "GL Driver Message")


def _is_complaint(said):
    return said.type == "error" or (said.type == "warning" and not any(hint in said.text for hint in HINTS))


@pytest.fixture(scope="session")
def browser():
    """Give the browser; skip where there is none. It is never a downloaded one."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("chromium is not installed: install the package chromium of the system")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=chromium, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def new_page(browser):
    """Give a function that opens a new window; no page may report an error or fetch anything."""
    contexts, complaints = [], []

    def opened(*, width=1400, scheme="light", script="", **options):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.add_init_script(script)
        page.on("console", lambda said: complaints.append(said.text) if _is_complaint(said) else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda asked: complaints.append(asked.url) if asked.url.startswith("http") else None)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(new_page):
    """Give a page of 1400 × 900 pixels."""
    return new_page()


@pytest.fixture
def open_page(new_page):
    """Give a function that opens a file in a new window."""

    def opened(path, **options):
        page = new_page(**options)
        page.goto(path.as_uri())
        return page

    return opened
