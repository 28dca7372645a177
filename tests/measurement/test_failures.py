"""A metric that fails is a result; the others are kept, and the report and the exit code say so."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import microchar as mc
from microchar.cli.program import main
from microchar.core.errors import InputError, NotEnoughMemoryError
from microchar.core.result import Status
from microchar.metrics.glcm import Glcm
from microchar.metrics.local_thickness import LocalThickness
from microchar.metrics.psnr import Psnr
from microchar.metrics.ssim import Ssim

pytestmark = pytest.mark.property

VOLUME = np.random.default_rng(0).random((12, 12, 12)) < 0.4
CHOSEN = ["volume_fraction", "local_thickness", "glcm"]


def allocate(*arguments, **options):
    return np.empty((10**5, 10**5, 10**5), np.uint8)


def failing(error):
    def fail(*arguments, **options):
        raise error

    return fail


def test_too_little_memory_in_one_metric(monkeypatch):
    """NumPy raises, in a block on a thread; what is known of the need, and the remedy, are said."""
    monkeypatch.setattr(Glcm, "count", allocate)
    with pytest.warns(RuntimeWarning, match="volume: glcm failed: not enough memory"):
        found = mc.measure(VOLUME, CHOSEN)
    assert [result.status for result in found.values()] == ["ok", "ok", "failed"]
    assert found["volume_fraction"].value(phase="1").value == VOLUME.mean()
    message = found["glcm"].message
    assert "1000000000000000 bytes" in message
    for remedy in ("--crop", "--skip glcm", "--threads"):
        assert remedy in message
    assert found["glcm"].values == ()
    (row,) = found.scalars().query("metric == 'glcm'").to_dict("records")
    assert row["status"] == "failed"
    assert np.isnan(row["value"])


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("no luck\nat all"), ZeroDivisionError("by 0")])
def test_any_error_of_one_metric(monkeypatch, error):
    monkeypatch.setattr(LocalThickness, "run", failing(error))
    with pytest.warns(RuntimeWarning, match="local_thickness failed"):
        found = mc.compare(VOLUME, [VOLUME[::-1], VOLUME[:, ::-1]], CHOSEN)
    for measurement in (found.reference, *found.candidates):
        assert [measurement[name].status for name in CHOSEN] == ["ok", "failed", "ok"]
        assert "\n" not in measurement["local_thickness"].message
    with pytest.raises(type(error)):
        mc.measure(VOLUME, CHOSEN, fail_fast=True)
    with pytest.raises(type(error)):
        mc.compare(VOLUME, VOLUME, CHOSEN, fail_fast=True)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), InputError("bad parameter")])
def test_what_is_no_failure_of_the_metric_ends_the_run(monkeypatch, error):
    monkeypatch.setattr(LocalThickness, "run", failing(error))
    with pytest.raises(type(error)):
        mc.measure(VOLUME, CHOSEN)


def test_errors_of_counting_and_of_computing_keep_their_order(monkeypatch):
    """A result is computed while the next metric is counted: the first error is raised, and nothing more is counted."""
    monkeypatch.setattr(Glcm, "finish", failing(RuntimeError("computing")))
    monkeypatch.setattr(Ssim, "count", failing(RuntimeError("counting")))
    monkeypatch.setattr(Psnr, "count", failing(RuntimeError("counting")))
    chosen = ["volume_fraction", "glcm", "ssim", "psnr"]
    with pytest.warns(RuntimeWarning) as warned:
        found = mc.compare(VOLUME, VOLUME[::-1], chosen)
    assert [str(warning.message) for warning in warned][:2] == [
        "reference: glcm failed: RuntimeError: computing",
        "candidate: glcm failed: RuntimeError: computing",
    ]
    assert [found.pairs[0][name].message for name in chosen[2:]] == [
        f"{name} failed: RuntimeError: counting" for name in chosen[2:]
    ]
    assert {Path(warning.filename).name for warning in warned} == {"comparing.py"}
    with pytest.raises(RuntimeError, match="computing"):
        mc.compare(VOLUME, VOLUME[::-1], chosen, fail_fast=True)


def test_what_the_progress_raises_ends_the_run():
    def stop(fraction, text):
        if "thickness" in text:
            raise RuntimeError("the user pressed cancel")

    with pytest.raises(RuntimeError, match="cancel"):
        mc.measure(VOLUME, CHOSEN, progress=stop)


def test_a_score_does_not_count_a_failure_as_zero(monkeypatch):
    held_out = mc.HeldOut(VOLUME, (6, 6, 6), ["volume_fraction", "glcm"])
    monkeypatch.setattr(Glcm, "count", allocate)
    with pytest.raises(NotEnoughMemoryError, match=r"glcm failed: not enough memory: 1000000000000000 bytes"):
        held_out.score([VOLUME[:6, :6, :6]])


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("real", "fake"):
        np.save(f"{name}.npy", VOLUME.astype(np.uint8))
    return tmp_path


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("command", [["measure", "real.npy"], ["report", "real.npy", "fake.npy"]])
def test_the_report_begins_with_it_and_the_exit_code_is_1(files, monkeypatch, capsys, command):
    monkeypatch.setattr(Glcm, "count", allocate)
    command = [*command, "--metrics", ",".join(CHOSEN), "--quiet"]
    assert main([*command, "--fail-fast"]) == 1
    assert not (files / "microchar-out").exists()
    capsys.readouterr()
    assert main(command) == 1
    assert "microchar: warning: real: glcm failed: not enough memory" in capsys.readouterr().err
    page = (files / "microchar-out" / "report.html").read_text(encoding="utf-8")
    assert page.index("glcm failed: not enough memory") < page.index("<table") < page.index("<dl>")
    results = json.loads((files / "microchar-out" / "results.json").read_text(encoding="utf-8"))
    statuses = {(result["volume"], result["metric"]): result["status"] for result in results["results"]}
    assert {status for (_, metric), status in statuses.items() if metric == "glcm"} == {"failed"}
    assert {status for (_, metric), status in statuses.items() if metric != "glcm"} == {"ok"}
    # Rendering it again fails in nothing.
    assert main(["report", "microchar-out/results.json", "-o", "again", "--quiet"]) == 0
    assert (files / "again" / "report.html").read_text(encoding="utf-8") == page


@pytest.mark.filterwarnings("default")
def test_bad_input_comes_before_a_failure(files, monkeypatch):
    """Exit code 2: the parameter of a later metric is refused, though an earlier one fails."""
    monkeypatch.setattr(LocalThickness, "run", failing(RuntimeError("no luck")))
    monkeypatch.setattr(Glcm, "prepare", failing(InputError("glcm: bad parameter")))
    assert main(["measure", "real.npy", "--metrics", ",".join(CHOSEN), "--quiet"]) == 2
    assert not (files / "microchar-out").exists()


def test_a_failed_reference_leaves_the_candidates_their_place_in_the_report(files, monkeypatch, tmp_path):
    prepare = Glcm.prepare

    def failing_once(metric, volume, *more):
        if volume.name == "reference":
            raise RuntimeError("no luck")
        return prepare(metric, volume, *more)

    whole = mc.compare(VOLUME, VOLUME, CHOSEN)
    monkeypatch.setattr(Glcm, "prepare", failing_once)
    with pytest.warns(RuntimeWarning):
        part = mc.compare(VOLUME, VOLUME, CHOSEN)
    assert part.candidates[0]["glcm"].values == whole.candidates[0]["glcm"].values
    assert len(part.record().failed) == 1
    assert part.record().failed[0].result.status is Status.FAILED
    mc.write_report(part, tmp_path / "out", full=True)
    assert 'id="texture"' in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
