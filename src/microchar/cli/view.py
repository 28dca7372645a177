"""``microchar view``: a page to look at volumes."""

from __future__ import annotations

import argparse
from typing import Any

from microchar.cli._input import add_input, add_overwrite, input_files, read
from microchar.cli._opening import add_opening, open_page
from microchar.core.text import printable


def add(commands: Any) -> None:
    """Add the command to those of ``microchar``."""
    command = commands.add_parser("view", help="write a page to look at volumes")
    command.add_argument("volumes", nargs="+", metavar="VOLUME", help="the real volume, or any other; then others")
    command.add_argument("-o", "--output", default="view.html", metavar="FILE", help="default: view.html")
    command.add_argument("--light", action="store_true", help="3 MB at most, with larger voxels if need be")
    add_opening(command)
    add_overwrite(command)
    command.add_argument("--quiet", action="store_true", help="print errors only")
    add_input(command.add_argument_group("input"))
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Read the volumes, write the page, and open it if that is wanted."""
    from microchar.report.viewing import check_view, write_view

    check_view(options.output, overwrite=options.overwrite, inputs=input_files(options.volumes))
    # Other volumes may have other grey values; they are matched with those of the first.
    phases = [options.phases, *(None for _ in options.volumes[1:])]
    volumes = [read(path, options, phases=names) for path, names in zip(options.volumes, phases, strict=True)]
    path = write_view(volumes, options.output, light=options.light, overwrite=options.overwrite)
    if not options.quiet:
        print(printable(str(path)))
    if options.open:
        open_page(path)
