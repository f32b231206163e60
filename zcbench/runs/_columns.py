"""Tables of numbers: their columns take the place of proxies, and what predictors see; no network is built."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatch

from zcbench._arguments import all_text
from zcbench._foreign import Foreign
from zcbench._notation import Part, Sum, Term, parse_term
from zcbench.datasets import Benchmark
from zcbench.encodings import Encoding, get_encoding
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.evaluation import Evaluation, summarize_columns
from zcbench.predictors import member_labels, predictor_info
from zcbench.proxies import get_proxy, list_proxies
from zcbench.spaces import TableSpace

#: where names of proxies are given for a table of numbers
_NETWORKS = "Proxies measure networks: --space or --factory says how they are built."


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
        InvalidInputError: there are none; the message says which were excluded, and why.
    """
    asked = ["*"] if patterns is None else [" ".join(pattern.split()) for pattern in all_text("columns", patterns)]
    names = [c for c in benchmark.facts if any(c == pattern or fnmatch(c, pattern) for pattern in asked)]
    if not names and patterns is not None and benchmark.facts:
        excluded = (note for note in benchmark.notes if f"{asked[0]!r} is excluded" in note)
        raise UnknownNameError("column", asked[0], list(benchmark.facts), next(excluded, _NETWORKS))
    if not names:
        which = " that --proxies names" if patterns is not None else ""
        why = " ".join(note for note in benchmark.notes if "is excluded" in note)
        texts = "Its columns of text are features of predictors: add  --predictors gp" if benchmark.texts else ""
        raise InvalidInputError(
            " ".join(
                filter(None, [f"{benchmark.source} has no columns of numbers besides the target{which}.", why, texts])
            )
        )
    return names


def fitted_to(label: str, benchmark: Benchmark) -> str:
    """Return the predictor as it fits a user-defined table, unless its label names an encoding.

    A table without a search space shows its columns, or its first curve where it has no others. If a search space lacks
    what a part of the usual encoding needs, the other parts are used, or the columns where there are none. A curve that
    the table does not have becomes its first one.
    """
    term = parse_term(label)
    info = predictor_info(term.name)
    given = dict(term.settings)
    if "members" in info.parameters:
        members = member_labels(given.get("members", info.parameters["members"]))
        given["members"] = f"({Sum(tuple(Part(parse_term(fitted_to(member, benchmark))) for member in members))})"
    elif info.kind == "vector" and "encoding" not in given:
        for setting in info.make.encoding_settings:
            if setting in info.parameters:
                before = str(info.parameters[setting])
                if (after := _shown(before, benchmark)) != before:
                    given.setdefault(setting, after)
    return str(Term(term.name, None, tuple(given.items())))


def _shown(encoding: str, benchmark: Benchmark) -> str:
    """What takes the place of an encoding."""
    parts = get_encoding(encoding, benchmark.space).parts
    only_names = type(benchmark.space) is TableSpace
    spoken = [part for part in parts if not (only_names or part.from_table) and _applies(part, benchmark)]
    found = []
    for part in parts:
        metrics = part.needs.curves
        if metrics and benchmark.curves and not set(metrics) <= set(benchmark.curves):
            found.append(_first_curve(benchmark, getattr(part, "epochs", 3)))
        elif part in spoken or metrics or (part.from_table and not (only_names and part.needs.proxies)):
            found.append(part.name)
        elif spoken or not (benchmark.facts or benchmark.texts or benchmark.curves or only_names):
            found += [] if spoken else [part.name]  # whoever fits it says what is missing
        elif benchmark.facts or benchmark.texts or not benchmark.curves:
            found.append("columns")
        else:
            found.append(_first_curve(benchmark, 3))
    return "+".join(dict.fromkeys(found))


def _applies(part: Encoding, benchmark: Benchmark) -> bool:
    """Whether the search space of a table has what an encoding needs; it is tried on one architecture."""
    with Foreign() as call:
        part.rows(benchmark.architectures[:1])
    return call.kind is None


def _first_curve(benchmark: Benchmark, epochs: int) -> str:
    metric, values = next(iter(benchmark.curves.items()))
    return f"curve({metric}/{min(epochs, values.shape[2])})"
