"""Verdicts: the right word and sentence for materials that are known to agree or to differ."""

import numpy as np
import pytest

import microchar as mc
from media import cut_gaussian_field
from microchar.comparison.entries import relative
from microchar.comparison.estimate import Estimate
from microchar.core.verdict import Entry, Verdict, Word
from microchar.stokes import edt_darcy

DECIDING = (
    *("volume_fraction", "specific_surface_area", "chord_length_distribution", "euler_characteristic"),
    *("two_point_correlation", "lineal_path", "largest_cluster_fraction", "percolating_fraction"),
)


def verdict(reference, candidate, **arguments):
    (found,) = mc.compare(reference, candidate, DECIDING, **arguments).verdicts
    return found


@pytest.fixture(scope="module")
def rock(real_array):
    """Give a function from the name and the first corner to a piece of 128³ of a real rock."""

    def piece(name, start):
        box = tuple(slice(start, start + 128) for _ in range(3))
        return mc.as_volume(real_array(name)[box], phases={"pore": 0, "grain": 255})

    return piece


@pytest.mark.property
def test_a_volume_agrees_with_itself():
    volume = cut_gaussian_field((64, 64, 64), 3.0, seed=1)
    found = verdict(volume, volume)
    assert found.word in (Word.CONSISTENT, Word.NOT_SEEN)
    assert {entry.metric for entry in found.entries} == set(DECIDING)
    assert all(entry.difference == 0 and entry.p == 1 for entry in found.entries)
    assert "is it the same volume twice?" in found.notes[-1]


@pytest.mark.analytic
def test_what_scatters_in_the_real_material_is_scaled_to_the_size_of_the_candidate():
    real = cut_gaussian_field((64, 64, 64), 3.0, seed=1)
    whole = verdict(real, cut_gaussian_field((64, 64, 64), 3.0, seed=2))
    part = verdict(real, cut_gaussian_field((32, 32, 32), 3.0, seed=2))
    by_metric = {e.metric: e for e in part.entries}
    fraction = by_metric["volume_fraction"]
    # Of two pieces of one material, the smaller one has 8 times the variance: 8 / 9 of that of the difference.
    assert fraction.real_scatter >= fraction.standard_error * (8 / 9) ** 0.5 * (1 - 1e-9)
    same = {e.metric: e for e in whole.entries}["volume_fraction"]
    assert 1.5 < fraction.real_scatter / same.real_scatter < 5  # 8 ** 0.5 = 2.8, and the scatter of both estimates
    for entry in whole.entries:
        spread = np.std(entry.real_pieces)
        assert 0.3 < spread / entry.real_scatter < 2.5, entry.metric


@pytest.mark.property
def test_the_number_of_observations_and_the_curves_are_kept():
    volumes = [cut_gaussian_field((64, 64, 64), 3.0, seed=seed) for seed in (1, 2)]
    comparison = mc.compare(*volumes, DECIDING)
    (found,) = comparison.verdicts
    phase = {e.metric: e.phase for e in found.entries}["volume_fraction"]
    fractions = [m["volume_fraction"].value(phase=phase) for m in (comparison.reference, *comparison.candidates)]
    by_metric = {entry.metric: entry for entry in found.entries}
    assert by_metric["volume_fraction"].n_eff == pytest.approx(min(f.n_eff for f in fractions))
    assert by_metric["percolating_fraction"].n_eff == 27
    assert {entry.metric for entry in found.entries if entry.curve} == {"two_point_correlation", "lineal_path"}
    curve = by_metric["lineal_path"].curve
    path = comparison.reference["lineal_path"].profile(phase=by_metric["lineal_path"].phase, direction="mean")
    assert curve.reference == pytest.approx(path.y[1 : len(curve.x) + 1] / path.y[0])
    assert curve.x == tuple(range(1, 17))  # a quarter of the edge


@pytest.mark.oracle
def test_transport_is_the_mean_diffusivity_of_the_pieces():
    volumes = [cut_gaussian_field((48, 48, 48), 2.0, seed=seed) for seed in (1, 2)]
    (found,) = mc.compare(*volumes, DECIDING, transport=True).verdicts
    (entry,) = (e for e in found.entries if e.metric == "effective_diffusivity")
    starts = np.ndindex(3, 3, 3)
    pieces = [tuple(slice(16 * i, 16 * i + 16) for i in start) for start in starts]
    means = []
    for volume in volumes:
        cut = [mc.as_volume(volume.read()[box], phases={"solid": 0, "pore": 1}) for box in pieces]
        results = [mc.metrics.EffectiveDiffusivity(axes=(0,))(piece) for piece in cut]
        means.append(np.mean([r.value(phase=entry.phase, feature="").value for r in results]))
    assert (entry.reference_value, entry.value) == pytest.approx(means, rel=1e-9)


@pytest.mark.oracle
def test_a_measured_permeability_is_estimated_in_the_pieces():
    volumes = [cut_gaussian_field((48, 48, 48), 2.0, seed=seed) for seed in (1, 2)]
    parameters = {"permeability": {"axes": (0,), "estimators": ("edt_darcy",)}}
    (found,) = mc.compare(*volumes, [*DECIDING, "permeability"], transport=True, parameters=parameters).verdicts
    (entry,) = (e for e in found.entries if e.metric == "permeability")
    means = []
    for volume in volumes:
        fluid = volume.read() == volume.phases.index(entry.phase)
        boxes = (tuple(slice(16 * i, 16 * i + 16) for i in start) for start in np.ndindex(3, 3, 3))
        means.append(np.mean([edt_darcy(fluid[box]).value for box in boxes]))
    assert (entry.reference_value, entry.value) == pytest.approx(means, rel=1e-9)


