"""A track: the named, versioned plan of work of any kind. A small TOML file holds one. Loads no torch."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from zcbench import _arguments as rules
from zcbench._display import brief, many, plain
from zcbench.errors import InvalidInputError, UnknownNameError, ZcbenchError

#: default numbers of training networks, and of splits
SIZES = (10, 20, 50, 100, 200, 500, 1000)
SEEDS = 10
#: default shares of a curve that predictors receive, and number of complete curves to learn from
CONTEXTS = (0.1, 0.2, 0.5, 0.8)
COMPLETE = 20

SCORES, PREDICTORS, SEARCHES, CURVES = KINDS = ("scores", "predictors", "searches", "curves")
#: the field that determines the kind of a track, and the noun for its entries
MAKES = {
    PREDICTORS: ("predictors", "predictor"),
    SEARCHES: ("searchers", "searcher"),
    CURVES: ("curve_predictors", "curve predictor"),
}
#: fields of tracks of only some kinds
OF_KINDS = {
    "seed": (SCORES,),
    "proxies": (SCORES,),
    "ensembles": (SCORES,),
    "limit": (SCORES, PREDICTORS, CURVES),
    "predictors": (PREDICTORS,),
    "train_sizes": (PREDICTORS,),
    "seeds": (PREDICTORS, SEARCHES, CURVES),
    "tuned": (PREDICTORS,),
    "transfer_from": (PREDICTORS,),
    "searchers": (SEARCHES,),
    "scorers": (SEARCHES,),
    "guide": (SEARCHES,),
    "budget": (SEARCHES,),
    "constraints": (SEARCHES,),
    "cost": (SEARCHES,),
    "curve_predictors": (CURVES,),
    "curve": (CURVES,),
    "bounds": (CURVES,),
    "contexts": (CURVES,),
    "complete": (CURVES,),
}
#: fields that identify a track and do not change the work
_HEAD = ("name", "version", "summary")
_LONGEST_NAME = 80
_T = TypeVar("_T")


class Settings(NamedTuple):
    """The fields that may differ between benchmarks, for one benchmark.

    Attributes:
        target: column; None for the default target of the benchmark.
        limit: number of architectures; None for all.
        batch_size: samples in the batch.
        guide: columns that searchers receive, separated by commas; None for the default of the benchmark.
        budget: limit of a search, "100" evaluations or "12000s".
        cost: column of training seconds, or seconds of every network; None for the default of the table.
        curve: the metric whose learning curves are forecast; None for the default of the benchmark.
    """

    target: str | None
    limit: int | None
    batch_size: int
    guide: str | None
    budget: str
    cost: str | None
    curve: str | None


PER_BENCHMARK = Settings._fields


@dataclass(frozen=True, kw_only=True, repr=False)
class Track:
    """A plan of work that makes results comparable.

    A track without predictors, searchers and curve predictors is one of scores. ``target``, ``limit``, ``batch_size``,
    ``guide``, ``budget``, ``cost`` and ``curve`` may be mappings by benchmark; a benchmark without an entry has the
    default.

    Attributes:
        name: its name; empty for a track from options.
        version: raised whenever the plan changes.
        summary: one sentence.
        benchmarks: names of benchmarks, or paths of user-defined tables; empty if the caller names the benchmark.
        target: column to rank against, or by which searches are judged; None for the default target of the benchmark.
            It also determines the data set.
        limit: number of random architectures; for predictors and curves, of equivalence classes. None for all. A
            larger limit includes the architectures of a smaller one.
        seed: determines the sample, the batch and the initial weights.
        batch_size: samples in the batch.
        proxies: names, patterns, "standard" or "all"; None for "standard". For a table of numbers, its columns.
        ensembles: combinations of proxies.
        predictors: labels, patterns or "all".
        train_sizes: numbers of trained networks to learn from; with a transfer, those of the other benchmark. None for
            10 to 1,000, up to half of the table.
        seeds: number of splits, the same for all predictors; or of searches; or of parts of the curves.
        tuned: with a transfer, numbers of networks of the benchmark itself to learn from last.
        transfer_from: "BENCHMARK" or "BENCHMARK/TARGET" to learn from first.
        searchers: labels, patterns or "all".
        scorers: the scorers of each searcher: "none", or roles and scorers, "warm-start=naswot, filter=-params".
        guide: columns that searchers receive, separated by commas, with "-" before a fact to minimise; None for the
            default of the benchmark.
        budget: limit of each search, "100" evaluations or "12000s".
        constraints: bounds on facts and scorers, "params_M<=1".
        cost: column of training seconds, or seconds of every network; None for the default of the table.
        curve_predictors: labels, patterns or "all".
        curve: the metric whose learning curves are forecast; None for a validation metric, or else the target.
        bounds: smallest and largest value of that metric, (0, 100) for percentages; None for the default of the table.
        contexts: shares of a curve that predictors receive, above 0 and below 1.
        complete: number of complete curves of other networks for curve predictors that learn.
    """

    name: str = ""
    version: int = 1
    summary: str = ""
    benchmarks: tuple[str, ...] = ()
    target: str | Mapping[str, str] | None = None
    limit: int | Mapping[str, int] | None = None
    seed: int = 0
    batch_size: int | Mapping[str, int] = 64
    proxies: tuple[str, ...] | None = None
    ensembles: tuple[str, ...] = ()
    predictors: tuple[str, ...] = ()
    train_sizes: tuple[int, ...] | None = None
    seeds: int = SEEDS
    tuned: tuple[int, ...] = ()
    transfer_from: str | None = None
    searchers: tuple[str, ...] = ()
    scorers: tuple[str, ...] = ("none",)
    guide: str | Mapping[str, str] | None = None
    budget: str | Mapping[str, str] = "100"
    constraints: tuple[str, ...] = ()
    cost: str | Mapping[str, str] | None = None
    curve_predictors: tuple[str, ...] = ()
    curve: str | Mapping[str, str] | None = None
    bounds: tuple[float, float] | None = None
    contexts: tuple[float, ...] = CONTEXTS
    complete: int = COMPLETE

    def __repr__(self) -> str:
        field, word = MAKES.get(self.kind, ("", ""))
        what = many(len(getattr(self, field)), word) if field else "proxies"
        on = many(len(self.benchmarks), "benchmark") if self.benchmarks else "any benchmark"
        return brief(f"<Track {plain(self.identifier or 'without a name', 50)}: {what} on {on}>")

    def __post_init__(self) -> None:
        where = f"track {rules.shown(self.name)}: " if self.name else ""
        for field, rule in _RULES.items():
            object.__setattr__(self, field, rule(where + field, getattr(self, field)))
        for field in PER_BENCHMARK:
            value = getattr(self, field)
            for benchmark in value if isinstance(value, Mapping) and self.benchmarks else ():
                if benchmark not in self.benchmarks:
                    raise UnknownNameError(f"benchmark in {where}{field}", benchmark, self.benchmarks)
        if len(several := [f"{word}s" for field, word in MAKES.values() if getattr(self, field)]) > 1:
            raise InvalidInputError(f"{where}{several[0]} and {several[1]} are two kinds of work: choose one.")
        for field, kinds in OF_KINDS.items():
            if self.kind not in kinds and getattr(self, field) != DEFAULTS[field]:
                raise InvalidInputError(f"{where}{field} {_goes_with(kinds, self.kind)}.")

    @property
    def kind(self) -> str:
        """The kind of its work: "scores", "predictors", "searches" or "curves"."""
        return next((kind for kind, (field, _) in MAKES.items() if getattr(self, field)), SCORES)

    @property
    def identifier(self) -> str:
        """Name and version, "everywhere@1"; empty without a name."""
        return f"{self.name}@{self.version}" if self.name else ""

    @property
    def benchmark(self) -> str:
        """The single benchmark.

        Raises:
            InvalidInputError: there are none or several.
        """
        if len(self.benchmarks) != 1:
            raise InvalidInputError(
                f"the track {self.name or 'without a name'} has {len(self.benchmarks)} benchmarks: say which."
            )
        return self.benchmarks[0]

    @property
    def transfer(self) -> tuple[str, str | None] | None:
        """The benchmark and the column to learn from first."""
        if self.transfer_from is None:
            return None
        benchmark, _, column = self.transfer_from.partition("/")
        return benchmark, column or None

    def for_benchmark(self, name: str) -> Track:
        """Return the track on one benchmark, where every field has one value.

        Raises:
            UnknownNameError: the track does not have this benchmark.
        """
        if self.benchmarks and name not in self.benchmarks:
            raise UnknownNameError(f"benchmark of the track {self.name}".rstrip(), name, self.benchmarks)
        return replace(self, benchmarks=(name,), **self.settings(name)._asdict())

    def settings(self, benchmark: str) -> Settings:
        """Return the fields that may differ between benchmarks, for one benchmark."""
        every = (getattr(self, field) for field in PER_BENCHMARK)
        return Settings(
            *(
                one.get(benchmark, DEFAULTS[field]) if isinstance(one, Mapping) else one
                for field, one in zip(PER_BENCHMARK, every, strict=True)
            )
        )

    def with_fields(self, **given: Any) -> Track:
        """Return the track with other fields. Values for a benchmark are kept if the new track has the benchmark.

        Raises:
            UnknownNameError: there is no such field.
            InvalidInputError: a value is out of range.
        """
        known_fields(given)
        if "benchmarks" in given:
            kept = rules.all_text("benchmarks", given["benchmarks"])
            for field in PER_BENCHMARK:
                value = getattr(self, field)
                if field not in given and isinstance(value, Mapping):
                    given[field] = {name: value[name] for name in kept if name in value}
        return replace(self, **given)

    def fields(self) -> dict[str, Any]:
        """Return the fields that differ from the default, as JSON and TOML write them."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in found.items()
            if value != DEFAULTS[name]
        }

    def changes(self, other: Track) -> dict[str, Any]:
        """Return the fields of another track that differ from this one, on the benchmarks of the other.

        The benchmarks are such a field only if this track names others.
        """
        own = self.with_fields(benchmarks=other.benchmarks)
        names = [field.name for field in fields(self) if field.name not in _HEAD]
        found = {name: getattr(other, name) for name in names if getattr(own, name) != getattr(other, name)}
        if self.benchmarks and not set(other.benchmarks) <= set(self.benchmarks):
            found = {"benchmarks": other.benchmarks, **found}
        return found


