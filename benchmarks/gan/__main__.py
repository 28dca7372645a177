"""Train the generative networks, their baselines and ablations, and score them on material that none of them saw.

    python benchmarks/gan --quick                       a trial: a small synthetic field, a few steps
    python benchmarks/gan --minutes 60 --seeds 0 1 2    the comparison of the models
    python benchmarks/gan --minutes 30 --tables         the source's tables 2 to 7 and S8
    python benchmarks/gan judge write                   only these stages, for trainings that exist

Stages, each of which skips finished work:

train   trainings; one that was interrupted is resumed from its checkpoint
judge   samples, and their distances to the test slab
write   gan_results.csv (all numbers), gan_tables.rst (all tables) and pictures of everything that was judged,
        below --output

Trainings, samples and scores are below --work, in MATERIAL/MINUTES-minutes/MODEL-SEED/; remove such a folder to train
again. Runs are sequential; OMP_NUM_THREADS sets the number of threads.

Each volume is split along an axis: a training slab, a gap of 40 voxels, a test slab. All models get the same time.
--set KEY=VALUE applies to all U-nets, --set MODEL:KEY=VALUE to one model, such as slicegan:width=256. Tables name a
model with the settings that were given. `paper` is as large as in the source: paper_size.py prints what it takes.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from judging import Judge
from pictures import draw_curves, draw_slices
from plan import DEFAULT_MATERIALS, MATERIALS, MODELS, ROWS, TABLES, Run, wanted
from tables import failures, gather, write_csv, write_rst
from training import parts, train

ROOT = Path(__file__).parents[2]
STAGES = ("train", "judge", "write")
RESULTS = "gan_results.csv"


def main() -> None:
    """Run the requested stages."""
    options = parse()
    asked = wanted(options.materials, options.models, options.tables, options.seeds)
    runs = [Run(material, row, seed, options.minutes, options.work) for material, row, seed in asked]
    if "train" in options.stages:
        for run in runs:
            train(run, options.data, options.set)
    if "judge" in options.stages:
        for material in dict.fromkeys(run.material for run in runs):
            judge = Judge(material, options.size, options.data, options.work)
            judge.judge_real()
            for run in runs:
                if run.material == material:
                    judge.judge(run, options.samples)
    if "write" in options.stages:
        write(options)


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="benchmarks/gan", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data = os.environ.get("MICROCHAR_DATA", ROOT.parent / "shared" / "data")
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"among {', '.join(STAGES)}; default: all of them")
    parser.add_argument("--data", type=Path, default=Path(data), help="folder of the real volumes")
    parser.add_argument("--materials", nargs="+", choices=MATERIALS, default=list(DEFAULT_MATERIALS))
    parser.add_argument("--models", nargs="+", choices=ROWS, default=list(MODELS))
    parser.add_argument(
        "--tables",
        nargs="*",
        choices=TABLES,
        default=None,
        help="rows of these tables of the source (default: all of them) instead of --materials and --models",
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--minutes", type=float, default=30, help="time of each training")
    parser.add_argument("--set", action="append", default=[], metavar="[MODEL:]KEY=VALUE", help="a setting")
    parser.add_argument("--size", type=int, help="edge of the test blocks (default 64; 32 for small volumes)")
    parser.add_argument("--samples", type=int, default=16, help="samples per model and seed")
    parser.add_argument("--quick", action="store_true", help="few steps of small networks on a synthetic field")
    parser.add_argument("--work", type=Path, default=Path("gan-out"), help="models, samples and scores")
    parser.add_argument("--output", type=Path, help="tables and pictures (default: as --work)")
    options = parser.parse_args()
    for stage in options.stages:
        if stage not in STAGES:
            parser.error(f"{stage}: no such stage; expected {', '.join(STAGES)}")
    options.stages = options.stages or list(STAGES)
    options.tables = list(TABLES) if options.tables == [] else options.tables or []
    if options.quick:
        options.materials, options.models, options.tables = ["synthetic"], ["default", "gaussian-field"], []
        options.set += ["preset=tiny", "steps=4"]
        options.minutes, options.samples = 1, 8
    options.output = options.output or options.work
    return options


def write(options: argparse.Namespace) -> None:
    """Write tables and pictures of everything that was judged."""
    groups, static = gather(options.work), options.output / "_static"
    options.output.mkdir(parents=True, exist_ok=True)
    pictures = {}
    # Of several budgets and sizes, draw the one with most models; among equals the largest, which comes last.
    by_models = sorted((group for group in groups if group.main()), key=lambda group: len(group.main()))
    drawn = list({group.material: group for group in by_models}.values())
    for group in drawn:
        name = f"gan_{group.material}.png"
        draw_slices(static / name, group, *parts(group.material, options.data, options.work))
        pictures[group.material] = f"_static/{name}"
    if draw_curves(static / "gan_curves.png", drawn):
        pictures["curves"] = "_static/gan_curves.png"
    write_csv(options.output / RESULTS, groups)
    write_rst(options.output / "gan_tables.rst", groups, failures(options.work), pictures)
    print(options.output / "gan_tables.rst")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("interrupted; run the same command again to continue")
