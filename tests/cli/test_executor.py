"""`--executor` changes who works, and no number that is written."""

from __future__ import annotations

import json

import pytest

from microchar.cli.program import main

pytestmark = pytest.mark.property

FAST = ["--metrics", "volume_fraction,lineal_path", "--quiet"]


def results(path):
    plain = json.loads(path.read_text())
    return plain["results"], plain.get("verdicts")


@pytest.mark.parametrize("command", [["measure", "real.tif"], ["report", "real.tif", "fake.tif"]])
def test_processes_write_what_threads_write(pair, monkeypatch, command):
    monkeypatch.chdir(pair)
    for output, how in (("threads", []), ("processes", ["--executor", "processes:2"])):
        assert main([*command, *FAST, "--format", "json", "-o", output, *how]) == 0
    assert results(pair / "processes" / "results.json") == results(pair / "threads" / "results.json")
    assert not list(pair.glob("*.partial"))


def test_processes_rank_as_threads_do(pair, monkeypatch):
    monkeypatch.chdir(pair)
    rank = ["rank", "real.tif", "fake.tif", "--shape", "7,8,9", *FAST]
    assert main([*rank, "--json", "threads.json"]) == 0
    assert main([*rank, "--json", "processes.json", "--executor", "processes:2"]) == 0
    threads, processes = (json.loads((pair / f"{name}.json").read_text()) for name in ("threads", "processes"))
    assert threads["candidates"] == processes["candidates"]


def test_an_unknown_executor_is_refused_in_one_line(pair, monkeypatch, capsys):
    monkeypatch.chdir(pair)
    assert main(["measure", "real.tif", *FAST, "--executor", "mpi"]) == 2
    assert capsys.readouterr().err.startswith("microchar: executor='mpi' (--executor): found no executor of that name")
