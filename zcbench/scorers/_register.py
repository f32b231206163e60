"""The registry of scorers, and the texts that name them: "naswot", "-params", "naswot+0.5*logsynflow", "gp"."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from zcbench import _arguments as rules
from zcbench._code import code_digest
from zcbench._display import brief, plain
from zcbench._kinds import KINDS
from zcbench._notation import Part, Sum, Term, parse_sum
from zcbench._registry import Registry
from zcbench._settings import check_ranges, declared_range, declared_setting, read_settings
from zcbench.ensembles import Ensemble
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.predictors import Predictor
from zcbench.scorers._base import Scorer, Scores
from zcbench.scorers._context import Context
from zcbench.scorers._function import FunctionScorer, RegisteredFunction
from zcbench.types import Architecture, ProxyInfo, summary_of, written

F = TypeVar("F", bound=Callable[..., Any])
#: kinds whose names are also names of scorers; the scorer with the kind's name adapts each
_ADAPTED = ("proxy", "ensemble", "predictor")


@dataclass(frozen=True, repr=False)
class ScorerInfo:
    """A registered scorer.

    Attributes:
        name: name in the registry.
        make: a subclass of :class:`Scorer`, or a function of a search space and an architecture.
        higher_is_better: direction of a function's numbers; a class defines its own.
        version: raised whenever scores may change.
        reference: paper and section that define it.
        arguments: an example of the text in brackets after the name, "flops_M"; "" without brackets.
    """

    name: str
    make: type[Scorer] | Callable[..., float]
    higher_is_better: bool = True
    version: int = 1
    reference: str = ""
    arguments: str = ""

    def __repr__(self) -> str:
        return brief(f"<ScorerInfo {plain(f'{self.written}@{self.version}', 60)}>")

    @property
    def written(self) -> str:
        """An example of its text, "table(flops_M)"."""
        return f"{self.name}({self.arguments})" if self.arguments else self.name

    @property
    def parameters(self) -> dict[str, Any]:
        """Settings with their defaults: the keyword-only arguments."""
        found = inspect.signature(self.make).parameters.values()
        return {p.name: p.default for p in found if p.kind is p.KEYWORD_ONLY}

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Smallest and largest value of numeric settings, as the class declares them."""
        return dict(getattr(self.make, "ranges", {}))

    @property
    def code(self) -> str:
        """Digest of the code; "" for code of zcbench."""
        return code_digest(self.make)

    @property
    def summary(self) -> str:
        """First line of its docstring."""
        return summary_of(self.make)


def _made(info: ScorerInfo, term: Term) -> Scorer:
    """Create a scorer with the settings and brackets of a term."""
    known = info.parameters
    settings = read_settings(replace(term, inside=None), known, info.ranges)
    made: Scorer
    if not isinstance(info.make, type):
        if term.inside is not None:
            raise InvalidInputError(
                f"{term}: {info.name} takes no brackets, write settings as {info.name}:setting=value."
            )
        made = RegisteredFunction(info, settings)
    else:
        made = _constructed(info, info.make, term, settings)
    if not made.label:
        changed = tuple((key, written(value)) for key, value in settings.items() if value != known[key])
        made.label = str(Term(info.name, term.inside, changed))
    return made


def _constructed(info: ScorerInfo, make: type[Scorer], term: Term, settings: Mapping[str, Any]) -> Scorer:
    inherited = make.read.__func__ is Scorer.read.__func__  # type: ignore[attr-defined]
    if inherited and term.inside is not None:
        term.inside.unweighted(f"the scorer {info.name}")
    try:
        if inherited:
            inspect.signature(make).bind(*(() if term.inside is None else term.inside.labels), **settings)
        elif term.inside is None:
            raise TypeError
        return make.read(term.inside, **settings)
    except TypeError:
        raise InvalidInputError(f"'{term}': write the scorer as {info.written}.") from None


def _class_or_function(what: str, value: object) -> object:
    if isinstance(value, type):
        if not issubclass(value, Scorer):
            raise InvalidInputError(f"{what.rpartition(':')[0]}: register a subclass of zcbench.Scorer, or a function.")
        return value
    return rules.called_with(2)(what, value)


def _settings(what: str, value: Mapping[str, Any]) -> object:
    for key, default in value.items():
        if default is inspect.Parameter.empty:
            raise InvalidInputError(f"{what.rpartition(':')[0]}: the argument {key!r} needs a default.")
        declared_setting(f"{what} {key!r}", default)
    return value


