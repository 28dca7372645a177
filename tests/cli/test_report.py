"""`microchar report` from end to end: what it writes, what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import tifffile

from microchar.metrics import metric_names

QUICK = ["--metrics", "volume_fraction,lineal_path,ssim", "--r-max", "4"]


def test_report_writes_page_json_and_tables(pair, run):
    out = pair / "out"
    arguments = ["report", str(pair / "real.tif"), str(pair / "fake.tif"), "-o", str(out), *QUICK]
    assert run(*arguments, "--phases", "pore=0,solid=255", "--voxel-size", "2um") == 0
    assert sorted(p.name for p in out.iterdir()) == [
        "comparisons.csv",
        "profiles.csv",
        "report.html",
        "results.json",
        "scalars.csv",
        "study.toml",
    ]
    results = json.loads((out / "results.json").read_text())
    assert results["provenance"]["command"].startswith("microchar report ")
    assert [v["name"] for v in results["volumes"]] == ["real", "fake"]
    table = pd.read_csv(out / "scalars.csv", keep_default_na=False)
    assert list(table.columns) == [
        *("volume", "reference", "metric", "feature", "phase", "direction", "estimator"),
        *("value", "unit", "lower", "upper", "standard_error", "status", "n_eff"),
    ]
    real = tifffile.imread(pair / "real.tif")
    row = table[(table.volume == "real") & (table.metric == "volume_fraction") & (table.phase == "pore")]
    assert float(row["value"].item()) == (real == 0).mean()
    assert set(table[table.metric == "ssim"].reference) == {"real"}
    profiles = pd.read_csv(out / "profiles.csv", keep_default_na=False)
    assert set(profiles.x_unit) == {"um"}
    assert profiles[
        (profiles.direction == "0") & (profiles.phase == "pore") & (profiles.volume == "fake")
    ].x.tolist() == [
        0,
        2,
        4,
        6,
        8,
    ]


def test_report_renders_again_from_json(pair, run):
    run("report", str(pair / "real.tif"), str(pair / "fake.tif"), "-o", str(pair / "a"), *QUICK)
    assert run("report", str(pair / "a" / "results.json"), "-o", str(pair / "b")) == 0
    for name in ("report.html", "scalars.csv", "profiles.csv", "results.json"):
        assert (pair / "a" / name).read_bytes() == (pair / "b" / name).read_bytes()


@pytest.mark.parametrize("name", metric_names())
def test_every_metric_is_selectable_by_itself(pair, run, name):
    arguments = ["report", str(pair / "real.tif"), str(pair / "fake.tif"), "-o", str(pair / "out")]
    assert run(*arguments, "--metrics", name, "--r-max", "4", "--window", "4", "--format", "json") == 0
    results = json.loads((pair / "out" / "results.json").read_text())
    assert {result["metric"] for result in results["results"]} == {name}


def test_labels_name_the_volumes(pair, run):
    files = [str(pair / "real.tif"), str(pair / "fake.tif")]
    assert run("report", *files, "-o", str(pair / "out"), *QUICK, "--label", "rock", "--label", "rock") == 0
    assert {"rock", "rock (2)"} <= set(pd.read_csv(pair / "out" / "scalars.csv").volume)


def test_masks_grey_images_and_crops_go_by_volume(pair, run):
    """The real volume has a mask, the fake one a grey image; both are cropped."""
    rng = np.random.default_rng(1)
    mask = (rng.random((14, 16, 18)) < 0.7).astype(np.uint8)
    np.save(pair / "mask.npy", mask)
    np.save(pair / "grey.npy", rng.integers(0, 256, (14, 16, 18)).astype(np.uint8))
    files = [str(pair / f"{name}.tif") for name in ("real", "fake")]
    options = ["--mask", str(pair / "mask.npy"), "--grey", "-", "--grey", str(pair / "grey.npy"), "--crop", "z=2:12"]
    arguments = ["report", *files, "-o", str(pair / "out"), *options]
    assert run(*arguments, "--metrics", "volume_fraction,glcm", "--format", "json") == 0
    results = json.loads((pair / "out" / "results.json").read_text())
    real, fake = results["volumes"]
    assert (real["shape"], real["masked"], fake["masked"]) == ([10, 16, 18], True, False)
    assert [bool(volume["mask_sha256"]) for volume in (real, fake)] == [True, False]
    assert [volume["grey"] for volume in (real, fake)] == ["", str(pair / "grey.npy")]
    values = tifffile.imread(pair / "real.tif")[2:12]
    fraction = results["results"][0]["values"][0]
    assert fraction["value"] == (values[mask[2:12] == 1] == 0).mean()
    levels = {r["volume"]: r["convention"]["grey levels"] for r in results["results"] if r["metric"] == "glcm"}
    assert levels["real"] != levels["fake"]


def test_mask_of_one_volume_only_is_said(pair, run):
    mask = np.ones((14, 16, 18), np.uint8)
    mask[:4] = 0
    np.save(pair / "mask.npy", mask)
    files = [str(pair / "real.tif"), str(pair / "fake.tif")]
    arguments = ["report", *files, "-o", str(pair / "out"), "--mask", str(pair / "mask.npy")]
    assert run(*arguments, "--metrics", "volume_fraction", "--format", "json") == 0
    results = json.loads((pair / "out" / "results.json").read_text())
    assert any("mask was given for real only" in note for note in results["notes"])
    assert results["settings"]["metrics"] == ["volume_fraction"]


def test_a_volume_of_one_phase_is_reported_with_statuses(pair, run):
    np.save(pair / "solid.npy", np.full((9, 10, 11), 255, np.uint8))
    out = pair / "out"
    files = [str(pair / "real.tif"), str(pair / "solid.npy")]
    arguments = ["report", *files, "--phases", "pore=0,solid=255", "-o", str(out), "--skip", "local_thickness"]
    assert run(*arguments) == 0
    table = pd.read_csv(out / "scalars.csv", keep_default_na=False)
    table = table[(table.volume == "solid") & (table.phase == "pore")]
    assert (table[table.metric == "volume_fraction"]["value"].astype(float) == 0).all()
    tortuosity = table[(table.metric == "tortuosity_factor") & (table.feature != "percolating_volume_fraction")]
    assert set(tortuosity.status) == {"absent_phase"}
    assert set(table[table["value"] == ""].status) <= {"absent_phase", "undefined"}
    assert "nan" not in (out / "scalars.csv").read_text()
    # By itself it has but one phase.
    assert run("measure", str(pair / "solid.npy"), "-o", str(out), "--skip", "local_thickness") == 0
    table = pd.read_csv(out / "scalars.csv", keep_default_na=False)
    assert table[table.metric == "interfacial_area"].status.tolist() == ["not_applicable"]


def test_options_of_measuring_are_refused_where_nothing_is_measured(pair, run, capsys):
    run("report", str(pair / "real.tif"), str(pair / "fake.tif"), "-o", str(pair / "a"), *QUICK)
    assert run("report", str(pair / "a" / "results.json"), "-o", str(pair / "b"), "--r-max", "9") == 2
    assert "--r-max cannot change existing results" in capsys.readouterr().err
    assert not (pair / "b").exists()


def test_what_was_measured_is_filtered_without_measuring(pair, run, capsys):
    out, results = pair / "a", str(pair / "a" / "results.json")
    run("report", str(pair / "real.tif"), str(pair / "fake.tif"), "-o", str(out), *QUICK)
    assert run("report", results, "-o", str(pair / "b"), "--metrics", "lineal_path") == 0
    held = json.loads((pair / "b" / "results.json").read_text())
    assert {result["metric"] for result in held["results"]} == {"lineal_path"}
    assert held["verdicts"] == json.loads((out / "results.json").read_text())["verdicts"]
    # The file holds more than what would replace it.
    before = (out / "results.json").read_bytes()
    assert run("report", results, "-o", str(out), "--skip", "ssim") == 2
    assert "is an input and would be replaced" in capsys.readouterr().err
    assert (out / "results.json").read_bytes() == before


def test_what_was_measured_apart_is_compared_without_a_verdict(pair, run, capsys):
    for name in ("real", "fake"):
        assert run("measure", str(pair / f"{name}.tif"), "-o", str(pair / name), "--metrics", "volume_fraction") == 0
    files = [str(pair / name / "results.json") for name in ("real", "fake")]
    assert run("report", *files, "-o", str(pair / "out")) == 0
    held = json.loads((pair / "out" / "results.json").read_text())
    assert [(volume["name"], volume["role"]) for volume in held["volumes"]] == [
        ("real", "reference"),
        ("fake", "candidate"),
    ]
    assert held["verdicts"] == []
    assert not (pair / "out" / "comparisons.csv").exists()
    assert run("report", *files, "-o", str(pair / "out2"), "--fail-on", "different") == 2
    assert run("report", files[0], str(pair / "fake.tif"), "-o", str(pair / "out2")) == 2
    assert "volumes only, or results.json only" in capsys.readouterr().err


def test_full_and_light_pages(pair, run):
    run("report", str(pair / "real.tif"), str(pair / "fake.tif"), "-o", str(pair / "a"), *QUICK)
    sizes = []
    for option in ("--light", "--full"):
        assert run("report", str(pair / "a" / "results.json"), "-o", str(pair / option), option) == 0
        sizes.append((pair / option / "report.html").stat().st_size)
    assert sizes[0] < (pair / "a" / "report.html").stat().st_size < sizes[1]
    with pytest.raises(SystemExit, match="2"):
        run("report", str(pair / "a" / "results.json"), "--light", "--full")
