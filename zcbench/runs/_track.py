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

#: training networks and number of splits, unless a track says otherwise
SIZES = (10, 20, 50, 100, 200, 500, 1000)
SEEDS = 10
#: shares of a curve that are seen, and complete curves to learn from
CONTEXTS = (0.1, 0.2, 0.5, 0.8)
COMPLETE = 20

SCORES, PREDICTORS, SEARCHES, CURVES = KINDS = ("scores", "predictors", "searches", "curves")
#: the field that makes a track one of a kind, and how its entries are called
MAKES = {
    PREDICTORS: ("predictors", "predictor"),
    SEARCHES: ("searchers", "searcher"),
    CURVES: ("curve_predictors", "curve predictor"),
}
#: fields that tracks of some kinds alone have
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
#: what says which track it is, and not what is done
_HEAD = ("name", "version", "summary")
_LONGEST_NAME = 80
_T = TypeVar("_T")


class Settings(NamedTuple):
    """Fields that may have a value for each benchmark, in a table by its name; here for one.

    Attributes:
        target: column; None for the benchmark's own choice.
        limit: number of architectures; None for all.
        batch_size: samples in the batch.
        guide: columns that searchers see, separated by commas; None for the benchmark's own choice.
        budget: what a search may spend, "100" evaluations or "12000s".
        cost: column of training seconds, or seconds of every network; None for what the table tells.
        curve: the metric whose learning curves are forecast; None for the benchmark's own choice.
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
    """What makes results comparable.

    A track without predictors, searchers and curve predictors is one of scores. ``target``, ``limit``, ``batch_size``,
    ``guide``, ``budget``, ``cost`` and ``curve`` may be mappings by benchmark; a benchmark that is not in one has the
    default.

    Attributes:
        name: its name; empty for one that is made of options.
        version: raised whenever the plan changes.
        summary: one sentence.
        benchmarks: names of benchmarks, or paths of one's own tables; none if whoever runs the track says it.
        target: column to rank against, or by which searches are judged; None for the benchmark's own choice. It also
            decides the data set.
        limit: number of architectures, drawn at random; of predictors and curves, of equivalence classes. None for all.
            A larger limit keeps what a smaller one had.
        seed: decides the sample, the batch and the initial weights.
        batch_size: samples in the batch.
        proxies: names, patterns, "standard" or "all"; None for "standard". Of a table of numbers, its columns.
        ensembles: combinations of proxies.
        predictors: labels, patterns or "all".
        train_sizes: numbers of trained networks to learn from; with a transfer, those of the other benchmark. None for
            10 to 1,000, as far as a table has room for them beside as many to test on.
        seeds: number of splits, the same for all predictors; or of searches; or of parts of the curves.
        tuned: with a transfer, numbers of networks of the benchmark itself that are seen last.
        transfer_from: "BENCHMARK" or "BENCHMARK/TARGET" to learn from first.
        searchers: labels, patterns or "all".
        scorers: what helps each of the searchers: "none", or roles and scorers, "warm-start=naswot, filter=-params".
        guide: columns that searchers see, separated by commas, with "-" before a fact that is to be low; None for the
            benchmark's own choice.
        budget: what each search may spend, "100" evaluations or "12000s".
        constraints: bounds on facts and scorers, "params_M<=1".
        cost: column of training seconds, or seconds of every network; None for what the table tells.
        curve_predictors: labels, patterns or "all".
        curve: the metric whose learning curves are forecast; None for one of validation, else the benchmark's target.
        bounds: least and greatest value of that metric, (0, 100) of percentages; None for what the table tells.
        contexts: shares of a curve that are seen, above 0 and below 1.
        complete: complete curves of other networks that curve predictors which learn are given.
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
        """What its work is about: "scores", "predictors", "searches" or "curves"."""
        return next((kind for kind, (field, _) in MAKES.items() if getattr(self, field)), SCORES)

    @property
    def identifier(self) -> str:
        """Name and version, "everywhere@1"; empty without a name."""
        return f"{self.name}@{self.version}" if self.name else ""

    @property
    def benchmark(self) -> str:
        """The only benchmark.

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
        """Benchmark and column to learn from first."""
        if self.transfer_from is None:
            return None
        benchmark, _, column = self.transfer_from.partition("/")
        return benchmark, column or None

    def for_benchmark(self, name: str) -> Track:
        """The track on one benchmark; every field has one value.

        Raises:
            UnknownNameError: the track is of other benchmarks.
        """
        if self.benchmarks and name not in self.benchmarks:
            raise UnknownNameError(f"benchmark of the track {self.name}".rstrip(), name, self.benchmarks)
        return replace(self, benchmarks=(name,), **self.settings(name)._asdict())

    def settings(self, benchmark: str) -> Settings:
        """What may differ from benchmark to benchmark, for one of them."""
        every = (getattr(self, field) for field in PER_BENCHMARK)
        return Settings(
            *(
                one.get(benchmark, DEFAULTS[field]) if isinstance(one, Mapping) else one
                for field, one in zip(PER_BENCHMARK, every, strict=True)
            )
        )

    def with_fields(self, **given: Any) -> Track:
        """The track with other fields. One with other benchmarks keeps what is said of each benchmark that it has.

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
        """Fields that are not the default, as JSON and TOML write them."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in found.items()
            if value != DEFAULTS[name]
        }

    def changes(self, other: Track) -> dict[str, Any]:
        """Fields of another track that say otherwise than this one, on the benchmarks of the other.

        The benchmarks themselves are such a field only if this track names others.
        """
        own = self.with_fields(benchmarks=other.benchmarks)
        names = [field.name for field in fields(self) if field.name not in _HEAD]
        found = {name: getattr(other, name) for name in names if getattr(own, name) != getattr(other, name)}
        if self.benchmarks and not set(other.benchmarks) <= set(self.benchmarks):
            found = {"benchmarks": other.benchmarks, **found}
        return found


def _goes_with(kinds: Sequence[str], kind: str) -> str:
    """Why a field of some kinds of tracks does not belong to another kind."""
    words = {one: f"{word}s" for one, (_, word) in MAKES.items()}
    if SCORES in kinds:
        return f"does not go with {words[kind]}"
    return f"goes with {' or '.join(words[one] for one in kinds)}"


def known_fields(given: Mapping[str, Any]) -> None:
    """UnknownNameError for a name that is no field of a track."""
    for name in given:
        if name not in DEFAULTS:
            raise UnknownNameError("field of a track", name, DEFAULTS)


def track_of(content: Mapping[str, Any], where: str) -> Track:
    """The track that a mapping describes, as TOML or JSON gives it.

    Args:
        content: fields; "benchmark" may stand for "benchmarks", and "kind" may say what follows from the others.
        where: what holds it, for messages.

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
    """The track of a TOML file; without a name it has that of the file.

    Raises:
        InvalidInputError: the file cannot be read, is no TOML, or a field is not as it must be.
    """
    path = Path(rules.path("a track's TOML file", path))
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Windows' editors write a mark of byte order
    except OSError as error:
        raise InvalidInputError(
            f"{path} cannot be read ({error.strerror or error}): give a track's TOML file."
        ) from None
    except ValueError as error:  # also of UTF-8
        raise InvalidInputError(f"{path} is no TOML: {error}.") from None
    except RecursionError:
        raise InvalidInputError(f"{path} is no track: brackets stand in one another without end.") from None
    return track_of({"name": path.stem, **content}, str(path))