def _goes_with(kinds: Sequence[str], kind: str) -> str:
    """Return why a field does not belong to a kind of track."""
    words = {one: f"{word}s" for one, (_, word) in MAKES.items()}
    if SCORES in kinds:
        return f"does not apply to {words[kind]}"
    *several, last = [words[one] for one in kinds]
    return f"applies to {', '.join(several)} or {last}" if several else f"applies to {last}"


def known_fields(given: Mapping[str, Any]) -> None:
    """Raise UnknownNameError for a name that is not a field of a track."""
    for name in given:
        if name not in DEFAULTS:
            raise UnknownNameError("field of a track", name, DEFAULTS)


def track_of(content: Mapping[str, Any], where: str) -> Track:
    """Return the track of a mapping from TOML or JSON.

    Args:
        content: fields; "benchmark" is allowed for "benchmarks", and "kind" may state the kind explicitly.
        where: the source of the mapping, for messages.

    Raises:
        InvalidInputError: a field is unknown or has a value of the wrong type or out of range.
    """
    given = dict(content)
    kind = given.pop("kind", None)
    try:
        if "benchmark" in given:
            if "benchmarks" in given:
                raise InvalidInputError("give benchmark or benchmarks, not both.")
            given["benchmarks"] = given.pop("benchmark")
        known_fields(given)
        track = Track(**given)
        if kind is not None and kind != track.kind:
            rules.choice("kind", KINDS)("kind", kind)
            has = f"no {MAKES[track.kind][0]}" if track.kind in MAKES else ""
            raise InvalidInputError(f"kind {kind!r} needs {MAKES[kind][0] if kind in MAKES else has}.")
    except ZcbenchError as error:
        raise InvalidInputError(f"{where}: {error}") from None
    return track


