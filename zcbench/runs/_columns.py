"""Tables of numbers: their columns take the place of proxies, and what predictors see; no network is built."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatch

from zcbench._arguments import all_text
from zcbench._notation import Part, Sum, Term, parse_term
from zcbench.datasets import Benchmark
from zcbench.encodings import get_encoding
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.evaluation import Evaluation, summarize_columns
from zcbench.predictors import member_labels, predictor_info
from zcbench.proxies import get_proxy, list_proxies


def correlate_columns(
    benchmark: Benchmark, columns: Iterable[str] | None = None, *, target: str | None = None, lower: Iterable[str] = ()
) -> Evaluation:
    """Correlate columns of precomputed numbers with a target; no network is built.

    Args:
        benchmark: its facts are the columns, e.g. from :func:`zcbench.datasets.own_benchmark`.
        columns: names of facts; None for all.
        target: column to rank against; default its own choice.
        lower: columns in which lower is better. One that is named like a registered proxy has the proxy's direction.

    Raises:
        UnknownNameError: there is no such column.
        InvalidInputError: there are no columns besides the target.
    """
    names = list(benchmark.facts) if columns is None else all_text("columns", columns)
    if not names:
        raise InvalidInputError(f"{benchmark.source} has no columns of numbers besides the target.")
    for name in names:
        if name not in benchmark.facts:
            raise UnknownNameError("column", name, benchmark.facts)
    known, low = set(list_proxies()), set(all_text("lower", lower))
    up = {name: name not in low and (name not in known or get_proxy(name).higher_is_better) for name in names}
    return summarize_columns(benchmark, {name: (benchmark.facts[name], up[name]) for name in names}, target)


def matching_columns(benchmark: Benchmark, patterns: Iterable[str] | None) -> list[str]:
    """Columns of a table that match any of the shell patterns; all for None.

    Raises:
        InvalidInputError: there are none; the message says which were left out, and why.
    """
    asked = ["*"] if patterns is None else [" ".join(pattern.split()) for pattern in all_text("columns", patterns)]
    names = [c for c in benchmark.facts if any(c == pattern or fnmatch(c, pattern) for pattern in asked)]
    if not names:
        which = " that --proxies names" if patterns is not None else ""
        why = " ".join(note for note in benchmark.notes if "left out" in note)
        raise InvalidInputError(
            f"{benchmark.source} has no columns of numbers besides the target{which}. {why}".strip()
        )
    return names


def of_columns(label: str) -> str:
    """The predictor that sees the columns of a table without networks, unless it names what it sees."""
    term = parse_term(label)
    info = predictor_info(term.name)
    given = dict(term.settings)
    if "members" in info.parameters:
        members = member_labels(given.get("members", info.parameters["members"]))
        given["members"] = f"({Sum(tuple(Part(parse_term(of_columns(member))) for member in members))})"
    elif info.kind == "vector" and "encoding" not in given:
        for setting in info.make.encoding_settings:
            if setting in info.parameters and not get_encoding(info.parameters[setting]).from_table:
                given.setdefault(setting, "columns")
    return str(Term(term.name, None, tuple(given.items())))
