"""The program ``microchar``, whose commands are the modules of this package.

Each module without a leading underscore is a command of the same name. Its function ``add(commands)`` adds a parser,
whose default ``run`` does the work. If all other options of the command are parameters of a generator, ``add`` returns
the parser. Heavy imports stay inside the commands.
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import shlex
import sys
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NoReturn

import microchar.cli
from microchar import __version__
from microchar.cli._parameters import as_assignments
from microchar.cli._stopping import stopping
from microchar.cli._study import fill, study_arguments, study_text
from microchar.cli._values import joined
from microchar.core.errors import InputError, MicrocharError
from microchar.core.registry import module_names
from microchar.core.text import one_line, printable

#: Commands that the help lists first; the others follow in alphabetical order.
_FIRST = ("report", "measure", "view", "metrics")

_EXAMPLES = """\
examples:
  microchar report real.tif fake.tif -o out/
  microchar report real.tif fakes/*.tif --phases pore=0,solid=255 --voxel-size 3um
  microchar report out/results.json -o out/        render again, without measuring
  microchar measure volume.tif -o out/
  microchar view real.tif fake.tif --open
  microchar metrics
  microchar selftest
  microchar convert out/results.json --to porespy
  microchar fit gaussian-field real.tif -o model.safetensors
  microchar generate model.safetensors --shape 256,256,256 --seed 1 -n 4 -o fakes/
  microchar generate overlapping-spheres --radius 6 --volume-fraction 0.3 --shape 256,256,256
  microchar generators
  microchar export volume.tif sample.3mf --print-size 100mm --faces 200000
  microchar rank real.tif model.safetensors fakes/*.tif --crop 300:400,:,:
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 for success, 1 for failure, 2 for wrong usage or input."""
    _escape_what_the_console_lacks()
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        with warnings.catch_warnings(), _without_logs(), stopping() as stop:
            warnings.showwarning = _warned
            options = _parsed(arguments)
            options.stop = stop
            return options.run(options) or 0
    except KeyboardInterrupt as interrupt:
        return _failed(str(interrupt) or "interrupted; nothing was written", 1)
    except InputError as error:
        return _failed(str(error), 2)
    except BrokenPipeError:  # the program that reads the output, such as `head`, has ended
        sys.stdout = None
        return 1
    except (MicrocharError, MemoryError, OSError) as error:
        return _failed(str(error) or type(error).__name__, 1)


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line, and the study file that it names; wrong usage exits with code 2."""
    parser, commands, takes_parameters = _parser()
    if "_ARGCOMPLETE" in os.environ:  # the shell asks what may come next
        import argcomplete

        argcomplete.autocomplete(parser)
    # argparse takes the value "--" for the end of the options and hands on an empty list.
    empty = [word for word in arguments if word.startswith("--") and word.endswith("=--")]
    if empty:
        parser.error(f"{empty[0]}: expected a value")
    fixed_options = takes_parameters.get(arguments[0]) if arguments else None
    words = joined(arguments)
    command = commands.get(words[0]) if words else None
    study = {} if command is None else study_arguments(command, words)
    options, rest = parser.parse_known_args(words if fixed_options is None else as_assignments(words, fixed_options))
    fill(options, study)
    # Older versions of argparse take an optional positional argument after an option to be missing.
    if len(rest) == 1 and not rest[0].startswith("-") and getattr(options, "volume", "") is None:
        options.volume = rest.pop()
    if rest:
        (command or parser).error(f"unrecognized arguments: {one_line(' '.join(rest))}")
    options.own = fixed_options
    options.command_line = printable(shlex.join(["microchar", *arguments]))
    if command is not None and "config" in options and "output" in options:
        options.study = study_text(command, options)
    return options


def _escape_what_the_console_lacks() -> None:
    # A terminal in the C locale has neither φ nor the letters of most names: print escapes instead of failing.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def _without_logs() -> Iterator[None]:
    """Keep what libraries log about damaged files off stderr: the message of the error says what the user needs."""
    before = logging.root.manager.disable
    logging.disable()
    try:
        yield
    finally:
        logging.disable(before)


def _warned(message: Warning | str, *where: Any, **more: Any) -> None:
    # The position in the source is of no use to the user.
    print(f"microchar: warning: {one_line(str(message))}", file=sys.stderr)


def _failed(message: str, code: int) -> int:
    print(f"microchar: {one_line(message)}", file=sys.stderr)
    return code


class _Parser(argparse.ArgumentParser):
    """A parser, also of the commands, whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Print the message and exit with code 2."""
        self.exit(2, f"{self.prog}: {one_line(message)}; `{self.prog} --help` lists what is accepted\n")


def _commands() -> list[str]:
    commands = [name for name in module_names(microchar.cli) if name != "program"]
    return sorted(commands, key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST))


def _parser() -> tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser], Mapping[str, Collection[str]]]:
    """Return the parser, those of the commands, and for commands that take parameters of a generator their options."""
    parser = _Parser(
        prog="microchar",
        description="Is this volume statistically the same material as that one, and how sure are we?",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"microchar {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    takes_parameters = {}
    for name in _commands():
        command = import_module(f"microchar.cli.{name}").add(commands)
        if command is not None:
            takes_parameters[name] = [option for action in command._actions for option in action.option_strings]
    return parser, commands.choices, takes_parameters
