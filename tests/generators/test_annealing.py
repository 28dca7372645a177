"""What annealing promises: functions below the noise, fractions to the voxel, runs that go on where they ended."""

import numpy as np
import pytest

import microchar as mc
from microchar.core.errors import InputError
from microchar.generation.training import TrainingData
from microchar.generators.annealing import Annealing
from microchar.generators.gaussian_field import GaussianField, cut_gaussian_field
from microchar.testing.generators import check_generator

pytestmark = pytest.mark.analytic


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
        ["two_point_correlation", "lineal_path"],
        r_max=r_max,
        periodic=periodic,
        parameters={"two_point_correlation": {"radial": False}},
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


def test_contract_two_phases(real):
    check_generator(Annealing(sweeps=0.5, r_max=8), real[:32, :32, :32])


def test_contract_three_phases(three):
    check_generator(Annealing(sweeps=0.5, r_max=8), three)


def test_contract_random_start(three):
    check_generator(Annealing(sweeps=0.5, r_max=8, start="random"), three)


def test_contract_slices(real):
    data = TrainingData.from_slices({0: [real[0], real[20]]})
    check_generator(Annealing(sweeps=0.5, r_max=8), data)
    three_ways = TrainingData.from_slices({0: [real[0]], 1: [real[:, 0]], 2: [real[:, :, 0]]})
    check_generator(Annealing(sweeps=0.5, r_max=8), three_ways)


def test_contract_images(real):
    check_generator(Annealing(r_max=8), real[0], shape=(40, 36))


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


def test_three_phases_and_their_fractions(three):
    made = Annealing(r_max=16).fit(three).generate((40, 40, 40), seed=1)
    assert np.array_equal(np.bincount(made.values.ravel()), np.bincount(three.values.ravel()))
    assert (rms(functions(made, 16) - functions(three, 16)) < 5e-4).all()


def test_random_start_ends_at_the_same_functions(real):
    made = Annealing(r_max=12, start="random", sweeps=6).fit(real).generate(real.shape, seed=1)
    assert (rms(functions(made, 12) - functions(real, 12)) < 1e-3).all()


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


def test_anisotropy_is_kept():
    long = cut_gaussian_field((48, 48, 48), correlation_length=(3, 5, 9), volume_fraction=0.4, seed=1)
    made = Annealing(r_max=20).fit(long).generate((48, 48, 48), seed=2)
    faces = [np.mean(np.diff(v.values, axis=a) != 0) for v in (long, made) for a in range(3)]
    assert faces[:3] == pytest.approx(faces[3:], abs=2e-3)
    assert faces[0] > 1.5 * faces[1] > 2 * faces[2]


def test_all_slices_tell_what_the_volume_tells(real):
    volume = Annealing(r_max=10).fit(real).state
    planes = Annealing(r_max=10).fit(TrainingData.from_slices({0: list(real)})).state
    for key in ("s2", "lineal_path"):
        assert planes[key][:, 1:] == pytest.approx(volume[key][:, 1:])
        # No slice holds axis 0: it gets the mean of the others.
        assert planes[key][:, 0] == pytest.approx(planes[key][:, 1:].mean(axis=1))
    assert planes["fractions"] == pytest.approx(volume["fractions"])


def test_lags_of_a_missing_axis_are_lengths(real):
    data = TrainingData.from_slices({0: list(real)}, voxel_size="2,1,1um")
    state = Annealing(r_max=10).fit(data).state
    assert state["lags"].tolist() == [5, 10, 10]
    assert state["s2"][:, 0, :6] == pytest.approx(state["s2"][:, 1:, ::2].mean(axis=1))


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


def test_a_run_that_was_stopped_goes_on(tmp_path, real):
    def stop_at(calls):
        def progress(fraction, what):
            seen.append(what)
            if "swaps" in what and len([w for w in seen if "swaps" in w]) == calls:
                raise KeyboardInterrupt

        seen = []
        return progress

    request = {"seed": 3, "periodic": (1,)}
    model = Annealing(r_max=8, sweeps=2, tolerance=0, temperature=0.002).fit(real)
    undisturbed = model.generate((40, 40, 40), **request)
    folder = tmp_path / "progress"
    for calls, resume in ((3, False), (2, True)):
        with pytest.raises(KeyboardInterrupt):
            model.generate((40, 40, 40), **request, progress=stop_at(calls), folder=folder, resume=resume)
    with np.load(folder / "annealing.npz") as file:
        assert file["swaps"][0] == 30_000
    with pytest.raises(InputError, match="checkpoint of another volume"):
        model.generate((40, 40, 40), seed=4, periodic=(1,), folder=folder, resume=True)
    resumed = model.generate((40, 40, 40), **request, folder=folder, resume=True)
    assert not folder.exists()
    assert np.array_equal(resumed.values, undisturbed.values)
    assert resumed.source["remarks"] == undisturbed.source["remarks"]


@pytest.mark.parametrize("damage", ["truncated", "other arrays", "pickle", "other voxels"])
def test_a_damaged_checkpoint_is_refused(tmp_path, real, damage):
    def stop(fraction, what):
        if "swaps" in what:
            raise KeyboardInterrupt

    generator = Annealing(r_max=8).fit(real[:32, :32, :32])
    folder = tmp_path / "progress"
    with pytest.raises(KeyboardInterrupt):
        generator.generate((32, 32, 32), progress=stop, folder=folder)
    (path,) = folder.iterdir()
    with np.load(path) as file:
        kept = {"request": file["request"], "swaps": file["swaps"], "random": file["random"]}
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:300])
    elif damage == "other arrays":
        np.savez(path, labels=np.zeros(3, np.uint8))
    elif damage == "pickle":
        np.savez(path, **kept, labels=np.array([{}], object))
    else:
        labels = np.zeros((32, 32, 32), np.uint8)
        np.savez(path, **kept, labels=labels)
    with pytest.raises(InputError, match="checkpoint"):
        generator.generate((32, 32, 32), folder=folder, resume=True)


def test_progress_tells_the_errors(real, fitted):
    seen = []
    fitted.generate((40, 40, 40), seed=1, progress=lambda fraction, what: seen.append((fraction, what)))
    assert any("error" in what and "S2" in what and "L" in what for _, what in seen)
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] <= fractions[-1] <= 1


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


def test_shapes_that_cannot_hold_the_structure_are_refused(real):
    with pytest.raises(InputError, match="correlation length"):
        Annealing(r_max=20, start="random").fit(real).generate((40, 5, 40))
    rare = np.zeros((32, 32, 32), np.uint8)
    rare[::16, ::16, ::16] = 1
    with pytest.raises(InputError, match="too small"):
        Annealing(r_max=8, start="random").fit(rare).generate((6, 6, 6))