_SCORERS: Registry[ScorerInfo] = Registry(
    "scorer",
    package="zcbench.scorers",
    group="zcbench.scorers",
    make=_made,
    rules={
        "make": _class_or_function,
        "higher_is_better": rules.flag,
        "version": rules.version,
        "reference": rules.text,
        "arguments": rules.text,
        "parameters": _settings,
        "ranges": rules.mapping(declared_range),
    },
)


def register_scorer(
    name: str,
    *,
    higher_is_better: bool = True,
    version: int = 1,
    reference: str = "",
    arguments: str = "",
    override: bool = False,
) -> Callable[[F], F]:
    """Register a scorer of architectures: a function of a search space and an architecture, or a subclass of Scorer.

    Keyword-only arguments are settings, "depth:weight=2"; they need defaults. The texts in brackets after a class's
    name, "mine(a+b)", are the positional arguments of its constructor.

    Args:
        name: lower-case letters, digits, ``_``, ``-``, ``.``.
        higher_is_better: direction of a function's numbers; a class has an attribute of this name.
        version: a positive integer, raised whenever scores may change.
        reference: paper and section.
        arguments: an example of the text in brackets, for lists and messages.
        override: replace a scorer of the same name.

    Raises:
        DuplicateNameError: the name is taken.
        InvalidInputError: a declaration is out of range.

    Example:
        >>> import zcbench
        >>> @zcbench.register_scorer("depth")
        ... def depth(space, architecture):
        ...     '''Number of operations.'''
        ...     return len(space.graph(architecture).nodes)
        >>> table = zcbench.get_benchmark("digits-201")
        >>> zcbench.get_scorer("-depth", table).score(table.architectures[:2]).values.tolist()
        [9.0, 9.0]
    """

    def become(make: Any) -> ScorerInfo:
        _SCORERS.check(name, {"make": make})
        if isinstance(make, type):
            direction = getattr(make, "higher_is_better", True)
            made = ScorerInfo(name, make, bool(direction), version, reference, arguments)
        else:
            made = ScorerInfo(name, make, higher_is_better, version, reference, arguments)
        check_ranges(f"scorer {name!r}", made.parameters, made.ranges)
        return made

    declared = {
        "higher_is_better": higher_is_better,
        "version": version,
        "reference": reference,
        "arguments": arguments,
    }
    return _SCORERS.registering(name, declared, become, override=override)


def scorer_info(name: str) -> ScorerInfo:
    """Return the scorer as it was registered.

    Raises:
        UnknownNameError: the scorer does not exist; the message suggests similar names.
    """
    return _SCORERS.info(name)


def list_scorers(*patterns: str) -> list[str]:
    """List the registered scorers that match any of the shell patterns, sorted; without patterns, all of them.

    Names of proxies, ensembles, predictors and columns are accepted as scorers, too, but are listed under their own
    kinds.

    Raises:
        UnknownNameError: a pattern matches nothing.
    """
    return _SCORERS.names(patterns or ("*",))


def get_scorer(text: Any, where: Any = None, **options: Any) -> Scorer:
    """Return the scorer that a text names, for a benchmark or a search space.

    A text names a registered scorer, a proxy, an ensemble, a predictor (fitted on ``trained``) or a column that the
    table knows without training, in this order. "-params" prefers small values; "naswot+0.5*logsynflow" is a weighted
    sum; "oracle(test_nll)" is the true value, for bounds on what scorers could achieve.

    Args:
        text: names, settings and weights; or a scorer, a fitted predictor, a function from an architecture to a number.
        where: a benchmark or its name, a search space, a supernet, or a :class:`Context`; None for a scorer that needs
            none.
        **options: fields of :class:`Context`: ``data``, ``batch_size``, ``classes``, ``store``, ``seed``, ``target``,
            ``trained``.

    Raises:
        UnknownNameError: the name does not exist; the message suggests similar names.
        InvalidInputError: the text is malformed, or the task lacks something that the scorer needs.

    Example:
        >>> import zcbench
        >>> table = zcbench.get_benchmark("digits-201")
        >>> scores = zcbench.get_scorer("params", table).score(table.architectures[:2])
        >>> scores.values.tolist()
        [68154.0, 25402.0]
    """
    if where is None:
        if options:
            raise InvalidInputError(
                "options need a task: write get_scorer(text, benchmark, …) or get_scorer(text, space, …)."
            )
        return _named(text, None) if isinstance(text, str) else _adapted(text)
    return as_scorer(text, Context.of(where, **options))


