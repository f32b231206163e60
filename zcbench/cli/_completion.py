"""Scripts that complete commands, options, names and files in a shell; shtab writes them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from zcbench._kinds import KINDS

#: kinds whose names complete an option
_OF_OPTIONS = {
    "--proxies": ("proxies",),
    "--scorer": ("proxies",),
    "--ensembles": ("ensembles",),
    "--predictors": ("predictors",),
    "--predictor": ("predictors", "curve_predictors"),
    "--curve-predictors": ("curve_predictors",),
    "--searcher": ("searchers",),
    "--searchers": ("searchers",),
    "--rule": ("training_rules",),
    "--rules": ("training_rules",),
    "--benchmark": ("benchmarks",),
    "--transfer-from": ("benchmarks",),
    "--track": ("tracks",),
    "--space": ("spaces",),
    "--data": ("batches",),
}
#: kinds whose names complete a positional argument, by its placeholder; None for all kinds
_OF_ARGUMENTS: dict[tuple[str, str], tuple[str, ...] | None] = {
    ("run", "WHAT"): ("benchmarks", "tracks"),
    ("leaderboard", "NAME"): ("benchmarks", "tracks"),
    ("efficiency", "BENCHMARK"): ("benchmarks",),
    ("search", "BENCHMARK"): ("benchmarks",),
    ("data", "NAME"): ("benchmarks", "batches"),
    ("store", "BENCHMARK"): ("benchmarks",),
    ("check", "NAME"): ("proxies", "signals", "predictors", "searchers", "curve_predictors"),
    ("show", "[KIND:]NAME"): None,
}
#: arguments that also take a file
_ALSO_FILES = {("run", "WHAT"), ("check", "NAME")}


def completion(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the script for a shell.

    Args:
        parser: the parser of all commands.
        shell: "bash", "zsh" or "tcsh".
    """
    import shtab

    functions: dict[tuple[str, ...], str] = {}
    for command, action in _actions(parser):
        metavar = action.metavar if isinstance(action.metavar, str) else ""
        if action.choices is not None or action.nargs == 0:
            continue
        if any(option in _OF_OPTIONS for option in action.option_strings):
            kinds: tuple[str, ...] | None = next(_OF_OPTIONS[o] for o in action.option_strings if o in _OF_OPTIONS)
        elif not action.option_strings and (command, metavar) in _OF_ARGUMENTS:
            kinds = _OF_ARGUMENTS[command, metavar]
        else:
            if metavar.startswith(("FILE", "PATH", "LEDGER", "NETWORK")):
                action.complete = shtab.FILE  # type: ignore[attr-defined]
            elif metavar in ("DIR", "FOLDER"):
                action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
            continue
        kinds = kinds or tuple(kind.plural for kind in KINDS)
        files = (command, metavar) in _ALSO_FILES
        key = (*kinds, "+files") if files else kinds
        functions.setdefault(key, f"_zcbench_names_{len(functions)}")
        names = _names(kinds)
        action.complete = {  # type: ignore[attr-defined]
            "bash": functions[key],
            "zsh": f"({' '.join(names)})",
            "tcsh": f"({' '.join(names)})",
        }
    preamble: Any = {"bash": "\n".join(_function(name, key) for key, name in functions.items())}
    script: str = shtab.complete(parser, shell, preamble=preamble)
    return script


def _actions(parser: argparse.ArgumentParser, command: str = "") -> Iterator[tuple[str, argparse.Action]]:
    """Yield each argument of each command."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from _actions(inner, command or name)
        else:
            yield command, action


def _names(kinds: tuple[str, ...]) -> list[str]:
    found = [name for kind in KINDS if kind.plural in kinds for name in kind.names()]
    return sorted(set(found))


def _function(name: str, key: tuple[str, ...]) -> str:
    """Return a bash function that completes the last of several names, which commas separate."""
    kinds = tuple(kind for kind in key if kind != "+files")
    files = '\n  compgen -f -- "$1"' if "+files" in key else ""
    words = " ".join(_names(kinds))
    return (
        f'{name}() {{\n  local before=""\n  [[ "$1" == *,* ]] && before="${{1%,*}},"\n'
        f'  compgen -P "$before" -W "{words}" -- "${{1##*,}}"{files}\n}}'
    )
