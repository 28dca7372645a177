"""Annealing: errors far below the noise, exact fractions, counts that equal a recount, runs that can be resumed."""

import copy
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microchar as mc
from microchar.core.errors import InputError
from microchar.core.material import Material
from microchar.generation.training import TrainingData
from microchar.generators.annealing import Annealing
from microchar.generators.annealing.run import Run
from microchar.generators.annealing.targets import tally
from microchar.generators.gaussian_field import GaussianField, cut_gaussian_field
from microchar.metrics.lineal_path import LinealPath
from microchar.metrics.two_point_correlation import TwoPointCorrelation
from microchar.testing.generators import check_generator
from oracles.correlation import along, pairs, segments


def spheres(shape, seed, radius=4, number=110):
    """Overlapping spheres on a periodic lattice: convex solids, whose lineal path no Gaussian field has."""
    rng = np.random.default_rng(seed)
    grid = np.indices(shape)
    solid = np.zeros(shape, np.uint8)
    for centre in rng.uniform(0, shape, (number, 3)):
        steps = [np.abs(x - c) for x, c in zip(grid, centre, strict=True)]
        square = sum(np.minimum(d, n - d) ** 2 for d, n in zip(steps, shape, strict=True))
        solid[square < radius**2] = 1
    return solid


def functions(volume, r_max, periodic=()):
    """S2 and L of all phases along the axes at lag 1 and more: (2, phases x axes, lags)."""
    found = mc.measure(
        volume,
        [TwoPointCorrelation(radial=False, r_max=r_max, periodic=periodic), LinealPath(r_max=r_max, periodic=periodic)],
    )
    return np.array(
        [
            [p.y[1:] for p in found[name].profiles if p.direction != "mean"]
            for name in ("two_point_correlation", "lineal_path")
        ]
    )


def rms(difference):
    return np.sqrt(np.mean(difference**2, axis=(1, 2)))


@pytest.fixture(scope="module")
def real():
    return spheres((48, 48, 48), seed=1)


@pytest.fixture(scope="module")
def fitted(real):
    return Annealing(r_max=20).fit(real)


@pytest.fixture(scope="module")
def three():
    return GaussianField(correlation_length=4.0, volume_fraction=(0.3, 0.25)).generate((40, 40, 40), seed=1)


@pytest.mark.analytic
def test_contract_two_phases(real):
    check_generator(Annealing(sweeps=0.5, r_max=8), real[:32, :32, :32])


@pytest.mark.analytic
def test_contract_three_phases(three):
    check_generator(Annealing(sweeps=0.5, r_max=8), three)


@pytest.mark.analytic
def test_contract_random_start(three):
    check_generator(Annealing(sweeps=0.5, r_max=8, start="random"), three)


@pytest.mark.analytic
def test_contract_slices(real):
    data = TrainingData.from_slices({0: [real[0], real[20]]})
    check_generator(Annealing(sweeps=0.5, r_max=8), data)
    three_ways = TrainingData.from_slices({0: [real[0]], 1: [real[:, 0]], 2: [real[:, :, 0]]})
    check_generator(Annealing(sweeps=0.5, r_max=8), three_ways)


@pytest.mark.analytic
def test_contract_images(real):
    check_generator(Annealing(r_max=8), real[0], shape=(40, 36))


@pytest.mark.analytic
def test_errors_end_far_below_the_noise_floor(real, fitted):
    # The floor: two independent samples of one process. A tenth of it is out of reach of any start.
    made = fitted.generate(real.shape, seed=1)
    target = functions(real, 20)
    floor = rms(functions(spheres(real.shape, seed=2), 20) - target)
    error = rms(functions(made, 20) - target)
    start = rms(functions(GaussianField().fit(real).generate(real.shape, seed=1), 20) - target)
    assert (error < 0.1 * floor).all()
    assert (error < 0.1 * start).all()
    # The volume reports what it reached.
    remarks = made.source["remarks"]
    assert [remarks["RMS error of S2"], remarks["RMS error of L"]] == pytest.approx(error, rel=1e-6)
    assert np.count_nonzero(made.values) == np.count_nonzero(real)


