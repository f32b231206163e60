"""The registry of proxies."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from zcbench._registry import Registry
from zcbench.errors import InvalidInputError
from zcbench.types import Cost, ProxyInfo

F = TypeVar("F", bound=Callable[[Any], float])

DOMAINS = ("any", "convolutional", "transformer", "recurrent")

_PROXIES: Registry[ProxyInfo] = Registry("proxy", package="zcbench.proxies", group="zcbench.proxies")


def register_proxy(
    name: str,
    *,
    version: int = 1,
    higher_is_better: bool = True,
    cost: str | Cost = Cost.BACKWARD,
    needs_labels: bool = False,
    stochastic: bool = False,
    domains: tuple[str, ...] = ("any",),
    reference: str = "",
    override: bool = False,
) -> Callable[[F], F]:
    """Register a function from a :class:`zcbench.Probe` to a float as a proxy.

    Args:
        name: lower-case letters, digits, ``_``, ``-``, ``.``.
        version: a positive integer, raised whenever values may change.
        higher_is_better: False if small scores promise good networks; the evaluation turns the sign.
        cost: "static", "forward", "backward" or "per-sample".
        needs_labels: whether the score depends on targets.
        stochastic: whether the proxy draws random numbers of its own (from ``probe.generator``).
        domains: any of "any", "convolutional", "transformer", "recurrent".
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
    if version < 1:
        raise InvalidInputError(f"proxy {name!r}: the version must be a positive integer, not {version!r}.")
    if unknown := set(domains) - set(DOMAINS):
        raise InvalidInputError(f"proxy {name!r}: unknown domain {min(unknown)!r}; known: {', '.join(DOMAINS)}.")
    try:
        cost = Cost(cost)
    except ValueError:
        raise InvalidInputError(f"proxy {name!r}: unknown cost class {cost!r}; known: {', '.join(Cost)}.") from None

    def decorate(function: F) -> F:
        info = ProxyInfo(
            name=name,
            function=function,
            version=version,
            higher_is_better=higher_is_better,
            cost=cost,
            needs_labels=needs_labels,
            stochastic=stochastic,
            domains=domains,
            reference=reference,
        )
        _PROXIES.add(name, info, override=override)
        return function

    return decorate


def get_proxy(name: str) -> ProxyInfo:
    """The proxy of that name.

    Raises:
        UnknownNameError: there is none; the message suggests near names.
    """
    return _PROXIES.get(name)


def list_proxies(*patterns: str) -> list[str]:
    """Names of the registered proxies that match any of the shell patterns (all without one), sorted.

    Raises:
        UnknownNameError: a pattern matches nothing.
    """
    return _PROXIES.names(patterns or ("*",))


def resolve(proxies: Iterable[str] | None) -> list[ProxyInfo]:
    """Infos for names and patterns in the order given, each once; all proxies for None."""
    if proxies is None:
        return [get_proxy(name) for name in list_proxies()]
    if isinstance(proxies, str):
        proxies = [proxies]
    names = [name for pattern in proxies for name in list_proxies(pattern)]
    if not names:
        raise InvalidInputError("no proxy was chosen: name at least one, e.g. proxies=['naswot'].")
    return [get_proxy(name) for name in dict.fromkeys(names)]
