"""The command line. Results go to stdout, progress and messages to stderr.

Exit status: 0 done; 1 something is wrong (one sentence says what) or a score failed; 2 wrong usage; 130 interrupted.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import io
import sys
import textwrap
from collections.abc import Sequence
from typing import NoReturn

from zcbench._display import SENTENCE, plain

_COMMANDS = {
    "run": "score a benchmark's networks, store every score, show the leaderboard",
    "leaderboard": "show what has been run: terminal, CSV, Markdown, HTML",
    "efficiency": "show predictors against the number of trained networks: terminal, CSV, Markdown, figure",
    "predict": "rank candidates by what a few trained networks of your table tell",
    "search": "search for the best architecture, in a table or with a function of your own",
    "score": "score your own network",
    "supernet": "train a supernet on the embedded digits and do all that it is for",
    "curves": "tell where learning curves end",
    "check": "put proxies and predictors through the contract tests",
    "list": "list proxies, predictors, benchmarks, batches, tracks and other kinds",
    "show": "show everything about one proxy, predictor, benchmark, batch, track …",
    "data": "show where the tables are, get or import one",
    "store": "check a store, make one file of many, copy another store into it",
    "env": "show versions, machine and folders",
}
#: names that commands had; they work for one release
_RENAMED: dict[str, str] = {}


class _Help(argparse.RawDescriptionHelpFormatter):
    """Fills paragraphs; indented lines, which are commands, stay as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = text.strip("\n").split("\n\n")
        return "\n\n".join(p if "\n " in p else textwrap.fill(p, width, drop_whitespace=True) for p in paragraphs)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{plain(f'{self.prog}: {message}', 2 * SENTENCE)}; see  {self.prog} --help\n")

    def unknown(self, words: Sequence[str]) -> NoReturn:
        """End with an error that names arguments that the command does not have, and options like the first."""
        options = [
            option for action in self._actions if action.help != argparse.SUPPRESS for option in action.option_strings
        ]
        close = difflib.get_close_matches(words[0].partition("=")[0], options, n=1)
        self.error(f"unrecognized arguments: {' '.join(words)}" + (f", did you mean {close[0]}?" if close else ""))


#: commands that run networks in this process
_COMPUTE = ("check", "run", "score", "search", "supernet")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status.

    Args:
        arguments: words of the command line; None for those of this process, which then ends with the command.
    """
    whole = arguments is None
    # Not list(…): once the command of that name was imported, the name is its module.
    arguments = [*(sys.argv[1:] if arguments is None else arguments)]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # terminals that lack a character still get the rest
    parser = _Parser(
        prog="zcbench",
        description="Zero-cost proxies and performance predictors for neural architecture search, evaluated honestly.",
        epilog="examples:\n  zcbench run digits-201 --limit 300\n  zcbench leaderboard",
        formatter_class=_Help,
    )
    parser.add_argument("--version", action="store_true", help="print the version and stop")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    wanted = next((a for a in arguments if not a.startswith("-")), None)
    if wanted in _RENAMED:
        place, old, wanted = arguments.index(wanted), wanted, _RENAMED[wanted]
        arguments[place] = wanted
        _complain(f"the command {old!r} is called {wanted!r} now; the old name goes with the next release.")
    chosen = parser
    for name, summary in _COMMANDS.items():
        # Only the wanted command's module is imported: --help stays fast.
        if name == wanted:
            module = importlib.import_module(f"zcbench.cli.{name}")
            command = commands.add_parser(
                name,
                help=summary,
                description=module.__doc__,
                epilog=module.EXAMPLE,
                formatter_class=_Help,
            )
            module.configure(command)
            command.set_defaults(execute=module.execute)
            chosen = command
        else:
            commands.add_parser(name, help=summary, add_help=False)
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        chosen.unknown(unknown)
    options.words = arguments
    if options.version:
        import zcbench

        print(zcbench.__version__)
        return 0
    if options.command is None:
        parser.print_help()
        return 2
    from zcbench.cli._output import results_only

    if whole and options.command in _COMPUTE:
        from zcbench._process import keep_freed_memory

        keep_freed_memory()
    with results_only(for_good=whole):
        return _guarded(options)


def _guarded(options: argparse.Namespace) -> int:
    from zcbench import devices
    from zcbench.cli._output import give_up_results
    from zcbench.errors import ZcbenchError, first_line

    try:
        with devices.using(getattr(options, "device", None)):
            status: int = options.execute(options)
    except ZcbenchError as error:
        _complain(error)
        return 1
    except KeyboardInterrupt:
        _complain("interrupted; what was scored is kept, the same command goes on from there.")
        return 130
    except SystemExit as error:  # no command of ours ends so
        _complain(f"imported code ended the program ({first_line(error)}): take sys.exit() out of it.")
        return 1
    except BrokenPipeError:  # the reader of our output went away
        give_up_results()
        return 0
    except OSError as error:
        give_up_results()
        _complain(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
        return 1
    return status


def _complain(message: object) -> None:
    from zcbench.cli._output import write_message

    write_message(f"zcbench: {plain(message, 2 * SENTENCE)}")