@pytest.mark.analytic
def test_three_phases_and_their_fractions(three):
    made = Annealing(r_max=16).fit(three).generate((40, 40, 40), seed=1)
    assert np.array_equal(np.bincount(made.values.ravel()), np.bincount(three.values.ravel()))
    assert (rms(functions(made, 16) - functions(three, 16)) < 5e-4).all()


@pytest.mark.analytic
def test_random_start_ends_at_the_same_functions(real):
    made = Annealing(r_max=12, start="random", sweeps=6).fit(real).generate(real.shape, seed=1)
    assert (rms(functions(made, 12) - functions(real, 12)) < 1e-3).all()


@pytest.mark.analytic
def test_periodic_volumes_have_the_functions_with_the_faces_joined(real):
    made = Annealing(r_max=10).fit(real).generate((40, 40, 40), seed=1, periodic=(0, 2))
    difference = functions(made, 10, periodic=(0, 2)) - functions(real, 10)
    remarks = made.source["remarks"]
    assert [remarks["RMS error of S2"], remarks["RMS error of L"]] == pytest.approx(rms(difference), rel=1e-6)
    assert rms(difference)[1] < 1e-3
    # On a periodic axis the S2 of two phases differ by 2φ - 1 at every lag. Those measured without the faces joined do
    # not quite, so that only their mean can be met.
    of_phases = difference[0].reshape(2, 3, -1)
    assert np.abs(of_phases.mean(axis=0)[[0, 2]]).max() < 1e-3


@pytest.mark.analytic
def test_anisotropy_is_kept():
    long = cut_gaussian_field((48, 48, 48), correlation_length=(3, 5, 9), volume_fraction=0.4, seed=1)
    made = Annealing(r_max=20).fit(long).generate((48, 48, 48), seed=2)
    faces = [np.mean(np.diff(v.values, axis=a) != 0) for v in (long, made) for a in range(3)]
    assert faces[:3] == pytest.approx(faces[3:], abs=2e-3)
    assert faces[0] > 1.5 * faces[1] > 2 * faces[2]


@pytest.mark.analytic
def test_all_slices_tell_what_the_volume_tells(real):
    volume = Annealing(r_max=10).fit(real).state
    planes = Annealing(r_max=10).fit(TrainingData.from_slices({0: list(real)})).state
    for key in ("s2", "lineal_path"):
        assert planes[key][:, 1:] == pytest.approx(volume[key][:, 1:])
        # No slice holds axis 0: it gets the mean of the others.
        assert planes[key][:, 0] == pytest.approx(planes[key][:, 1:].mean(axis=1))
    assert planes["fractions"] == pytest.approx(volume["fractions"])


@pytest.mark.analytic
def test_lags_of_a_missing_axis_are_lengths(real):
    data = TrainingData.from_slices({0: list(real)}, voxel_size="2,1,1um")
    state = Annealing(r_max=10).fit(data).state
    assert state["lags"].tolist() == [5, 10, 10]
    assert state["s2"][:, 0, :6] == pytest.approx(state["s2"][:, 1:, ::2].mean(axis=1))


@pytest.mark.analytic
def test_tolerance_and_budget(real, fitted):
    loose = Annealing(r_max=20, tolerance=0.005)
    loose.state, loose.material = fitted.state, fitted.material
    early = loose.generate(real.shape, seed=1).source["remarks"]
    late = fitted.generate(real.shape, seed=1).source["remarks"]
    assert early["swaps tried"] < late["swaps tried"]
    assert np.hypot(early["RMS error of S2"], early["RMS error of L"]) / np.sqrt(2) < 0.005
    strict = Annealing(r_max=20, tolerance=0, sweeps=0.3)
    strict.state, strict.material = fitted.state, fitted.material
    assert strict.generate(real.shape, seed=1).source["remarks"]["swaps tried"] == round(0.3 * real.size)


