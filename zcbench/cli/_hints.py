"""Advice about a name that was not found: another kind has it, or a file has a similar name."""

from __future__ import annotations

import difflib
from pathlib import Path

from zcbench.errors import UnknownNameError, ZcbenchError

#: suffixes of files that commands read
_SUFFIXES = (".csv", ".tsv", ".parquet", ".toml", ".json", ".jsonl", ".py", ".txt")
#: how a name of another kind is used
_USES = {
    "proxy": "zcbench run digits-201 --proxies {}",
    "predictor": "zcbench run digits-201 --predictors {}",
    "searcher": "zcbench search digits-201 --searcher {}",
    "batch": "zcbench run TABLE.csv --target COLUMN --factory FILE.py:FUNCTION --data {}",
    "space": "zcbench run TABLE.csv --target COLUMN --space {}",
}


def explained(error: ZcbenchError) -> str:
    """Return the message of an error, with better advice if an unknown benchmark is something else."""
    if not isinstance(error, UnknownNameError) or "benchmark" not in error.kind:
        return str(error)
    advice = _of_file(error.name) if _looks_like_file(error.name) else _of_kinds(error.name)
    return f"unknown {error.kind} {error.name!r}: {advice}" if advice else str(error)


def _looks_like_file(name: str) -> bool:
    return "/" in name or Path(name).suffix in _SUFFIXES or Path(name).suffix[1:].isalpha()


def _of_file(name: str) -> str:
    path = Path(name)
    if path.is_file():
        return "it is a file, and this argument must be a name: zcbench list benchmarks"
    try:
        near = [found.name for found in path.parent.iterdir() if found.suffix in _SUFFIXES and found.is_file()]
    except OSError:
        return f"there is no folder {path.parent}."
    close = difflib.get_close_matches(path.name, near, n=1)
    return f"there is no such file, did you mean {path.parent / close[0]}?" if close else "there is no such file."


def _of_kinds(name: str) -> str:
    from zcbench._kinds import KINDS

    for kind in KINDS:
        if kind.noun not in ("benchmark", "track") and name in kind.names():
            use = _USES.get(kind.noun, f"zcbench show {kind.noun}:{{}}").format(name)
            return f"it is {_article(kind.noun)} {kind.noun.replace('_', ' ')}: {use}"
    return ""


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"
