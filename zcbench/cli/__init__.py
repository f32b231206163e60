"""The command line. Results go to stdout; progress and messages go to stderr.

``_status.py`` has the exit statuses, which are the same in every command.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Collection, Sequence

from zcbench._display import SENTENCE, plain
from zcbench.cli._encoding import make_readable
from zcbench.cli._parser import Help, Parser
from zcbench.cli._status import FINE, INTERRUPTED, MEANINGS, MISUSED, status_of

_COMMANDS = {
    "run": "score the networks of a benchmark or of your table; show the leaderboard",
    "leaderboard": "show stored scores: terminal, CSV, Markdown, HTML",
    "efficiency": "show predictors by the number of trained networks: table, CSV, figure",
    "predict": "rank candidates by a predictor of a few trained networks",
    "search": "search for the best architecture in a benchmark, or with your training function",
    "score": "score your networks",
    "supernet": "train a supernet on the embedded digits, search it, export the best subnet",
    "curves": "forecast the end of learning curves",
    "check": "run the contract tests on your proxies, predictors and searchers",
    "list": "list proxies, predictors, benchmarks and other kinds",
    "show": "show one proxy, predictor or benchmark: definition, settings, source",
    "data": "show where tables are; download or import one",
    "store": "check, compact or merge folders of stored results",
    "env": "show versions, machine and folders",
}
#: names that commands had; they work for one release
_RENAMED: dict[str, str] = {}


#: commands that run networks in this process
_COMPUTE = ("check", "run", "score", "search", "supernet")

#: text of ``zcbench`` without arguments, with a first command for each kind of user
_FIRST_STEPS = """Which cheap score predicts, before training, which network will be good?

  zcbench run digits-201 --limit 100               compare proxies, no download
  zcbench score FILE.py:FUNCTION --input 3x32x32   score your own network
  zcbench predict TABLE.csv --target COLUMN        rank your untrained networks
  zcbench check FILE.py                            test your own proxy

zcbench --help lists all commands; zcbench COMMAND --help shows examples."""

_SHELLS = ("bash", "zsh", "tcsh")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status.

    Args:
        arguments: words of the command line; None for those of this process, which then ends after the command.
    """
    whole = arguments is None
    # Not list(…): after the command "list" is imported, the name is its module.
    arguments = [*(sys.argv[1:] if arguments is None else arguments)]
    make_readable(sys.stdout)
    make_readable(sys.stderr)
    if arguments[:1] in (["help"], ["version"]):
        arguments = [*arguments[1:], f"--{arguments[0]}"]
    wanted = next((a for a in arguments if not a.startswith("-")), None)
    if wanted in _RENAMED:
        place, old, wanted = arguments.index(wanted), wanted, _RENAMED[wanted]
        arguments[place] = wanted
        _complain(f"the command {old!r} is called {wanted!r} now; the old name is removed in the next release.")
    parser, chosen = _parser([wanted])
    _check_order(parser, wanted, arguments)
    chosen.check_options(arguments)
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        chosen.unknown(unknown, arguments)
    options.words = arguments
    if options.command is None:
        return _without_command(options)
    from zcbench._process import keep_freed_memory
    from zcbench.cli._loading import loading_is_said
    from zcbench.cli._output import results_only

    if whole and options.command in _COMPUTE:
        keep_freed_memory()
    with loading_is_said(), results_only(for_good=whole):
        return _guarded(options)


def _parser(wanted: Collection[str | None]) -> tuple[Parser, Parser]:
    """Return the main parser, and the parser of the command whose arguments are declared.

    Args:
        wanted: commands whose modules are imported for their arguments; others are not imported, to keep --help fast.
    """
    parser = chosen = Parser(
        prog="zcbench",
        description="Zero-cost proxies and performance predictors for neural architecture search, evaluated honestly.",
        epilog=_epilog(),
        formatter_class=Help,
    )
    parser.add_argument("--version", action="store_true", help="print the version and stop")
    parser.add_argument(
        "--print-completion", metavar="SHELL", choices=_SHELLS, help=f"print a completion script: {', '.join(_SHELLS)}"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, summary in _COMMANDS.items():
        if name not in wanted:
            commands.add_parser(name, help=summary, add_help=False)
            continue
        module = importlib.import_module(f"zcbench.cli.{name}")
        chosen = commands.add_parser(
            name, help=summary, description=module.__doc__, epilog=module.EXAMPLE, formatter_class=Help
        )
        module.configure(chosen)
        chosen.set_defaults(execute=module.execute)
    return parser, chosen


def _epilog() -> str:
    statuses = "\n".join(f"  {status:<4} {meaning}" for status, meaning in MEANINGS.items())
    return f"exit status:\n{statuses}\n\nexamples:\n  zcbench run digits-201 --limit 300\n  zcbench leaderboard"


def _check_order(parser: Parser, first: str | None, arguments: Sequence[str]) -> None:
    """End with an error if a command follows its argument, or if an option precedes the command."""
    if first is None:
        return
    place = arguments.index(first)
    if first in _COMMANDS:
        own = {*parser._option_string_actions}
        early = [word for word in arguments[:place] if word.partition("=")[0] not in own]
        if early:
            right = " ".join([first, *arguments[place + 1 :], *early])
            parser.error(f"options follow the command: write  zcbench {right}")
    elif place == 0 and len(arguments) > 1 and arguments[1] in _COMMANDS:
        parser.error(f"the command comes first: write  zcbench {' '.join([arguments[1], first, *arguments[2:]])}")


def _without_command(options: argparse.Namespace) -> int:
    if options.version:
        import zcbench

        print(zcbench.__version__)
        return FINE
    if options.print_completion is not None:
        from zcbench.cli._completion import completion

        parser, _ = _parser(_COMMANDS)
        print(completion(parser, options.print_completion))
        return FINE
    print(_FIRST_STEPS)
    return FINE


def _guarded(options: argparse.Namespace) -> int:
    from zcbench import devices
    from zcbench.cli._hints import explained
    from zcbench.cli._output import give_up_results
    from zcbench.errors import ZcbenchError, first_line

    try:
        with devices.using(getattr(options, "device", None)):
            status: int = options.execute(options)
    except ZcbenchError as error:
        _complain(explained(error))
        return status_of(error)
    except KeyboardInterrupt:
        _complain("interrupted; stored results are kept, and the same command continues.")
        return INTERRUPTED
    except SystemExit as error:  # our commands do not exit this way
        _complain(f"imported code ended the program ({first_line(error)}): remove its call of sys.exit().")
        return MISUSED
    except BrokenPipeError:  # the program that reads our output ended
        give_up_results()
        return FINE
    except OSError as error:
        give_up_results()
        _complain(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
        return status_of(error)
    return status


def _complain(message: object) -> None:
    from zcbench.cli._output import write_message

    write_message(f"zcbench: {plain(message, 2 * SENTENCE)}")