@pytest.mark.property
def test_a_value_near_zero_is_compared_with_its_error():
    real = Estimate.of_samples(np.array([[-1.0], [0.0], [1.0], [0.1]]))
    assert relative(real).show(float(2 * np.sqrt(real.variance[0]))) == pytest.approx(1.0)


@pytest.mark.property
def test_fractions_far_apart_are_noted():
    real, fake = (cut_gaussian_field((48, 48, 48), 2.0, fraction=f, seed=3) for f in (0.5, 0.2))
    assert any("extrapolation" in note for note in verdict(real, fake).notes)


@pytest.mark.realdata
def test_pieces_of_one_rock_are_not_different(rock):
    found = verdict(rock("berea", 0), rock("berea", 250))
    assert found.word not in (Word.DIFFERENT, Word.DETECTABLE)
    assert "this test would have seen" in found.sentence or "consistent" in found.sentence


@pytest.mark.realdata
def test_another_rock_is_different(rock):
    found = verdict(rock("berea", 0), rock("ketton", 0))
    assert found.word is Word.DIFFERENT
    assert "is not the same material as" in found.sentence
    assert found.entries[0].word is Word.DIFFERENT
    assert found.why[0].endswith("tolerance 25 %.")  # the Euler characteristic, the most significant


@pytest.mark.realdata
def test_a_gaussian_field_fitted_to_a_rock_is_seen_by_connectivity(rock):
    real = rock("berea", 0)
    fake = mc.create_generator("gaussian-field").fit(real, seed=3).generate(real.shape, seed=3)
    found = verdict(real, fake)
    assert found.word is Word.DIFFERENT
    different = {entry.metric for entry in found.entries if entry.word is Word.DIFFERENT}
    assert different & {"largest_cluster_fraction", "percolating_fraction", "euler_characteristic"}
    assert not different & {"volume_fraction"}


@pytest.mark.property
def test_small_volumes_are_too_small_but_a_plain_difference_is_said():
    one, two = (cut_gaussian_field((48, 48, 48), 16.0, seed=seed) for seed in (1, 2))
    found = verdict(one, two)
    assert found.edge_over_range < 4
    assert found.word is Word.TOO_SMALL
    assert "integral ranges" in found.sentence
    noise = (np.random.default_rng(0).random((48, 48, 48)) < 0.5).astype(np.uint8)
    assert verdict(one, mc.as_volume(noise, phases=one.phases)).word is Word.DIFFERENT


@pytest.mark.property
def test_a_wide_margin_makes_a_difference_only_detectable():
    one = cut_gaussian_field((96, 96, 96), 3.0, seed=1)
    two = cut_gaussian_field((96, 96, 96), 3.6, seed=2)
    strict = verdict(one, two)
    assert strict.word is Word.DIFFERENT
    wide = verdict(one, two, margins=dict.fromkeys(DECIDING, 100.0))
    assert wide.word is Word.DETECTABLE
    assert [entry.holm_p for entry in wide.entries] == [entry.holm_p for entry in strict.entries]


@pytest.mark.property
def test_three_phases_with_unequal_voxels_sizes_and_a_mask():
    rng = np.random.default_rng(7)

    def volume(seed, shape, mask=None):
        a, b = (cut_gaussian_field(shape, 3.0, seed=seed + k).values for k in (0, 50))
        return mc.as_volume((a + (a & b)).astype(np.uint8), voxel_size=("2um", "1um", "1um"), mask=mask)

    masked = rng.random((40, 72, 64)) < 1.1
    masked[:, :, 60:] = False
    found = verdict(volume(1, (40, 72, 64), masked), volume(2, (36, 64, 80)), skip=())
    metrics = {entry.metric for entry in found.entries}
    assert {"volume_fraction", "two_point_correlation", "lineal_path"} <= metrics
    assert sum(entry.metric == "volume_fraction" for entry in found.entries) == 2
    assert found.word is not Word.DIFFERENT


@pytest.mark.property
def test_an_image_against_an_image():
    one, two = (cut_gaussian_field((64, 64, 64), 3.0, seed=seed).values[:1] for seed in (1, 2))
    found = verdict(one, two)
    assert {entry.metric for entry in found.entries} >= {"volume_fraction", "two_point_correlation", "lineal_path"}
    assert found.word is not Word.DIFFERENT


@pytest.mark.property
def test_no_errors_no_verdict():
    volume = cut_gaussian_field((24, 24, 24), 3.0, seed=1)
    assert mc.compare(volume, volume, ["volume_fraction"], errors=False).verdicts == ()


@pytest.mark.property
def test_a_verdict_is_written_and_read():
    entry = Entry(
        metric="volume_fraction",
        phase="pore",
        title="volume fraction",
        difference=0.1,
        standard_error=0.02,
        lower=0.05,
        upper=0.15,
        df=9.0,
        p=0.01,
        margin=0.1,
        bound=0.15,
        smallest_seen=0.07,
        word=Word.DIFFERENT,
    )
    one = Verdict(
        reference="a", candidate="b", word=Word.DIFFERENT, sentence="b differs.", why=("x",), entries=(entry,)
    )
    assert Verdict.from_dict(one.to_dict()) == one