# --- checkpoints -------------------------------------------------------------


def stop_at_chunk(number):
    """Give a progress that interrupts the run when the error is reported for the given time."""
    reports = []

    def progress(fraction, text):
        if "of the swaps" in text:
            reports.append(text)
        if len(reports) == number:
            raise KeyboardInterrupt

    return progress


REQUEST = {"shape": (40, 40, 40), "seed": 3, "periodic": (1,)}


@pytest.fixture(scope="module")
def cooling(real):
    return Annealing(r_max=8, sweeps=2, tolerance=0, temperature=0.002).fit(real)


@pytest.mark.property
def test_a_run_interrupted_twice_gives_the_same_volume(tmp_path, cooling):
    folder = tmp_path / "runs" / "a"
    with pytest.raises(KeyboardInterrupt):
        cooling.generate(**REQUEST, progress=stop_at_chunk(3), folder=folder)
    with pytest.raises(KeyboardInterrupt):
        cooling.generate(**REQUEST, progress=stop_at_chunk(2), folder=folder, resume=True)
    with np.load(folder / "annealing.npz") as file:
        assert file["made"][0] == 30_000
    expected = cooling.generate(**REQUEST)
    resumed = cooling.generate(**REQUEST, folder=folder, resume=True)
    assert np.array_equal(resumed.values, expected.values)
    assert resumed.source == expected.source
    assert not folder.exists()


@pytest.mark.property
def test_a_run_that_is_killed_resumes_from_its_last_checkpoint(tmp_path, monkeypatch, cooling):
    monkeypatch.setattr("microchar.generators.annealing.checkpoint._INTERVAL", 0.0)
    path, contents = tmp_path / "run" / "annealing.npz", []

    def progress(fraction, text):
        if path.is_file():
            contents.append(path.read_bytes())

    expected = cooling.generate(**REQUEST, progress=progress, folder=path.parent)
    assert len(contents) > 5
    for content in contents[1:5:2]:
        path.parent.mkdir()
        path.write_bytes(content)
        resumed = cooling.generate(**REQUEST, folder=path.parent, resume=True)
        assert np.array_equal(resumed.values, expected.values)


@pytest.fixture
def interrupted(tmp_path, cooling):
    """Give the folder of an interrupted run."""
    with pytest.raises(KeyboardInterrupt):
        cooling.generate(**REQUEST, progress=stop_at_chunk(2), folder=tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.property
@pytest.mark.parametrize("different", ["shape", "seed", "periodic", "fit", "tolerance"])
def test_the_checkpoint_of_another_request_is_refused(interrupted, real, cooling, different):
    request, generator = dict(REQUEST), copy.deepcopy(cooling)
    if different == "fit":
        generator.fit(np.roll(real[:40], 3, axis=2))
    elif different == "tolerance":
        generator.tolerance = 1e-3
    else:
        request[different] = {"shape": (40, 40, 32), "seed": 4, "periodic": ()}[different]
    before = (interrupted / "annealing.npz").read_bytes()
    with pytest.raises(InputError, match=rf"annealing.npz: checkpoint of another volume, with other .*{different}"):
        generator.generate(**request, folder=interrupted, resume=True)
    assert (interrupted / "annealing.npz").read_bytes() == before


@pytest.mark.property
@pytest.mark.parametrize("damage", ["truncated", "missing", "no arrays", "pickle", "other voxels", "other shape"])
def test_a_damaged_checkpoint_is_refused(interrupted, cooling, damage):
    path = interrupted / "annealing.npz"
    with np.load(path) as file:
        arrays = dict(file)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:300])
    elif damage == "missing":
        path.rename(interrupted / "other")
    elif damage == "no arrays":
        np.savez(path, labels=np.zeros(3, np.uint8))
    elif damage == "pickle":
        np.savez(path, **(arrays | {"labels": np.array([{}], object)}))
    elif damage == "other voxels":
        np.savez(path, **(arrays | {"labels": np.zeros_like(arrays["labels"])}))
    else:
        np.savez(path, **(arrays | {"labels": arrays["labels"][:20]}))
    with pytest.raises(InputError, match=r"annealing.npz: .*checkpoint.*; delete the folder and omit resume"):
        cooling.generate(**REQUEST, folder=interrupted, resume=True)


