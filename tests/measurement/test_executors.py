"""Processes and clusters of Dask give the digits of threads, whoever reads the voxels and whichever are killed."""

from __future__ import annotations

import sys
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest

import microchar as mc
from killing import Killing, die, die_once
from microchar.core.errors import MissingDependencyError
from microchar.core.stored_voxels import StoredVoxels
from microchar.measurement.executors import ProcessPool, opened, workers

pytestmark = pytest.mark.property

METRICS = [
    *("volume_fraction", "two_point_correlation", "lineal_path", "euler_characteristic", "local_porosity", "glcm"),
    *("two_point_cluster", "effective_diffusivity", "tortuosity_factor", "permeability"),
]
HOW = {"r_max": 4, "window": 3, "parameters": {"permeability": {"flowing": ("0",), "axes": (0, 1)}}}


@pytest.fixture(scope="module", params=["processes:2", "dask"])
def executor(request):
    if request.param == "dask":
        distributed = pytest.importorskip("distributed")
        cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
        with cluster, opened(cluster.scheduler_address.replace("tcp", "dask")) as found:
            yield found
    else:
        with opened(request.param) as found:
            yield found


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("executors") / "volume.npy"
    rng = np.random.default_rng(0)
    np.save(path, (rng.random((30, 22, 18)) < 0.6).astype(np.uint8))
    return path


@pytest.fixture(autouse=True)
def many_blocks(monkeypatch):
    monkeypatch.setattr("microchar.measurement.cells.BOX_EDGE", 10)


def results(volume, executor, metrics=METRICS, **how):
    return [result.to_dict() for result in mc.measure(volume, metrics, executor=executor, **HOW | how).values()]


def test_workers_that_read_their_own_blocks_give_the_digits_of_threads(executor, path):
    volume = mc.read_volume(path, on_disk=True)
    assert isinstance(volume.values, StoredVoxels)
    assert workers(executor) == 2
    for how in ({}, {"errors": False}):
        assert results(volume, executor, **how) == results(mc.read_volume(path), None, **how)


def test_blocks_of_arrays_and_of_masked_volumes_are_sent(executor, path):
    some = METRICS[:6]
    volume = mc.read_volume(path)
    assert results(volume, executor, some) == results(volume, None, some)
    mask = np.ones(volume.shape, np.uint8)
    mask[:, :4] = 0
    volume = mc.read_volume(path, mask=mask, on_disk=True)
    assert results(volume, executor, some) == results(volume, None, some)


def test_comparisons_and_rankings_give_the_digits_of_threads(executor, path, tmp_path):
    fake = np.random.default_rng(1).random((30, 22, 18)) < 0.5
    np.save(tmp_path / "fake.npy", fake.astype(np.uint8))
    real, fake = (mc.read_volume(file, on_disk=True) for file in (path, tmp_path / "fake.npy"))
    found, expected = (
        mc.compare(real, fake, ["volume_fraction", "psnr", "ssim"], executor=each).record() for each in (executor, None)
    )
    assert [named.result.to_dict() for named in found.results] == [named.result.to_dict() for named in expected.results]
    assert found.verdicts == expected.verdicts
    found, expected = (mc.rank(real, [fake], shape=(11, 11, 9), executor=each).to_dict() for each in (executor, None))
    assert found == expected


def test_a_killed_worker_changes_no_digit(executor, path, tmp_path):
    volume = mc.read_volume(path, on_disk=True)
    killing = Killing(flag=str(tmp_path / "died"))
    found = mc.measure(volume, [killing], executor=executor, fail_fast=True)["volume_fraction"]
    assert (tmp_path / "died").exists()
    assert found.to_dict() == mc.measure(volume, ["volume_fraction"])["volume_fraction"].to_dict()


def test_what_a_task_raises_is_raised(executor):
    with pytest.raises(ZeroDivisionError):
        executor.submit(divmod, 1, 0).result()


def test_a_pool_outlives_its_processes_but_not_a_task_that_kills_them_all(tmp_path):
    with ProcessPool(2) as pool:
        waiting = [pool.submit(die_once, str(tmp_path / "died")) for _ in range(4)]
        assert [future.result() for future in waiting] == [42] * 4
        with pytest.raises(BrokenProcessPool):
            pool.submit(die).result()
        assert pool.submit(pow, 2, 10).result() == 1024
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(pow, 2, 10).result()


@pytest.mark.parametrize("name", ["processes", "processes:0", "processes:-1", "processes:2.5", "mpi", "", "dask:8786"])
def test_unknown_executors_are_refused(name):
    with pytest.raises(mc.InputError, match=r"executor=.*expected dask://HOST:PORT"), opened(name):
        pass


def test_a_scheduler_without_workers_is_refused(monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr("microchar.measurement.executors._PATIENCE", 1)
    with distributed.LocalCluster(n_workers=0, dashboard_address=":0") as cluster:
        text = cluster.scheduler_address.replace("tcp", "dask")
        with pytest.raises(mc.InputError, match="has had no worker for 1 seconds"), opened(text):
            pass


def test_a_scheduler_that_is_not_there_is_refused(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("microchar.measurement.executors._TIMEOUT", 1)
    with pytest.raises(mc.InputError, match=r"no host and port"), opened("dask://host"):
        pass
    with pytest.raises(mc.InputError, match=r"no Dask scheduler answers"), opened("dask://127.0.0.1:9"):
        pass


def test_dask_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingDependencyError, match=r"pip install .*microchar\[distributed\]"), opened("dask"):
        pass
