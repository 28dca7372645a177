"""Values of other packages: each expression is evaluated and gives the number that is printed for it."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import replace

import numpy as np
import pytest
from edt import edt
from skimage.feature import graycomatrix, graycoprops

import microchar as mc
from microchar.cli.program import main
from microchar.measurement.equivalents import EQUIVALENTS, PACKAGES, converted

METRICS = sorted({equivalent.metric for equivalent in EQUIVALENTS})


@pytest.fixture(scope="module")
def volume():
    piece = mc.datasets.nmc_cathode().crop((0, 0, 0), (26, 24, 28))
    return replace(piece, voxel_size=(0.5, 0.5, 0.5), unit="um")


@pytest.fixture(scope="module")
def record(volume):
    # Far nearer than the other solvers come.
    tolerance = {name: {"tolerance": 1e-6} for name in ("effective_diffusivity", "tortuosity_factor")}
    return mc.measure(volume, METRICS, parameters=tolerance).record()


def names(volume, value):
    """Return what an expression may name."""
    labels = volume.read()
    phase = volume.phases.index(value.phase) if value.phase in volume.phases else 0
    axis = int(value.direction) if value.direction in "012" else None
    known = {"np": np, "edt": edt, "graycomatrix": graycomatrix, "graycoprops": graycoprops}
    levels = np.array([0, 127, 255], np.uint8)[labels]
    return known | {
        "im": labels == phase,
        "labels": labels,
        "levels": levels,
        "spacing": volume.voxel_size,
        "axis": axis,
    }


def load(package):
    module = pytest.importorskip({"scikit-image": "skimage"}.get(package, package))
    for part in ("measure", "metrics", "filters", "simulations"):
        if importlib.util.find_spec(f"{module.__name__}.{part}"):
            importlib.import_module(f"{module.__name__}.{part}")
    return module


def evaluated(module, volume, row):
    return float(np.squeeze(eval(row.equivalent.call, {module.__name__: module, **names(volume, row.value)})))


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")  # of the other packages, on what they do by themselves
@pytest.mark.parametrize("package", PACKAGES)
def test_each_expression_gives_the_number(package, volume, record):
    module = load(package)
    rows = converted(record, package)
    assert {row.equivalent.call for row in rows} == {e.call for e in EQUIVALENTS if e.package == package}
    for row in (row for row in rows if row.equivalent.exact):
        # TauFactor stops at its own tolerance.
        near = 5e-3 if "Solver" in row.equivalent.call else 1e-5
        theirs = evaluated(module, volume, row)
        assert row.number == pytest.approx(theirs, rel=near, abs=1e-12), (row.equivalent.call, row.value.key)


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
def test_what_is_about_the_same_differs_by_the_ends(volume, record):
    pytest.importorskip("openpnm")
    module = load("porespy")
    for row in (row for row in converted(record, "porespy") if not row.equivalent.exact and row.value.phase == "pore"):
        # PoreSpy leaves out half a voxel at each end, one of 24.
        assert row.number == pytest.approx(evaluated(module, volume, row), rel=2 / 24), row.equivalent.call


@pytest.mark.property
def test_masks_periodic_axes_pairs_and_mixtures_are_left_out(volume):
    def rows(measured, package="taufactor"):
        return {row.equivalent.metric for row in converted(measured.record(), package)}

    chosen = ["volume_fraction", "specific_surface_area"]
    assert rows(mc.measure(volume, chosen)) == set(chosen)
    assert rows(mc.measure(volume, chosen, periodic=(1,))) == set()
    assert rows(mc.measure(replace(volume, mask=volume.read() < 2), chosen)) == set()
    mixture = {"tortuosity_factor": {"diffusivity": (("pore", 1.0), ("NMC", 0.1)), "axes": (0,)}}
    assert rows(mc.measure(volume, ["tortuosity_factor"], parameters=mixture)) == set()
    flat = replace(volume, voxel_size=(0.5, 0.5, 1.0))
    assert rows(mc.measure(flat, ["triple_phase_boundary"])) == set()


@pytest.mark.property
def test_the_command_prints_them(volume, tmp_path, capsys):
    file = tmp_path / "results.json"
    mc.measure(volume, ["volume_fraction", "euler_characteristic"]).record().write(file)
    assert main(["convert", str(file), "--to", "skimage"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 1 + 2 * 3
    assert all(float(row[-3]).is_integer() for row in rows[1:])
    assert main(["convert", str(file), "--to", "tau"]) == 2
    assert "taufactor" in capsys.readouterr().err
    mc.measure(volume, ["lineal_path"], r_max=2).record().write(file)
    assert main(["convert", str(file), "--to", "porespy"]) == 2
    assert "measure one of volume_fraction" in capsys.readouterr().err