@pytest.mark.property
def test_progress_that_would_be_lost_or_is_missing_is_refused(interrupted, tmp_path, cooling):
    with pytest.raises(InputError, match=r"run: holds the progress of an earlier volume; continue it with resume=True"):
        cooling.generate(**REQUEST, folder=interrupted)
    with pytest.raises(InputError, match="none: holds no volume to resume"):
        cooling.generate(**REQUEST, folder=tmp_path / "none", resume=True)
    with pytest.raises(InputError, match="'annealing' cannot resume an interrupted fit"):
        cooling.fit(np.zeros((8, 8, 8)) + np.arange(8) % 2, folder=tmp_path / "none")


@pytest.mark.property
def test_a_written_volume_can_be_resumed(interrupted, tmp_path, cooling):
    cooling.generate_to(tmp_path / "a.tif", **REQUEST, folder=interrupted, resume=True)
    assert np.array_equal(mc.read_volume(tmp_path / "a.tif").values, cooling.generate(**REQUEST).values)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


# --- progress and refusals ---------------------------------------------------


@pytest.mark.analytic
def test_progress_tells_the_errors(real, fitted):
    seen = []
    fitted.generate((40, 40, 40), seed=1, progress=lambda fraction, what: seen.append((fraction, what)))
    assert any("error" in what and "S2" in what and "L" in what for _, what in seen)
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] <= fractions[-1] <= 1


