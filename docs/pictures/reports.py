"""The annotated reports of the page on reading a report: `python docs/pictures/reports.py` makes their pictures anew.

Three pairs of known answer are compared: two samples of one random medium, a rock and the Gaussian field fitted to it,
and two halves of a piece of that rock. The picture in the README is that of the second pair, without numbers. The
pictures need playwright and the Chromium of the system; they are committed, because the documentation is built
without a browser.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

import microchar as mc
from microchar.core.volume import Volume

STATIC = Path(__file__).parents[1] / "_static"
#: Too slow for what they add here, or of registered images only.
SKIP = ("intrusion", "effective_diffusivity", "tortuosity_factor", "formation_factor", "ssim", "psnr")
WIDTH = 1000
#: What the numbers stand beside. The page explains them in this order.
PARTS = ("h1", ".lamps", "#strip h2", "#why h2", "#candidates h2")
#: Sets a number at the left of each part.
ANNOTATE = """parts => parts.forEach((part, i) => {
    document.documentElement.style.marginLeft = "32px";
    const box = document.querySelector(part).getBoundingClientRect();
    const mark = document.createElement("div");
    mark.textContent = i + 1;
    mark.style = `position: absolute; left: ${box.left + scrollX - 36}px; top: ${box.top + scrollY + 2}px;
        width: 30px; height: 30px; border-radius: 50%; background: #b3005e; color: white;
        font: bold 18px/30px sans-serif; text-align: center`;
    document.body.append(mark);
})"""


def pairs() -> dict[str, tuple[Volume, Volume]]:
    """Return the volumes of each picture, by its name."""
    rock = mc.datasets.berea()
    middle = rock.shape[0] // 2
    first, second = rock.crop((0, 0, 0), (middle, *rock.shape[1:])), rock.crop((middle, 0, 0), rock.shape)
    spheres = [
        mc.datasets.overlapping_spheres((128, 128, 128), radius=4, void_fraction=0.4, seed=seed) for seed in (1, 2)
    ]
    field = mc.create_generator("gaussian-field").fit(rock, seed=0).generate(rock.shape, seed=1)
    return {"same": (spheres[0], spheres[1]), "different": (rock, field), "cannot_tell": (first, second)}


def photograph(page: Page, report: Path, *, height: int, parts: tuple[str, ...] = PARTS) -> Image.Image:
    """Return the top of a report, with a number at each part."""
    page.set_viewport_size({"width": WIDTH, "height": height})
    page.goto(report.as_uri())
    page.evaluate(ANNOTATE, list(parts))
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def bottom_of(page: Page, report: Path, part: str) -> int:
    """Return where a part of a report ends, in pixels from the top."""
    page.set_viewport_size({"width": WIDTH, "height": 900})
    page.goto(report.as_uri())
    return int(page.evaluate("part => document.querySelector(part).getBoundingClientRect().bottom", part)) + 14


def main() -> None:
    """Compare the pairs, and write a picture of each report."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        for name, (real, fake) in pairs().items():
            comparison = mc.compare(replace(real, name="real"), replace(fake, name="fake"), skip=SKIP)
            print(f"{name}: {comparison.verdicts[0].sentence}")
            report = mc.write_report(comparison, Path(folder) / name)["report.html"]
            picture = photograph(page, report, height=bottom_of(page, report, "#candidates"))
            picture.save(STATIC / f"report_{name}.webp", quality=80, method=6)
            if name == "different":
                picture = photograph(page, report, height=bottom_of(page, report, "#strip"), parts=())
                picture.quantize(128).save(STATIC / "report.png", optimize=True)
        browser.close()


if __name__ == "__main__":
    main()
