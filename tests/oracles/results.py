"""Results made up by formula, for tests of what is done with results: every kind, label and status, no measuring."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from microchar.core.result import Profile, Result, Value
from microchar.measurement.record import PhaseRecord, Record, VolumeRecord
from microchar.measurement.tables import Named

CONVENTION = {"boundary": "non-periodic", "unit of length": "um"}
AXES = ("0", "1", "2")


def made_up(n_candidates=1, phases=("pore", "solid"), names=None, shape=(12, 16, 20)):
    """Return a record of a reference and candidates; the same arguments give the same record."""
    names = names or ["real", *(f"fake {n}" for n in range(1, n_candidates + 1))]
    volumes = [_volume(name, place, phases, shape, len(names) > 1) for place, name in enumerate(names)]
    named = [Named(name, "", r) for place, name in enumerate(names) for r in _results(place, phases)]
    for place, name in enumerate(names[1:], start=1):
        named += [Named(name, names[0], result) for result in _pair(place)]
    if len(names) > 1:
        for place, name in enumerate((f"another piece of {names[0]}", "all-majority block")):
            named += [Named(name, names[0], result, baseline=True) for result in _pair(place + 20)]
    provenance = {"command": "microchar report real.tif fake.tif", "created": "2026-11-22T16:00:00+00:00", "seed": 0}
    return Record.now(volumes, named, {"r_max": 20}, provenance, ["shapes differ: 3 metrics were measured on a crop"])


def _volume(name, place, phases, shape, comparing):
    levels = np.linspace(0, 255, len(phases)).astype(np.uint8)
    slices = {}
    for axis in range(3):
        plane = [n for a, n in enumerate(shape) if a != axis]
        buffer = io.BytesIO()
        Image.fromarray(np.random.default_rng(place).choice(levels, plane)).save(buffer, "PNG")
        slices[str(axis)] = base64.b64encode(buffer.getvalue()).decode("ascii")
    return VolumeRecord(
        name=name,
        role=("candidate" if place else "reference") if comparing else "measured",
        path=f"folder/{name}.tif",
        sha256=f"{place:064x}",
        shape=tuple(shape),
        voxel_size=(3.0, 3.0, 3.0),
        unit="um",
        phases=tuple(PhaseRecord(name=p, grey_value=int(level)) for p, level in zip(phases, levels, strict=True)),
        masked=False,
        slices=slices,
        slice_positions={str(axis): n // 2 for axis, n in enumerate(shape)},
    )


def _results(place, phases):
    shares = np.arange(1, len(phases) + 1) / np.arange(1, len(phases) + 1).sum()
    share = dict(zip(phases, shares * (1 + 0.1 * place), strict=True))
    yield _scalar("volume_fraction", "Volume fraction", r"\phi", [Value(phase=p, value=share[p]) for p in phases])
    estimators = ("crofton", "faces")
    surface = [Value(phase=p, estimator=e, value=share[p] / 9, unit="um^-1") for p in phases for e in estimators]
    yield _scalar("specific_surface_area", "Specific surface area", "S_V", surface)
    yield _nothing("triple_phase_boundary", "needs at least 3 phases")
    yield _correlation(share)
    yield _distribution(share, place)
    euler = [Value(phase=p, value=(place - 0.5) * 1e-6, unit="um^-3") for p in phases]
    yield _scalar("euler_characteristic", "Euler characteristic density", r"\chi_V", euler)
    yield _scalar("effective_diffusivity", "Effective diffusivity", r"D_\mathrm{eff}/D_0", _diffusivity(share, place))
    features = ("contrast", "energy")
    texture = [Value(feature=f, direction=d, value=40.0 + place) for d in AXES for f in features]
    yield Result(
        metric="glcm", title="Co-occurrence", symbol="", kind="table", convention=CONVENTION, values=tuple(texture)
    )
    word = Value(estimator="8-bit", value=24.5, message="isotropic: AI <= 100")
    grey = CONVENTION | {"grey levels": "0, 255"}
    yield Result(
        metric="anisotropy_index", title="Anisotropy", symbol="AI", kind="scalar", convention=grey, values=(word,)
    )
    yield _scalar("somebodys_metric", "Somebody's metric", r"\Xi_{ab}", [Value(value=3.0 + place, unit="um^2")])


def _scalar(name, title, symbol, values):
    return Result(metric=name, title=title, symbol=symbol, kind="scalar", convention=CONVENTION, values=tuple(values))


def _nothing(name, why):
    return Result(
        metric=name, title=name, symbol="", kind="scalar", convention={}, status="not_applicable", message=why
    )


def _correlation(share):
    lags = 3.0 * np.arange(21)
    curves = [
        Profile(phase=p, direction=d, x=lags, y=phi**2 + phi * (1 - phi) * np.exp(-lags / (9 + n)), x_unit="um")
        for p, phi in share.items()
        for n, d in enumerate((*AXES, "mean", "radial"))
    ]
    curves[0].y[-1] = np.nan
    return Result(
        metric="two_point_correlation",
        title="Two-point correlation",
        symbol="S_2(r)",
        kind="profile",
        convention=CONVENTION,
        profiles=tuple(curves),
    )


def _distribution(share, place):
    chords = 3.0 * np.arange(60)
    decay = np.exp(-chords / (12 + 3 * place))
    curves, values = [], []
    for phase in share:
        for direction in (*AXES, "mean"):
            labels = {"phase": phase, "direction": direction}
            curves.append(Profile(**labels, feature="density", x=chords, y=decay, unit="um^-1", x_unit="um"))
            curves.append(Profile(**labels, feature="cdf", x=chords, y=1 - decay, x_unit="um"))
            values.append(Value(**labels, feature="mean_length", value=12.0 + 3 * place, unit="um"))
    return Result(
        metric="chord_length_distribution",
        title="Chord lengths",
        symbol="p(z)",
        kind="distribution",
        convention=CONVENTION,
        values=tuple(values),
        profiles=tuple(curves),
    )


def _diffusivity(share, place):
    for phase, phi in share.items():
        for axis in AXES:
            if place == 1 and axis == "2":
                why = {"status": "not_percolating", "message": f"{phase} does not connect the faces"}
                yield Value(phase=phase, direction=axis, value=0.0, **why)
            else:
                yield Value(phase=phase, direction=axis, value=phi**2, lower=0.9 * phi**2, upper=1.1 * phi**2)


def _pair(place):
    for metric in ("ssim", "psnr"):
        values = [Value(direction=d, value=0.3 + place / 100) for d in (*AXES, "mean")]
        if metric == "psnr" and place == 1:
            values[-1] = Value(direction="mean", status="identical", message="the images are equal")
        yield Result(
            metric=metric, title=metric.upper(), symbol="", kind="scalar", convention=CONVENTION, values=tuple(values)
        )
