"""The registry of signals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from zcbench import _arguments as rules
from zcbench._code import code_digest
from zcbench._display import brief, plain
from zcbench._registry import Registry
from zcbench.errors import InvalidInputError
from zcbench.probe.signals._watcher import Watcher
from zcbench.types import summary_of

F = TypeVar("F", bound=Callable[..., object])


@dataclass(frozen=True, repr=False)
class SignalInfo:
    """A registered signal: a measurement that is made once and shared by all proxies that request it.

    Attributes:
        name: name in the registry, and of the attribute of a probe.
        function: from a probe to the signal; its docstring describes the signal.
        watcher: class of the watcher that records it during a pass, if it has one.
        graph: whether it needs the pass whose graph is kept.
        reference: paper and section, for signals that a paper defines.
    """

    name: str
    function: Callable[..., object]
    watcher: type[Watcher] | None = None
    graph: bool = False
    reference: str = ""

    def __repr__(self) -> str:
        return brief(f"<SignalInfo {plain(self.name, 60)}: {self.summary}>")

    @property
    def code(self) -> str:
        """Digest of the function's code; "" for code of zcbench."""
        return code_digest(self.function)

    @property
    def summary(self) -> str:
        """First line of the function's docstring."""
        return summary_of(self.function)


def _watches(what: str, value: object) -> None:
    if value is not None and not (isinstance(value, type) and issubclass(value, Watcher)):
        raise InvalidInputError(f"{what} must be a subclass of zcbench.probe.Watcher, not {rules.shown(value)}.")


#: Attributes of a probe that are not signals.
_TAKEN = (
    *("batch", "call", "classes", "each_sample_gradient", "forward_pass", "generator", "gradients_of", "loss_of"),
    *(
        "model",
        "note",
        "once",
        "parameters",
        "put_back",
        "run",
        "sample_losses_of",
        "seed",
        "signal",
        "stopwatch",
        "tangent_kernel",
        "targets",
    ),
    *("tensor_of", "twice_differentiable_loss", "watched", "weights", "weights_for"),
)
_SIGNALS: Registry[SignalInfo] = Registry(
    "signal",
    package="zcbench.probe.signals",
    group="zcbench.signals",
    reserved=_TAKEN,
    rules={
        "function": rules.called_with(1),
        "watcher": _watches,
        "graph": rules.flag,
        "reference": rules.text,
    },
)


def register_signal(
    name: str,
    *,
    watcher: type[Watcher] | None = None,
    graph: bool = False,
    reference: str = "",
    override: bool = False,
) -> Callable[[F], F]:
    """Register a function from a :class:`zcbench.Probe` to a measurement as a signal that proxies share.

    A proxy reads it as an attribute of its probe and declares it with ``register_proxy(signals=…)``. It is computed
    once for all proxies, and each is charged for it. The function must not change the network.

    Args:
        name: lower-case letters, digits, ``_``, ``-``, ``.``; ``probe.signal(name)`` reads signals whose names are not
            identifiers.
        watcher: a subclass of :class:`zcbench.probe.Watcher`, which records what the network does while it runs. The
            function receives it from ``probe.watched(watcher)``. Watchers of all declared signals share one pass.
        graph: whether the signal needs the main pass with its graph, as gradients do.
        reference: paper and section, where a paper defines the signal.
        override: replace a signal of the same name. Attributes that zcbench itself reads are not replaced.

    Raises:
        DuplicateNameError: the name is taken.
        InvalidInputError: a declaration is out of range, or the name is one of the probe's attributes.

    Example:
        >>> import zcbench
        >>> @zcbench.register_signal("largest_output", graph=True)
        ... def largest_output(probe):
        ...     '''Largest output of every sample.'''
        ...     return probe.outputs.detach().flatten(1).amax(1)
        >>> zcbench.signal_info("largest_output").summary
        'Largest output of every sample.'
    """
    declared: dict[str, Any] = {"watcher": watcher, "graph": graph, "reference": reference}
    return _SIGNALS.registering(
        name, declared, lambda function: SignalInfo(name, function, **declared), override=override
    )


def get_signal(text: str) -> SignalInfo:
    """Return the signal with this name.

    Raises:
        UnknownNameError: the signal does not exist; the message suggests similar names.
    """
    return _SIGNALS.info(text)


def signal_info(name: str) -> SignalInfo:
    """Return the signal as it was registered.

    Raises:
        UnknownNameError: the signal does not exist; the message suggests similar names.
    """
    return _SIGNALS.info(name)


def list_signals(*patterns: str) -> list[str]:
    """List the registered signals that match any of the shell patterns, sorted; without patterns, all of them.

    Raises:
        UnknownNameError: a pattern matches nothing.
    """
    return _SIGNALS.names(patterns or ("*",))
