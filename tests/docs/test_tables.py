"""The page on the tables names every column of the files that are written, and no other."""

import csv
import re

import pytest

import microchar as mc
from conftest import ROOT

PAGE = (ROOT / "docs" / "start" / "tables.rst").read_text(encoding="utf-8")
FILES = ("scalars.csv", "profiles.csv", "comparisons.csv")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    real, fake = (
        mc.datasets.overlapping_spheres((32, 32, 32), radius=4, void_fraction=0.5, seed=seed) for seed in (0, 1)
    )
    names = ["volume_fraction", "specific_surface_area", "two_point_correlation"]
    mc.write_report(mc.compare(real, fake, names), path := tmp_path_factory.mktemp("tables"), formats=["csv"])
    return path


def named(file):
    """Return the columns that the page names for a file; a row may name several, and none is named twice."""
    section = PAGE.split(f"{file}\n---")[1].split(".csv\n---")[0]
    first = re.findall(r"^   \* - (``.*)$", section, re.MULTILINE)
    return [name for cell in first for name in re.findall(r"``(\w+)``", cell)]


@pytest.mark.oracle
@pytest.mark.parametrize("file", FILES)
def test_the_page_names_the_columns_that_are_written(folder, file):
    with (folder / file).open(encoding="utf-8", newline="") as lines:
        written = next(csv.reader(lines))
    assert sorted(named(file)) == sorted(written)


@pytest.mark.property
def test_the_ends_of_the_intervals_have_the_confidence_that_the_page_states(folder):
    from scipy.stats import t as student

    with (folder / "comparisons.csv").open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["metric"] == "volume_fraction"]
    for row in rows:
        half = student.ppf(0.95, float(row["df"])) * float(row["standard_error"])
        assert float(row["upper"]) - float(row["difference"]) == pytest.approx(half)