@pytest.mark.analytic
@pytest.mark.parametrize(
    "wrong",
    [
        {"start": "nothing"},
        {"sweeps": 0},
        {"sweeps": float("inf")},
        {"sweeps": "many"},
        {"tolerance": -1},
        {"temperature": 2},
        {"temperature": None},
        {"r_max": 100},
        {"r_max": 0},
    ],
)
def test_wrong_parameters_are_refused(real, wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        Annealing(**wrong).fit(real)


@pytest.mark.analytic
def test_shapes_that_cannot_hold_the_structure_are_refused(real):
    with pytest.raises(InputError, match="correlation length"):
        Annealing(r_max=20, start="random").fit(real).generate((40, 5, 40))
    rare = np.zeros((32, 32, 32), np.uint8)
    rare[::16, ::16, ::16] = 1
    with pytest.raises(InputError, match="too small"):
        Annealing(r_max=8, start="random").fit(rare).generate((6, 6, 6))


# --- counts and energy -------------------------------------------------------


def volume(labels, n_phases):
    material = Material(phases=tuple("abc"[:n_phases]), grey_values=tuple(range(n_phases)))
    return material.volume(labels, name="test", source={})


def run_of(labels, target_of, **changes):
    """Give a run that takes the first labels towards the functions of the second."""
    n_phases = int(labels.max()) + 1
    lags = tuple(n // 2 for n in labels.shape)
    counts, valid = tally(volume(target_of, n_phases), lags)
    target = np.divide(counts, valid[:, None], out=np.zeros(counts.shape), where=valid[:, None] > 0)
    given = {"periodic": (), "tries": 5000, "temperature": 0.0, "seed": 1, "lags": np.array(lags), "target": target}
    return Run(labels=labels, **(given | changes))


def random_labels(shape, n_phases, seed):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(np.prod(shape)) % n_phases).astype(np.uint8)
    return labels.reshape(shape)


@pytest.mark.oracle
@given(
    shape=st.sampled_from([(9, 8, 7), (1, 12, 13), (2, 3, 16), (16, 1, 5), (8, 8, 8)]),
    n_phases=st.sampled_from([2, 3]),
    periodic=st.sets(st.sampled_from([0, 1, 2])),
    temperature=st.sampled_from([0.0, 0.03, 0.5]),
    seed=st.integers(0, 1000),
)
@settings(deadline=None, max_examples=40)
def test_updated_counts_equal_counts_taken_anew(shape, n_phases, periodic, temperature, seed):
    start, goal = random_labels(shape, n_phases, seed), random_labels(shape, n_phases, seed + 1)
    run = run_of(start, goal, periodic=tuple(sorted(periodic)), temperature=temperature, seed=seed)
    while run.done < run.tries:
        run.advance()
    counts, _ = tally(volume(run.labels, n_phases), tuple(run.lags.tolist()), tuple(sorted(periodic)))
    assert run.kept > 0
    assert np.array_equal(run.counts, counts)
    assert np.array_equal(np.bincount(run.labels.ravel()), np.bincount(start.ravel()))


@pytest.mark.oracle
@pytest.mark.parametrize("periodic", [(), (0, 2), (0, 1, 2)])
def test_updated_counts_equal_the_definition(periodic):
    start, goal = random_labels((6, 5, 7), 3, 1), random_labels((6, 5, 7), 3, 2)
    run = run_of(start, goal, periodic=periodic, temperature=0.1)
    run.advance()
    assert run.kept > 100
    for axis in range(3):
        for lag in range(1, int(run.lags[axis]) + 1):
            both, _ = pairs(run.labels, along(axis, lag), periodic)
            pure, _ = segments(run.labels, axis, lag, periodic)
            for phase in range(3):
                assert run.counts[0, phase, axis, lag] == both.get(phase, 0)
                assert run.counts[1, phase, axis, lag] == pure.get(phase, 0)


@pytest.mark.oracle
def test_the_error_is_that_of_the_counts_and_never_rises_at_zero_temperature():
    start, goal = random_labels((32, 32, 32), 2, 1), np.repeat(random_labels((32, 32, 8), 2, 2), 4, axis=2)
    run = run_of(start, goal, tries=100_000)
    errors = [run.error()]
    while run.done < run.tries:
        run.advance()
        errors.append(run.error())
    assert len(errors) == 11
    assert all(after <= before for before, after in itertools.pairwise(errors))
    assert errors[-1] < errors[0] / 10
    # The mean over lags, axes, phases and both functions, by hand.
    lags = (16, 16, 16)
    (found, valid), (wanted, _) = tally(volume(run.labels, 2), lags), tally(volume(goal, 2), lags)
    difference = ((found - wanted) / valid[:, None])[..., 1:]
    assert run.error() == pytest.approx(np.sqrt(np.mean(difference**2)))
    assert run.errors() == pytest.approx(np.sqrt(np.mean(difference**2, axis=(1, 2, 3))))


@pytest.mark.oracle
def test_rejected_swaps_leave_no_trace():
    # Already at the goal: whatever moves counts is refused, and swaps that move none change none.
    labels = random_labels((12, 12, 12), 2, 3)
    run = run_of(labels, labels)
    before = run.counts.copy()
    run.advance()
    assert run.kept < run.tries / 100
    assert np.array_equal(run.counts, before)
    assert run.error() < 1e-12  # rounding of the target
    counts, _ = tally(volume(run.labels, 2), (6, 6, 6))
    assert np.array_equal(run.counts, counts)


@pytest.mark.oracle
def test_equilibrium_error_is_the_temperature():
    # E has its minimum at zero and many terms, all of which the swaps move: each holds half a temperature. The lattice
    # gives the counts of neighbouring lags in common, so that fewer move freely: a factor of two is allowed for.
    start = random_labels((24, 24, 24), 2, 4)
    run = run_of(start, start, tries=10**9, temperature=0.01)
    for _ in range(20):
        run.advance()
    assert 0.005 < run.error() < 0.02
