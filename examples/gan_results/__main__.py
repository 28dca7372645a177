"""Train the GANs, their baselines and their ablations, and judge them by parts of the material that none of them saw.

    python examples/gan_results --quick                       to try it: a small synthetic field, a few steps
    python examples/gan_results --minutes 60 --seeds 0 1 2    the comparison of the documentation
    python examples/gan_results --minutes 30 --tables         the source's tables 2 to 7 and S8
    python examples/gan_results judge write                   two of the stages, of what is there
    python examples/gan_results bundle --materials berea      make the best U-net the model of the package

Three stages, each of which skips what is done: `train` (an interrupted training goes on where its checkpoint is),
`judge` (samples, and their distances to the test slab), `write` (tables and pictures of all that was judged, whatever
it was asked for with). A fourth, `bundle`, is for those who keep the package. Everything else is below --work:
MATERIAL/MINUTES-minutes/MODEL-SEED/. To train anew, remove that folder. Runs go one after the other; OMP_NUM_THREADS
says how many threads they may use.

Each volume is parted along an axis: what is learnt from, a gap of 40 voxels, what samples are judged by. Every model
gets the same minutes. Settings go to all U-nets with --set KEY=VALUE, to one model with --set MODEL:KEY=VALUE, such as
slicegan:width=256; they are written into the tables. `paper` is narrow unless told otherwise: paper:width=32 and
paper:batch=16 make it whole.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from bundle import bundle
from judging import Judge
from pictures import draw_curves, draw_slices
from plan import DEFAULT_MATERIALS, MATERIALS, MODELS, ROWS, TABLES, Run, wanted
from presets import write_presets
from tables import failures, gather, write_csv, write_rst
from training import parts, train

ROOT = Path(__file__).parents[2]
STAGES = ("train", "judge", "write")
KEEPERS_STAGE = "bundle"


def main() -> None:
    """Run the stages asked for."""
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
    if KEEPERS_STAGE in options.stages:
        for material in options.materials:
            unets = [run for run in runs if run.material == material and ROWS[run.row].generator == "unet-gan"]
            bundle(material, unets, options.data, ROOT / "src" / "microchar_gan", options.output / "_static")


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="gan_results", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data = os.environ.get("MICROCHAR_DATA", ROOT.parent / "shared" / "data")
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"of {', '.join(STAGES)}; default all; or bundle")
    parser.add_argument("--data", type=Path, default=Path(data), help="folder of the real volumes")
    parser.add_argument("--materials", nargs="+", choices=MATERIALS, default=list(DEFAULT_MATERIALS))
    parser.add_argument("--models", nargs="+", choices=ROWS, default=list(MODELS))
    parser.add_argument(
        "--tables",
        nargs="*",
        choices=TABLES,
        default=None,
        help="rows of these tables of the source instead (default all of them); they name their materials themselves",
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--minutes", type=float, default=30, help="of each training")
    parser.add_argument("--set", action="append", default=[], metavar="[MODEL:]KEY=VALUE", help="a setting")
    parser.add_argument("--size", type=int, help="edge of the blocks to judge by (default 64; 32 for small volumes)")
    parser.add_argument("--samples", type=int, default=16, help="of a model and seed")
    parser.add_argument("--quick", action="store_true", help="few steps of small networks, nothing into docs/")
    parser.add_argument("--work", type=Path, default=Path("gan-out"), help="models, samples and scores")
    parser.add_argument("--output", type=Path, help="tables and pictures (default docs/)")
    options = parser.parse_args()
    for stage in options.stages:
        if stage not in (*STAGES, KEEPERS_STAGE):
            parser.error(f"{stage}: no stage; expected {', '.join((*STAGES, KEEPERS_STAGE))}")
    options.stages = options.stages or list(STAGES)
    options.tables = list(TABLES) if options.tables == [] else options.tables or []
    if options.quick and KEEPERS_STAGE in options.stages:
        parser.error("bundle --quick: a model of few steps is nothing for the package")
    if options.quick:
        options.materials, options.models, options.tables = ["synthetic"], ["default", "gaussian-field"], []
        options.set += ["preset=tiny", "steps=4"]
        options.minutes, options.samples = 1, 8
    options.output = options.output or (options.work if options.quick else ROOT / "docs")
    return options


def write(options: argparse.Namespace) -> None:
    """Write tables and pictures of everything that was judged."""
    groups, static = gather(options.work), options.output / "_static"
    options.output.mkdir(parents=True, exist_ok=True)
    pictures = {}
    # Of several budgets and sizes the one with most models is drawn, of equals the largest, which comes last.
    by_models = sorted((group for group in groups if group.main()), key=lambda group: len(group.main()))
    drawn = list({group.material: group for group in by_models}.values())
    for group in drawn:
        name = f"gan_{group.material}.png"
        draw_slices(static / name, group, *parts(group.material, options.data, options.work))
        pictures[group.material] = f"_static/{name}"
    if draw_curves(static / "gan_curves.png", drawn):
        pictures["curves"] = "_static/gan_curves.png"
    write_presets(options.output / "gan_presets.rst")
    write_csv(options.output / "gan_results.csv", groups)
    write_rst(options.output / "gan_results.rst", groups, failures(options.work), pictures)
    print(options.output / "gan_results.rst")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("interrupted; the same command goes on")
