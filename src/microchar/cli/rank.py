"""``microchar rank``: sort models and volumes by their distance from held-out material."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any

from microchar.cli._candidates import Candidate, candidates_of, is_several, members_of
from microchar.cli._input import add_input, add_overwrite, input_files, read
from microchar.cli._progress import ProgressLine
from microchar.cli._study import add_config
from microchar.cli._values import integer, integers, listed, positive
from microchar.cli._watching import finished_files
from microchar.cli._workers import add_workers, workers
from microchar.core.errors import InputError
from microchar.core.text import by, printable

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from microchar.comparison.ranking import Ranking
    from microchar.core.files import Replacing
    from microchar.measurement.metric import Metric

#: Seconds between two looks at the watched files.
_PAUSE = 2.0
#: Largest number of blocks that are all listed.
_FEW = 4
_MEANING = """\
Ratios are distances to the held-out blocks over the distances between these (the noise floor): about 1 is as good as
another piece of the material. spread: scatter of the samples over that of the blocks; far below 1, samples are too much
alike. total: the geometric mean of the ratios, corrected for the scatter of the samples; 1 is the expectation of
another real piece; values below 1 are due to chance. interval: 95 %. Candidates that cannot be told apart share a rank.
verdict: as in `microchar report`, of all samples together."""


def add(commands: Any) -> None:
    """Add the command to the parser of ``microchar``."""
    rank = commands.add_parser("rank", help="sort models and fakes by how near they come to a real volume")
    rank.add_argument("real", metavar="REAL", help="a real volume, or the part of it that no model was trained on")
    rank.add_argument(
        "candidates",
        nargs="+",
        metavar="MODEL|FAKES",
        help="files that `fit` wrote, names of generators, and volumes; the volumes in a folder, or of a quoted glob, "
        "are samples of one candidate",
    )
    add_config(rank)
    rank.add_argument("--shape", type=integers, metavar="N,N,N", dest="blocks", help="of the blocks and samples")
    rank.add_argument("-n", type=positive, default=4, metavar="N", help="samples of each model (default 4)")
    rank.add_argument("--seed", type=integer, default=0, help="of the first sample (default 0)")
    rank.add_argument("--metrics", type=listed, metavar="A,B", help="score by these instead of the headline metrics")
    rank.add_argument("--transport", action="store_true", help="score by the effective diffusivity along axis 0, too")
    add_workers(rank)
    rank.add_argument(
        "--watch", action="store_true", help="rank again when files appear in the folders or change, until interrupted"
    )
    rank.add_argument("--json", metavar="FILE", help="write everything that was found, z-scores too")
    add_overwrite(rank)
    rank.add_argument("--quiet", action="store_true", help="print errors only")
    group = rank.add_argument_group("input")
    add_input(group, raw_shape="--raw-shape", crop="use this box of the real volume: the held-out part")
    group.add_argument("--mask", metavar="FILE", help="real voxels where it is 0 are not used: the training part")
    rank.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Rank the candidates and print the table, once or whenever they change."""
    from microchar.core.files import Replacing, check_writable, file_path
    from microchar.measurement.record import wrote_json

    inputs = input_files([options.real, options.mask, *options.candidates])
    wrote = partial(wrote_json, schema="microchar.ranking/")
    replacing = Replacing(wrote=wrote, overwrite=options.overwrite, inputs=inputs)
    if options.json is not None:
        path = file_path(options.json)
        check_writable(path.parent)
        replacing.check([path])
    folders = [text for text in options.candidates if is_several(text)]
    if options.watch and not folders:
        raise InputError("--watch: expected a folder or a quoted glob among the candidates, whose files may appear")
    with workers(options) as executor:
        table = _Table(options, replacing, executor)
        if options.watch:
            with suppress(KeyboardInterrupt):
                _watch(options, folders, table)
        else:
            table.add(candidates_of(options))
            table.show()


