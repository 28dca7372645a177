"""``microchar rank``: sort models and volumes by their distance from held-out material."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microchar.cli._input import add_input, add_overwrite, input_files, read
from microchar.cli._progress import ProgressLine
from microchar.cli._values import integer, integers, listed, positive
from microchar.core.errors import InputError
from microchar.core.text import by, printable

if TYPE_CHECKING:
    from microchar.comparison.ranking import Ranking
    from microchar.measurement.metric import Metric

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
        "candidates", nargs="+", metavar="MODEL|FAKE", help="files that `fit` wrote, names of generators, and volumes"
    )
    rank.add_argument("--shape", type=integers, metavar="N,N,N", dest="blocks", help="of the blocks and samples")
    rank.add_argument("-n", type=positive, default=4, metavar="N", help="samples of each model (default 4)")
    rank.add_argument("--seed", type=integer, default=0, help="of the first sample (default 0)")
    rank.add_argument("--metrics", type=listed, metavar="A,B", help="score by these instead of the headline metrics")
    rank.add_argument("--transport", action="store_true", help="score by the effective diffusivity along axis 0, too")
    rank.add_argument("--threads", type=positive, metavar="N", help="number of threads (default: all cores)")
    rank.add_argument("--json", metavar="FILE", help="write everything that was found, z-scores too")
    add_overwrite(rank)
    rank.add_argument("--quiet", action="store_true", help="print errors only")
    group = rank.add_argument_group("input")
    add_input(group, raw_shape="--raw-shape", crop="use this box of the real volume: the held-out part")
    group.add_argument("--mask", metavar="FILE", help="real voxels where it is 0 are not used: the training part")
    rank.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Rank the candidates and print the table."""
    from microchar.comparison.ranking import rank
    from microchar.core.files import Replacing, check_writable, file_path, write_together
    from microchar.measurement.record import write_json, wrote_json

    inputs = input_files([options.real, options.mask, *options.candidates])
    wrote = partial(wrote_json, schema="microchar.ranking/")
    replacing = Replacing(wrote=wrote, overwrite=options.overwrite, inputs=inputs)
    if options.json is not None:
        path = file_path(options.json)
        check_writable(path.parent)
        replacing.check([path])
    real = read(options.real, options, mask=options.mask)
    candidates = _candidates(options)
    with ProgressLine(options) as progress:
        ranking = rank(
            real,
            candidates,
            samples=options.n,
            shape=options.blocks,
            metrics=_metrics(options),
            seed=options.seed,
            threads=options.threads,
            progress=progress,
        )
    if options.json is not None:
        plain = {**ranking.to_dict(), "command": options.command_line, "seed": options.seed}
        write_together(path.parent, {path.name: partial(write_json, plain)}, replacing=replacing)
    if not options.quiet:
        material = f"{real.name}, within the crop" if options.crop is not None else real.name
        print("\n".join(map(printable, _lines(ranking, material, _partly_trained(candidates, options)))))


def _metrics(options: argparse.Namespace) -> list[str | Metric] | None:
    if not options.transport:
        return options.metrics
    from microchar.comparison.held_out import DEFAULT_METRICS
    from microchar.measurement.catalogue import create_metric

    return [*(options.metrics or DEFAULT_METRICS), create_metric("effective_diffusivity", axes=(0,))]


def _candidates(options: argparse.Namespace) -> dict[str, Any]:
    """Return models and volumes by name: the stem of the file, or the whole path if several stems are equal."""
    stems = [Path(text).stem for text in options.candidates]
    if len(set(options.candidates)) < len(options.candidates):
        raise InputError("rank: a candidate is listed twice; list each once")
    names = [text if stems.count(stem) > 1 else stem for text, stem in zip(options.candidates, stems, strict=True)]
    names = [printable(name) for name in names]
    return {name: _candidate(text, options) for name, text in zip(names, options.candidates, strict=True)}


def _candidate(text: str, options: argparse.Namespace) -> Any:
    from microchar.cli._generation import ready_generator
    from microchar.generation.catalogue import generator_specs
    from microchar.generation.models import bundled_models

    if text in generator_specs() or text in bundled_models() or Path(text).suffix == ".safetensors":
        return ready_generator(text)
    # Fakes may have other grey values, and are not cropped.
    return read(text, options, phases=None, crop=None)


def _partly_trained(candidates: dict[str, Any], options: argparse.Namespace) -> dict[str, str]:
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
