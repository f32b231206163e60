"""The registry of proxies."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from zcbench import _arguments as rules
from zcbench._notation import Term, parse_term
from zcbench._registry import Registry
from zcbench._settings import check_ranges, declared_range, declared_setting, read_settings
from zcbench.errors import InvalidInputError
from zcbench.types import COMMON_SETTINGS, Cost, ProxyInfo, Setting

F = TypeVar("F", bound=Callable[..., float])

DOMAINS = ("any", "convolutional", "transformer", "recurrent")
BATCH_NORM = ("train", "eval", "per-sample", "off", "any")
INVARIANCES = ("sample-order", "class-names", "data", "weight-scale")

#: The default set: cheap proxies that are well known in the literature.
STANDARD = (
    *("params", "flops", "num_layers", "l2_norm", "random"),
    *("grad_norm", "snip", "synflow", "jacov", "naswot", "gradsign"),
)


def _signals() -> frozenset[str]:
    from zcbench.probe import list_signals  # loads torch, which is already loaded where signals are requested

    return frozenset(list_signals())


#: smallest and largest value of the settings that every proxy has
_COMMON_RANGES = {"repeats": (1, 10**6), "epochs": (0, 10**6), "steps": (0, 10**9)}


def _chosen(info: ProxyInfo, term: Term) -> ProxyInfo:
    """Return the proxy with the settings of a term."""
    known = {**info.parameters, **COMMON_SETTINGS}
    given = read_settings(term, known, {**info.ranges, **_COMMON_RANGES})
    if "batch_norm" in given:
        rules.choice("batch-norm mode", BATCH_NORM)(f"{info.name}: batch_norm", given["batch_norm"])
    settings: dict[str, Setting] = {key: value for key, value in given.items() if value != known[key]}
    cost = Cost.TRAINING if {"epochs", "steps"} & settings.keys() else info.cost
    return dataclasses.replace(info, settings=settings, cost=cost) if settings else info


_PROXIES: Registry[ProxyInfo] = Registry(
    "proxy",
    package="zcbench.proxies",
    group="zcbench.proxies",
    make=_chosen,
    reserved=("standard",),
    rules={
        "function": rules.called_with(1),
        "version": rules.version,
        "higher_is_better": rules.flag,
        "cost": rules.choice("cost class", (cost for cost in Cost if cost is not Cost.TRAINING)),
        "needs_labels": rules.flag,
        "stochastic": rules.flag,
        "domains": rules.names("domain", DOMAINS, least=1),
        "invariances": rules.names("invariance", INVARIANCES),
        "declared_batch_norm": rules.choice("batch-norm mode", BATCH_NORM),
        "batch_norm": rules.choice("batch-norm mode", BATCH_NORM),
        "signals": rules.names("signal", _signals),
        "reference": rules.text,
        "parameters": rules.mapping(declared_setting),
        "ranges": rules.mapping(declared_range),
    },
)


def register_proxy(
    name: str,
    *,
    version: int = 1,
    higher_is_better: bool = True,
    cost: str | Cost = Cost.BACKWARD,
    needs_labels: bool = False,
    stochastic: bool = False,
    domains: str | Sequence[str] = ("any",),
    invariances: str | Sequence[str] = (),
    batch_norm: str | None = None,
    signals: str | Sequence[str] = (),
    ranges: Mapping[str, tuple[float, float]] | None = None,
    reference: str = "",
    override: bool = False,
) -> Callable[[F], F]:
    """Register a function from a :class:`zcbench.Probe` to a float as a proxy.

    Keyword-only arguments of the function with a default (bool, int, float or str) are parameters of the proxy. They
    are set in its name: "ntk_cond:batch_norm=eval".

    Args:
        name: lower-case letters, digits, ``_``, ``-``, ``.``.
        version: a positive integer; raise it whenever values may change.
        higher_is_better: False if small scores indicate good networks; the evaluation then negates the score.
        cost: "static", "forward", "backward" or "per-sample".
        needs_labels: whether the score depends on targets.
        stochastic: whether the proxy draws its own random numbers (from ``probe.generator``).
        domains: any of "any", "convolutional", "transformer", "recurrent".
        invariances: changes that leave the score the same, any of "sample-order" (of the batch), "class-names" (which
            class has which number), "data" (inputs and targets), "weight-scale" (a positive factor on the weights of a
            layer before batch norm).
        batch_norm: mode of batch norm in which the proxy runs the network: "train", "eval", "per-sample" or "off";
            "any" if it does not run the network. Default: "train" ("any" for static proxies). A parameter
            ``batch_norm`` overrides it.
        signals: names of the probe's signals that the proxy reads. Optional; if declared, proxies share more passes.
        ranges: smallest and largest value of numeric parameters, ``{"eta": (0, 1)}``. Values outside are refused before
            anything runs. For conditions that a range cannot express, raise InvalidInputError in the function.
        reference: paper and section that define the score.
        override: replace a proxy of the same name.

    Raises:
        DuplicateNameError: the name is taken.
        InvalidInputError: a declaration is out of range.

    Example:
        >>> import zcbench
        >>> @zcbench.register_proxy("depth-squared", cost="static")
        ... def depth_squared(probe):
        ...     return float(len(probe.weights)) ** 2
        >>> zcbench.get_proxy("depth-squared").higher_is_better
        True
    """
    static = isinstance(cost, str) and cost == Cost.STATIC
    declared: dict[str, Any] = {
        "version": version,
        "higher_is_better": higher_is_better,
        "cost": cost,
        "needs_labels": needs_labels,
        "stochastic": stochastic,
        "domains": rules.as_tuple(domains),
        "invariances": rules.as_tuple(invariances),
        "declared_batch_norm": ("any" if static else "train") if batch_norm is None else batch_norm,
        "signals": rules.as_tuple(signals),
        "ranges": {} if ranges is None else ranges,
        "reference": reference,
    }

    def become(function: Callable[..., float]) -> ProxyInfo:
        found = ProxyInfo(name, function, parameters=_parameters(name, function), **{**declared, "cost": Cost(cost)})
        check_ranges(f"proxy {name!r}", found.parameters, found.ranges)
        return found

    return _PROXIES.registering(name, declared, become, override=override)


def _parameters(name: str, function: Callable[..., float]) -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    try:
        declared = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a callable without a readable signature has no parameters
        return found
    for parameter in declared:
        if parameter.kind is not parameter.KEYWORD_ONLY:
            continue
        if parameter.default is parameter.empty or parameter.name in COMMON_SETTINGS:
            raise InvalidInputError(
                f"proxy {name!r}: the parameter {parameter.name!r} needs a default that is a bool, int, float or str, "
                f"and a name other than {', '.join(COMMON_SETTINGS)}."
            )
        found[parameter.name] = parameter.default
    return found


def get_proxy(text: str) -> ProxyInfo:
    """Return the proxy with this name and settings: "naswot" or "naswot:repeats=3".

    Raises:
        UnknownNameError: the proxy or the setting does not exist; the message suggests similar names.
        InvalidInputError: a setting has no value, or a value of the wrong type.
    """
    info: ProxyInfo = _PROXIES.get(text)
    return info


def proxy_info(name: str) -> ProxyInfo:
    """Return the proxy as it was registered.

    Raises:
        UnknownNameError: the proxy does not exist; the message suggests similar names.
    """
    return _PROXIES.info(name)


def list_proxies(*patterns: str) -> list[str]:
    """List the registered proxies that match any of the shell patterns, sorted; without patterns, all of them.

    Raises:
        UnknownNameError: a pattern matches nothing.
    """
    return _PROXIES.names(patterns or ("*",))


def asked_for(proxies: str | Iterable[str] | None, domains: str | Iterable[str] = ()) -> dict[str, ProxyInfo]:
    """Return the infos for names and patterns in the given order; for None, those of :data:`STANDARD`.

    Settings may follow a pattern: "ntk_*:batch_norm=eval". "standard" and "all" select the proxies of these sets that
    apply to networks of the given ``domains`` (every proxy if no domains are given). A proxy given by name is always
    included.

    Returns:
        The infos. The key is the text that was given ("zico:batches=2"); for proxies that a pattern or a set selects it
        is their label ("zico").
    """
    kinds = {"any", *rules.all_text("domains", domains)}
    infos: dict[str, ProxyInfo] = {}
    for one in rules.all_text("proxies", "standard" if proxies is None else proxies):
        term = parse_term(one)
        standard = [dataclasses.replace(term, name=name) for name in STANDARD] if term.name == "standard" else None
        for named in standard or _PROXIES.matching(term):
            info = _PROXIES.get_term(named)
            if term.name not in ("standard", "all") or kinds == {"any"} or kinds.intersection(info.domains):
                infos[one if named.name == term.name else info.label] = info
    if not infos:
        raise InvalidInputError("no proxy was chosen: name at least one, e.g. proxies=['naswot'].")
    return infos


def resolve(proxies: str | Iterable[str] | None, domains: str | Iterable[str] = ()) -> list[ProxyInfo]:
    """Return the infos of :func:`asked_for`, each once."""
    return list({info.label: info for info in asked_for(proxies, domains).values()}.values())