def _watch(options: argparse.Namespace, folders: Sequence[str], table: _Table) -> None:
    """Rank what is finished, and again what has changed; a candidate that cannot be used is left out until it changes.

    Without --shape, the first candidate decides on the blocks.
    """

    def wait() -> None:
        sleep(_PAUSE)
        options.stop.check()

    known: dict[str, Any] = {}
    for states in finished_files(lambda: [path for text in folders for path in members_of(text)], wait):
        found = candidates_of(options, among=states)
        now = {one.name: [(file, states.get(Path(file))) for file in one.files] for one in found}
        changed = [one for one in found if known.get(one.name) != now[one.name]]
        table.keep([name for name in now if name not in {one.name for one in changed}])
        for candidate in changed:
            try:
                table.add([candidate])
            except InputError as error:
                warnings.warn(f"{candidate.name} is left out: {error}", stacklevel=1)
        known = now
        table.show()


class _Table:
    """The ranking of a command, to which candidates can be added."""

    def __init__(self, options: argparse.Namespace, replacing: Replacing, executor: Executor | None):
        self.options, self.replacing, self.executor = options, replacing, executor
        self.real = read(options.real, options, mask=options.mask)
        self.ranking: Ranking | None = None
        self.partly_trained: dict[str, str] = {}

    def add(self, candidates: Sequence[Candidate]) -> None:
        """Rank candidates together with those there are; one of a name that is there takes its place."""
        from microchar.comparison.ranking import rank

        options = self.options
        loaded = {candidate.name: candidate.load(options) for candidate in candidates}
        with ProgressLine(options) as progress:
            how: dict[str, Any] = {"samples": options.n, "seed": options.seed, "progress": progress}
            if self.ranking is None:
                metrics = _metrics(options)
                how |= {"threads": options.threads, "executor": self.executor}
                self.ranking = rank(self.real, loaded, shape=options.blocks, metrics=metrics, **how)
            else:
                self.ranking = self.ranking.with_candidates(loaded, **how)
        self.partly_trained |= _partly_trained(loaded, options)

    def keep(self, names: Collection[str]) -> None:
        """Leave out all candidates of other names."""
        if self.ranking is not None:
            self.ranking = replace(self.ranking, entries=tuple(e for e in self.ranking.entries if e.name in names))

    def show(self) -> None:
        """Write and print the ranking, if there is one."""
        from microchar.core.files import file_path, write_together
        from microchar.measurement.record import write_json

        options = self.options
        if self.ranking is None or not self.ranking.entries:
            return
        if options.json is not None:
            path = file_path(options.json)
            plain = {**self.ranking.to_dict(), "command": options.command_line, "seed": options.seed}
            write_together(path.parent, {path.name: partial(write_json, plain)}, replacing=self.replacing)
        if not options.quiet:
            material = f"{self.real.name}, within the crop" if options.crop is not None else self.real.name
            lines = _lines(self.ranking, material, self.partly_trained)
            print("\n".join(map(printable, lines)), flush=True)


def _metrics(options: argparse.Namespace) -> list[str | Metric] | None:
    if not options.transport:
        return options.metrics
    from microchar.comparison.held_out import DEFAULT_METRICS
    from microchar.measurement.catalogue import create_metric

    return [*(options.metrics or DEFAULT_METRICS), create_metric("effective_diffusivity", axes=(0,))]


def _partly_trained(candidates: Mapping[str, Any], options: argparse.Namespace) -> dict[str, str]:
    """Return notes on models that were trained on the real file, by name, if no held-out part of it was given."""
    if options.mask is not None or options.crop is not None:
        return {}
    real = Path(options.real).resolve()
    data = {name: getattr(candidate, "history", {}).get("data", {}) for name, candidate in candidates.items()}
    return {
        name: f"was trained on {options.real} or a part of it; give --mask or --crop of the held-out part"
        for name, about in data.items()
        if about.get("path") and Path(about["path"]).resolve() == real
    }


def _lines(ranking: Ranking, material: str, partly: dict[str, str]) -> list[str]:
    held_out = ranking.held_out
    blocks = held_out.blocks()
    where = "; ".join(blocks) if len(blocks) <= _FEW else f"{blocks[0]} … {blocks[-1]}"
    lines = [f"held out: {len(blocks)} blocks of {by(held_out.shape)} voxels of {material}: {where}"]
    lines += [f"note: {note}" for note in held_out.notes]
    lines += ["", *ranking.lines(), "", *_MEANING.splitlines()]
    for entry in ranking.entries:
        notes = entry.notes or ((partly[entry.name],) if entry.name in partly else ())
        lines += [f"note: {entry.name}: {note}" for note in notes]
    return lines