def as_scorer(given: Any, context: Context) -> Scorer:
    """Return a scorer for a task, from a text, a predictor or a function; a scorer with another task is unchanged.

    Raises:
        UnknownNameError, InvalidInputError: see :func:`get_scorer`.
    """
    scorer = _named(given, context) if isinstance(given, str) else _adapted(given)
    if scorer.context is None:
        scorer.begin(context)
        scorer.context = context  # even if a user-defined begin does not set it
    return scorer


def _named(text: str, context: Context | None) -> Scorer:
    found = parse_sum(text)
    if len(found.parts) > 1 or found.weights != (1.0,):
        return _of_kind("sum", found)
    term = found.parts[0].term
    if term.name.startswith("-"):
        return _turned(term)
    if term.name in _SCORERS.names():
        scorer: Scorer = _SCORERS.get_term(term)
        return scorer
    for kind in KINDS:
        if kind.noun in _ADAPTED and term.name in kind.entries.names():
            return _of_kind(kind.noun, found)
    if "/" in term.name or (context is not None and _is_column(term, context)):
        return _of_kind("table", found)
    raise UnknownNameError("scorer", term.name, _known(context))


def _of_kind(name: str, inside: Sum) -> Scorer:
    scorer: Scorer = _SCORERS.get_term(Term(name, inside))
    return scorer


def _turned(term: Term) -> Scorer:
    rest = term.name[1:]
    if not rest and (term.inside is None or term.settings):
        raise InvalidInputError(f"'{term}': a name is missing after the minus.")
    inside = Sum((Part(replace(term, name=rest)),)) if rest else term.inside
    assert inside is not None  # checked above
    return Turned(inside)


def _is_column(term: Term, context: Context) -> bool:
    table = context.benchmark
    return table is not None and (term.name in table.facts or term.name in table.targets)


def _known(context: Context | None) -> list[str]:
    """List all names that were possible."""
    columns = [] if context is None or context.benchmark is None else [*context.benchmark.facts]
    adapted = [name for kind in KINDS if kind.noun in _ADAPTED for name in kind.entries.names()]
    return [*_SCORERS.names(), *adapted, *columns]


def is_registered(name: str) -> bool:
    """Return whether a scorer with this name is registered, which hides a proxy, an ensemble or a predictor."""
    return name in _SCORERS.names()


class Turned(Scorer):
    """A scorer with the opposite direction, whose small values are good: "-params".

    Args:
        inside: the scorer that is negated.
    """

    def __init__(self, inside: Sum) -> None:
        self._inside = inside
        self._part: Scorer | None = None
        self.label = turned_label(str(inside))

    def begin(self, context: Context) -> None:
        """Create the negated scorer."""
        super().begin(context)
        self._take(as_scorer(str(self._inside), context))

    def _take(self, part: Scorer) -> None:
        self._part = part
        self.label, self.higher_is_better = turned_label(part.label), not part.higher_is_better

    @property
    def of_sets(self) -> bool:  # type: ignore[override]
        """The value of the negated scorer."""
        return self._part is not None and self._part.of_sets

    @property
    def parts(self) -> tuple[Scorer, ...]:
        """The negated scorer."""
        return () if self._part is None else (self._part,)

    def with_parts(self, parts: Sequence[Scorer]) -> Turned:
        """Return another scorer, negated."""
        made = copy.copy(self)
        made._take(parts[0])
        return made

    def score(self, architectures: Sequence[Architecture]) -> Scores:
        """Return the scores unchanged; only the direction is negated."""
        if self._part is None:
            raise InvalidInputError(f"{self.label} needs a task: get_scorer({self.label!r}, benchmark).")
        return self._part.score(architectures)


def turned_label(label: str) -> str:
    """Format the label of a negated scorer: "-params", "-(naswot+params)"."""
    found = parse_sum(label)
    one = len(found.parts) == 1 and found.weights == (1.0,)
    if one and not label.startswith("-"):
        return f"-{found}"
    return f"-({found})"


def _adapted(given: Any) -> Scorer:
    """Convert an object to a scorer."""
    if isinstance(given, Scorer):
        return given
    if isinstance(given, ProxyInfo | Ensemble):
        return _of_kind("proxy" if isinstance(given, ProxyInfo) else "ensemble", parse_sum(given.label))
    if isinstance(given, Predictor):
        return _SCORERS.info("predictor").make(given)  # type: ignore[return-value, call-arg]
    if isinstance(given, type) and issubclass(given, Scorer):
        raise InvalidInputError(f"{given.__name__} is a class of scorers: give an object, {given.__name__}().")
    if callable(given):
        return FunctionScorer(given)
    raise InvalidInputError(
        f"{rules.shown(given)} is not a scorer: give the name of one, a scorer, a fitted predictor or a function "
        "from an architecture to a number."
    )