# -- what fields hold --------------------------------------------------------------------------


def _optional(rule: Callable[[str, Any], _T]) -> Callable[[str, Any], _T | None]:
    return lambda what, value: None if value is None else rule(what, value)


def _name(what: str, value: object) -> str:
    """One line that can name a file too: results of a track are written under its name."""
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
    """A budget as text; a whole number is one of evaluations."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(rules.whole(what, value, 1, 10**9))
    return rules.text(what, value)


def _shares(what: str, value: Any) -> tuple[float, ...]:
    """Shares of a curve, in order, each once."""
    every = [rules.number(what, one) for one in (value if isinstance(value, list | tuple) else (value,))]
    if not every or not all(0 < one < 1 for one in every):
        raise InvalidInputError(f"{what} {rules.shown(value)}: give shares of a curve between 0 and 1, e.g. 0.1, 0.5.")
    return tuple(sorted(set(every)))


def _bounds(what: str, value: Any) -> tuple[float, float]:
    """A least and a greatest value."""
    every = [rules.number(what, one) for one in value] if isinstance(value, list | tuple) else []
    if len(every) != 2 or not every[0] < every[1]:
        raise InvalidInputError(f"{what} {rules.shown(value)}: give the least and the greatest value, e.g. 0, 100.")
    return every[0], every[1]


def _seconds(what: str, value: Any) -> str:
    """The name of a column, or seconds as text."""
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
