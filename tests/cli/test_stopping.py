"""A signal ends the run between two steps, wherever it arrives, unless it is ignored."""

from __future__ import annotations

import signal

import pytest

from microchar.cli.program import main
from microchar.measurement import tasks

pytestmark = pytest.mark.property
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@pytest.fixture
def handlers():
    """Give a function that sets a handler, and restore those from before."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:  # whoever runs the tests may ignore some, as `nohup` does
        signal.signal(number, signal.default_int_handler)
    yield signal.signal
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def measuring(pair, monkeypatch):
    """Give a function that measures two metrics and does something before the second."""
    section = tasks.section

    def run(act):
        begun = []

        def acting(*arguments):
            if begun:
                act()
            begun.append(arguments)
            return section(*arguments)

        monkeypatch.setattr(tasks, "section", acting)
        command = ["measure", str(pair / "real.tif"), "-o", str(pair / "out"), "--format", "json", "--quiet"]
        return main([*command, "--metrics", "volume_fraction,interfacial_area"])

    return run


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_signal_that_arrives_in_a_destructor_is_heeded(measuring, handlers, pair, capsys, number):
    class Dying:
        def __del__(self):
            signal.raise_signal(number)

    before = signal.getsignal(number)
    assert measuring(lambda: Dying() and None) == 1
    assert capsys.readouterr().err.endswith("microchar: interrupted; nothing was written\n")
    assert not (pair / "out").exists()
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_is_ignored_stays_so(measuring, handlers, pair, number):
    handlers(number, signal.SIG_IGN)
    assert measuring(lambda: signal.raise_signal(number)) == 0
    assert (pair / "out" / "results.json").is_file()
    assert signal.getsignal(number) is signal.SIG_IGN


def test_asked_twice_it_stops_where_it_is(measuring, handlers):
    reached = []

    def twice():
        signal.raise_signal(signal.SIGTERM)
        reached.append(1)
        signal.raise_signal(signal.SIGTERM)
        reached.append(2)

    assert measuring(twice) == 1
    assert reached == [1]
