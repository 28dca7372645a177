"""Pages made by code: one for each metric with its pictures, their list, and the table of the accuracy page."""

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import convergence
import definitions
import matplotlib
import samples
import studies
from manuals import MANUALS
from studies import STUDIES

from microchar import metrics
from microchar.core.units import power_unit, pretty_unit
from microchar.measurement.equivalents import EQUIVALENTS
from microchar.testing import check_truths

FOLDER = Path(__file__).parents[1] / "metrics" / "generated"
ADDITIVE = {
    "exact": "yes: integer counts, equal for any blocks",
    "float": "yes: sums in a fixed order",
    "whole": "no: needs the whole volume",
}
CONVERTED = """\
``microchar convert results.json --to PACKAGE`` prints these values, and tests compare them with those of the package.
In the expressions, ``im`` is the phase as a boolean image, ``labels`` are the phases as numbers, ``levels`` the grey
levels as bytes, ``spacing`` is the voxel size, and ``axis`` the direction."""


def metric_page(name: str) -> str:
    """Return the page of one metric."""
    cls = metrics.find_metric(name)
    facts = {
        "id": f"``{name}``",
        "symbol": f":math:`{cls.symbol}`",
        "unit": pretty_unit(power_unit("length", cls.length_power)) or "none",
        "additive": ADDITIVE[cls.additive],
        "size-dependent": "yes: compared at equal shapes only" if cls.size_dependent else "no",
        "periodic": "yes" if cls.periodic_supported else "no",
        "mask": "yes" if cls.mask_supported else "no",
        "needs": f"{cls.min_ndim}D or more" + (f", {cls.min_phases} phases or more" if cls.min_phases > 1 else ""),
        "cost": cost(cls),
    }
    lines = [cls.title, "=" * len(cls.title), "", f"{cls.summary[0].upper()}{cls.summary[1:]}.", "", *picture(name)]
    lines += [f":{key}: {fact}" for key, fact in facts.items()]
    lines += ["", ".. currentmodule:: microchar.metrics", "", f".. autoclass:: {cls.__name__}", ""]
    return "\n".join([*lines, *curves(name), *elsewhere(name)])


def cost(cls: Any) -> str:
    """Return the computing time in words."""
    if cls.cost < 1:
        return "next to nothing beside the metric with which it shares the work"
    times = (
        f"about {cls.cost:,.0f} times that of the volume fractions"
        if cls.cost > 1
        else "that of a pass over the voxels"
    )
    return times + (", so that it is measured on request only" if cls.on_request else "")


def picture(name: str) -> list[str]:
    """Return the picture of what a metric is, drawn anew if its script or the metric has changed."""
    if name not in definitions.DRAWINGS:
        return []
    file = FOLDER / f"{name}.png"
    caption = made(file, (definitions,), name, lambda: definitions.draw(name, file))
    return [f".. figure:: {file.name}", f"   :alt: {caption}", "   :figclass: definition", "", f"   {caption}", ""]


def curves(name: str) -> list[str]:
    """Return the section on known truth, measured anew if its script or the metric has changed."""
    if name not in STUDIES:
        return []
    file, title = FOLDER / f"{name}_error.svg", "How near it comes to a known truth"
    study = STUDIES[name]
    caption = made(file, (convergence, samples, studies), name, lambda: convergence.draw(name, study, file))
    where = "Measured when this page was built, by ``docs/pictures/studies.py``."
    lines = [title, "-" * len(title), "", study.reading, "", f".. figure:: {file.name}"]
    return [*lines, f"   :alt: Error against size. {study.reading}", "", f"   {caption} {where}", ""]


def made(file: Path, scripts: Sequence[ModuleType], name: str, make: Callable[[], str]) -> str:
    """Make a picture if it is older than its scripts or its metric; return its caption, which is kept beside it."""
    words = file.with_suffix(".caption")
    sources = [Path(inspect.getfile(each)) for each in (*scripts, metrics.find_metric(name))]
    if not words.exists() or words.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        words.write_text(make(), encoding="utf-8")
    return words.read_text(encoding="utf-8")


def elsewhere(name: str) -> list[str]:
    """Return the section on what other programs call the values of a metric; nothing if none has them."""
    tested = [equivalent for equivalent in EQUIVALENTS if equivalent.metric == name]
    if not tested and name not in MANUALS:
        return []
    title = "What others call it, and how to convert"
    lines = [title, "-" * len(title), ""]
    if tested:
        lines += [CONVERTED, ""]
        rows = [("package", "our value", "its expression", "its value")]
        for each in tested:
            key = ", ".join(f"``{part}``" for part in each.key.values() if part) or "the value"
            rows.append((each.package, key, f"``{each.call}``", each.how))
        lines += table(rows, "12 20 44 24", "expressions")
    if name in MANUALS:
        lines += ["From the documentation or the source of programs that were not run here:", ""]
        linked = [(f"`{program} <{address}>`__", *others) for program, address, *others in MANUALS[name]]
        lines += table([("program", "its name", "its value"), *linked], "24 30 46", "manuals")
    return lines


def table(rows: Sequence[Sequence[str]], widths: str, kind: str) -> list[str]:
    """Return a table whose first row is its head; the style sheet has the heads of each kind for phones."""
    lines = [".. list-table::", f"   :class: stacked {kind}", "   :header-rows: 1", f"   :widths: {widths}", ""]
    for first, *others in rows:
        lines += [f"   * - {first}", *(f"     - {cell}" for cell in others)]
    return [*lines, ""]


def metric_list() -> str:
    """Return the table of all metrics, and their table of contents."""
    rows = [("id", "unit", "what it is")]
    for name in metrics.metric_names():
        cls = metrics.find_metric(name)
        unit = pretty_unit(power_unit("length", cls.length_power)) or "–"
        rows.append((f":doc:`{name} <generated/{name}>`", unit, cls.summary))
    lines = [*table(rows, "30 10 60", "metrics"), ".. toctree::", "   :hidden:", ""]
    return "\n".join([*lines, *(f"   generated/{name}" for name in metrics.metric_names()), ""])


def accuracy_table() -> str:
    """Return the table of ``microchar selftest``, measured now."""
    rows = [("metric", "of", "true", "measured", "error", "true because of")]
    for outcome in check_truths():
        truth = outcome.truth
        assert outcome.within, f"{truth.metric} of {truth.title} is {outcome.measured}, not {truth.exact}"
        numbers = (f"{truth.exact:.6g}", f"{outcome.measured:.6g}", f"{outcome.error:+.1e}")
        rows.append((f":doc:`{truth.metric} </metrics/generated/{truth.metric}>`", truth.title, *numbers, truth.source))
    return "\n".join(table(rows, "22 30 12 12 10 14", "truths"))


def write_pages(app: Any) -> None:
    """Write the pages; only those that changed, so that rebuilding is quick."""
    matplotlib.use("Agg")
    FOLDER.mkdir(exist_ok=True)
    pages = {f"{name}.rst": metric_page(name) for name in metrics.metric_names()}
    pages |= {"list.txt": metric_list(), "accuracy.txt": accuracy_table()}
    for old in set(FOLDER.glob("*.rst")) - {FOLDER / name for name in pages}:
        old.unlink()
    for name, text in pages.items():
        page = FOLDER / name
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def setup(app: Any) -> None:
    """Hook the pages in before Sphinx looks for sources."""
    app.connect("builder-inited", write_pages, priority=1)