def read_track(path: str | os.PathLike[str]) -> Track:
    """Read the track of a TOML file; a track without a name has the name of the file.

    Raises:
        InvalidInputError: the file cannot be read, is not TOML, or a field is invalid.
    """
    path = Path(rules.path("a track's TOML file", path))
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # editors on Windows write a byte order mark
    except OSError as error:
        raise InvalidInputError(
            f"{path} cannot be read ({error.strerror or error}): give a track's TOML file."
        ) from None
    except ValueError as error:  # also of UTF-8
        raise InvalidInputError(f"{path} is not TOML: {error}.") from None
    except RecursionError:
        raise InvalidInputError(f"{path} is not a track: its brackets are nested too deeply.") from None
    return track_of({"name": path.stem, **content}, str(path))


# -- values of fields --------------------------------------------------------------------------


def _optional(rule: Callable[[str, Any], _T]) -> Callable[[str, Any], _T | None]:
    return lambda what, value: None if value is None else rule(what, value)


def _name(what: str, value: object) -> str:
    """Check that a name is one line and valid as the name of a file, because result files have this name."""
    found = rules.text(what, value)
    odd = len(found) > _LONGEST_NAME or found != found.strip() or not found.isprintable()
    if odd or found[:1] == "." or "/" in found or "\\" in found:
        raise InvalidInputError(
            f"{what} {rules.shown(value)}: choose a name of at most {_LONGEST_NAME} characters that a file can have."
        )
    return found


