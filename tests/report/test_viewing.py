"""Pages to look at volumes: what they hold, what is refused, and what a report shows of files that have changed."""

from __future__ import annotations

import re

import numpy as np
import pytest

import microchar as mc
from microchar.core.errors import InputError
from microchar.measurement.record import Record
from microchar.report.viewer.recorded import recorded_volumes
from microchar.report.viewing import check_view

pytestmark = pytest.mark.property


@pytest.fixture
def files(tmp_path):
    """Give a folder with two volumes of three phases, a mask, and an image, in files."""
    rng = np.random.default_rng(0)
    for name in ("real", "fake"):
        mc.write_volume(rng.integers(0, 3, (12, 13, 14)).astype(np.uint8), tmp_path / f"{name}.tif")
    np.save(tmp_path / "mask.npy", rng.random((12, 13, 14)) < 0.9)
    np.save(tmp_path / "image.npy", rng.integers(0, 3, (13, 14)))
    return tmp_path


def test_the_page_fetches_nothing_and_names_its_sources(files):
    real = mc.read_volume(files / "real.tif")
    page = mc.write_view([real, mc.read_volume(files / "fake.tif")], files / "view.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\((?!#)", page)
    assert real.source["sha256"] in page
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    assert all(name.startswith("viewer") for name in ids)


def test_names_are_escaped(files):
    nasty = "</script><b>&"
    volume = mc.as_volume(np.eye(8, dtype=int)[None].repeat(8, 0), phases=[nasty, "b"], name=nasty)
    page = mc.write_view([volume, volume], files / "view.html").read_text(encoding="utf-8")
    assert page.count("</script>") == 2
    assert "<b>" not in page


def test_phases_are_matched(files):
    labels = np.random.default_rng(0).integers(0, 2, (2, 8, 8, 8))
    mc.write_view([labels[0], labels[1] * 255], files / "view.html")
    with pytest.raises(InputError, match="has 3 phases"):
        mc.write_view([labels[0], mc.read_volume(files / "real.tif")], files / "other.html")
    assert not (files / "other.html").exists()


def test_what_cannot_be_seen_or_written_is_refused(files):
    for volumes, message in (([], "expected at least one volume"), ([[0, 1]], "expected a 3D volume")):
        with pytest.raises(InputError, match=message):
            mc.write_view([np.array(one)[None] for one in volumes], files / "view.html")
    with pytest.raises(InputError, match=r"view\.txt: expected the name of a page"):
        mc.write_view(np.eye(4), files / "view.txt")
    (files / "mine.html").write_text("mine")
    with pytest.raises(InputError, match="microchar did not write it"):
        mc.write_view(np.eye(4), files / "mine.html")
    mc.write_view(np.eye(4), files / "mine.html", overwrite=[files / "mine.html"])
    mc.write_view(np.eye(8), files / "mine.html")  # its own
    with pytest.raises(InputError, match="is an input"):
        check_view(files / "mine.html", inputs=[files / "mine.html"])


def measured(files, **arguments):
    """Return the record of a comparison of the two files, after a round trip."""
    real = mc.read_volume(files / "real.tif", phases=["a", "b", "c"], voxel_size="1,2,2um", **arguments)
    comparison = mc.compare(real, mc.read_volume(files / "fake.tif", **arguments), ["volume_fraction"])
    return comparison, Record.from_dict(comparison.to_dict(), "results.json")


def test_volumes_are_read_again_as_they_were_measured(files):
    comparison, record = measured(files, mask=files / "mask.npy")
    volumes = [comparison.reference.volume, comparison.candidates[0].volume]
    for volume, again in zip(volumes, recorded_volumes(record), strict=True):
        np.testing.assert_array_equal(volume.read(), again.read())
        assert (volume.grid, volume.phases, volume.name) == (again.grid, again.phases, again.name)
    first = mc.write_report(record, files / "one", formats=["html"], volumes=volumes)["report.html"]
    second = mc.write_report(record, files / "two", formats=["html"])["report.html"]
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("what", ["changed", "gone", "cropped", "in memory"])
def test_slices_stand_in_for_volumes_that_are_no_longer_there(files, what):
    _, record = measured(files, **({"crop": "2:,:,:"} if what == "cropped" else {}))
    if what == "changed":
        mc.write_volume(1 + (np.indices((12, 13, 14)).sum(axis=0) % 2).astype(np.uint8), files / "fake.tif")
    elif what == "gone":
        (files / "fake.tif").unlink()
    elif what == "in memory":
        record = mc.compare(*np.random.default_rng(0).integers(0, 2, (2, 9, 9, 9)), ["volume_fraction"]).record()
    assert recorded_volumes(record) == []
    page = mc.write_report(record, files / "out", formats=["html"])["report.html"].read_text(encoding="utf-8")
    assert 'class="slices"' in page
    assert 'id="viewer"' not in page


@pytest.mark.realdata
def test_pages_of_two_large_volumes_keep_within_their_sizes(real, tmp_path):
    berea = mc.read_volume(real("berea"))
    other = mc.as_volume(berea.values[::-1], name="upside down")
    for light, most in ((False, 15e6), (True, 3e6)):
        page = mc.write_view([berea, other], tmp_path / "view.html", light=light)
        assert page.stat().st_size < most
        assert ("by majority" in page.read_text(encoding="utf-8")) == light


def test_a_light_report_has_larger_voxels(files, monkeypatch):
    monkeypatch.setattr("microchar.report.viewer.content._LIGHT_BUDGET", 1000)
    comparison, _ = measured(files)
    plain, light = (
        mc.write_report(comparison, files / name, formats=["html"], light=name == "light")["report.html"].read_text(
            "utf-8"
        )
        for name in ("plain", "light")
    )
    assert "by majority" in light
    assert "by majority" not in plain
    assert len(light) < len(plain)