def _texts(what: str, value: object) -> tuple[str, ...]:
    found = [rules.text(what, one).strip() for one in rules.all_text(what, value)]
    if not all(found):
        raise InvalidInputError(f"{what} {rules.shown(value)}: a name is empty.")
    return tuple(dict.fromkeys(found))


def _counts(least: int) -> Callable[[str, Any], tuple[int, ...]]:
    def check(what: str, value: Any) -> tuple[int, ...]:
        every = value if isinstance(value, list | tuple) else (value,)
        if not every and least:
            raise InvalidInputError(f"{what}: give at least one number.")
        return tuple(sorted({rules.whole(what, one, least, 10**9) for one in every}))

    return check


def _by_benchmark(rule: Callable[[str, Any], _T]) -> Callable[[str, Any], _T | dict[str, _T]]:
    def check(what: str, value: Any) -> _T | dict[str, _T]:
        if not isinstance(value, Mapping):
            return rule(what, value)
        return {name: rule(f"{what} of {rules.text(what, name)}", one) for name, one in value.items()}

    return check


def _count(what: str, value: Any) -> int:
    return rules.whole(what, value, 1, 10**9)


def _budget(what: str, value: Any) -> str:
    """Return a budget as text; a whole number is a number of evaluations."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(rules.whole(what, value, 1, 10**9))
    return rules.text(what, value)


def _shares(what: str, value: Any) -> tuple[float, ...]:
    """Return shares of a curve, in order, each once."""
    every = [rules.number(what, one) for one in (value if isinstance(value, list | tuple) else (value,))]
    if not every or not all(0 < one < 1 for one in every):
        raise InvalidInputError(f"{what} {rules.shown(value)}: give shares of a curve between 0 and 1, e.g. 0.1, 0.5.")
    return tuple(sorted(set(every)))


def _bounds(what: str, value: Any) -> tuple[float, float]:
    """Return a smallest and a largest value."""
    every = [rules.number(what, one) for one in value] if isinstance(value, list | tuple) else []
    if len(every) != 2 or not every[0] < every[1]:
        raise InvalidInputError(f"{what} {rules.shown(value)}: give the smallest and the largest value, e.g. 0, 100.")
    return every[0], every[1]


def _seconds(what: str, value: Any) -> str:
    """Return the name of a column, or seconds as text."""
    return str(rules.number(what, value, 0)) if isinstance(value, int | float) else rules.text(what, value)


_RULES: Mapping[str, Callable[[str, Any], Any]] = {
    "name": _name,
    "version": rules.version,
    "summary": rules.text,
    "benchmarks": _texts,
    "target": _optional(_by_benchmark(rules.text)),
    "limit": _optional(_by_benchmark(_count)),
    "seed": rules.seed,
    "batch_size": _by_benchmark(_count),
    "proxies": _optional(_texts),
    "ensembles": _texts,
    "predictors": _texts,
    "train_sizes": _optional(_counts(1)),
    "seeds": _count,
    "tuned": _counts(0),
    "transfer_from": _optional(rules.text),
    "searchers": _texts,
    "scorers": _texts,
    "guide": _optional(_by_benchmark(rules.text)),
    "budget": _by_benchmark(_budget),
    "constraints": _texts,
    "cost": _optional(_by_benchmark(_seconds)),
    "curve_predictors": _texts,
    "curve": _optional(_by_benchmark(rules.text)),
    "bounds": _optional(_bounds),
    "contexts": _shares,
    "complete": _count,
}
DEFAULTS: Mapping[str, Any] = {field.name: field.default for field in fields(Track)}
