"""The registry of batches, the sources of samples for scores."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from zcbench import _arguments as rules
from zcbench._display import brief, many
from zcbench._notation import Term
from zcbench._registry import Registry
from zcbench.errors import InvalidInputError
from zcbench.types import summary_of

#: Returns all samples: inputs and targets, numpy arrays or torch tensors.
Samples: TypeAlias = Callable[[], tuple[Any, Any]]
#: Maps inputs, targets (torch tensors) and the number behind "@" to inputs and targets.
Resize: TypeAlias = Callable[[Any, Any, int], tuple[Any, Any]]
F = TypeVar("F", bound=Samples)

#: Maximum number of pixels per side of scaled images, unless a batch declares another.
LARGEST_SIDE = 1024


@dataclass(frozen=True, repr=False)
class BatchInfo:
    """A registered source of samples.

    Attributes:
        name: name in the registry.
        function: returns all samples.
        classes: number of classes; None for targets that are not classes.
        resizable: the meaning of a number behind the name, "cifar100@224": False for none, True for the side in pixels
            of scaled images, else the function that applies it.
        largest: largest such number.
        version: increased whenever the samples change.
        reference: source of the samples.
    """

    name: str
    function: Samples
    classes: int | None = None
    resizable: bool | Resize = False
    largest: int = LARGEST_SIDE
    version: int = 1
    reference: str = ""

    def __repr__(self) -> str:
        classes = "no classes" if self.classes is None else many(self.classes, "class", "classes")
        return brief(f"<BatchInfo {self.name}@{self.version}: {classes}>")

    @property
    def summary(self) -> str:
        """First line of the function's docstring."""
        return summary_of(self.function)


@dataclass(frozen=True)
class Chosen:
    """A source of samples, and the number behind its name."""

    info: BatchInfo
    number: int | None = None

    @property
    def label(self) -> str:
        """Name and number, "cifar100@224"; ``get_batch`` accepts it."""
        return self.info.name if self.number is None else f"{self.info.name}@{self.number}"


def _chosen(info: BatchInfo, term: Term) -> Chosen:
    text = term.bare("a batch")
    _, at, digits = text.partition("@")
    if not at:
        return Chosen(info)
    if not info.resizable:
        raise InvalidInputError(f"{text!r}: no number can follow this name, write {info.name}.")
    if not re.fullmatch("0|[1-9][0-9]{0,8}", digits):
        raise InvalidInputError(f"{text!r}: write a whole number behind '@', as in {info.name}@64.")
    return Chosen(info, rules.whole(f"the number in {text!r},", int(digits), 1, info.largest))


def _resizable(what: str, value: object) -> object:
    return value if isinstance(value, bool) else rules.called_with(3)(what, value)


_BATCHES: Registry[BatchInfo] = Registry(
    "batch",
    package="zcbench.batches",
    group="zcbench.batches",
    rules={
        "function": rules.called_with(0),
        "classes": rules.optional(lambda what, value: rules.whole(what, value, 1, 2**31)),
        "resizable": _resizable,
        "largest": lambda what, value: rules.whole(what, value, 1, 10**9),
        "version": rules.version,
        "reference": rules.text,
    },
    make=_chosen,
    numbered=True,
)


def register_batch(
    name: str,
    *,
    classes: int | None = None,
    resizable: bool | Resize = False,
    largest: int = LARGEST_SIDE,
    version: int = 1,
    reference: str = "",
    override: bool = False,
) -> Callable[[F], F]:
    """Register a function that returns all samples of a data set, such as your own images for your own benchmark.

    It is called without arguments whenever samples are drawn and returns ``(inputs, targets)``, numpy arrays or torch
    tensors of the same length n:

    - inputs: images ``(n, channels, height, width)`` or other numbers ``(n, …)``, normalised floats (float32 in the
      end); or ids of words ``(n, length)``, integers (int64 in the end).
    - targets: class indices ``(n,)`` or ``(n, length)``, integers from 0 to ``classes`` - 1, or -100 at positions
      without a prediction; without ``classes`` real numbers ``(n, …)``.

    It must return the same samples at every call. They are drawn at random, so their order has no meaning. The
    provenance of a batch, which every record of a score contains, ends in the version and a digest of all samples:
    scores on other samples are never mixed with it.

    Args:
        name: lower-case letters, digits, ``_``, ``-``, ``.``.
        classes: number of classes.
        resizable: True if images can be scaled to another side, "mine@64" (bilinear). A function gives the number
            another meaning: it maps inputs, targets (torch tensors) and the number to inputs and targets.
        largest: largest number behind "@".
        version: a positive integer, increased whenever the samples change.
        reference: source of the samples.
        override: replace a batch of the same name.

    Raises:
        DuplicateNameError: the name is taken.
        InvalidInputError: a declaration is out of range.

    Example:
        >>> import numpy as np, zcbench
        >>> @zcbench.register_batch("stripes", classes=2, resizable=True)
        ... def stripes():
        ...     '''Stripes, horizontal or vertical.'''
        ...     waves, targets = np.tile(np.sin(np.arange(8.0)), (8, 1)), np.arange(100) % 2
        ...     return np.stack([[waves if target else waves.T] for target in targets]), targets
        >>> zcbench.get_batch("stripes@16", 4).inputs.shape
        torch.Size([4, 1, 16, 16])
    """

    def become(function: Samples) -> BatchInfo:
        return BatchInfo(name, function, classes, resizable, largest, version, reference)

    declared = {
        "classes": classes,
        "resizable": resizable,
        "largest": largest,
        "version": version,
        "reference": reference,
    }
    return _BATCHES.registering(name, declared, become, override=override)


def batch_info(name: str) -> BatchInfo:
    """Return the registered batch; UnknownNameError with suggestions for an unknown name."""
    return _BATCHES.info(name)


def list_batches(*patterns: str) -> list[str]:
    """List the registered batches that match any of the shell patterns (all without one), sorted.

    Raises:
        UnknownNameError: a pattern matches nothing.
    """
    return _BATCHES.names(patterns or ("*",))
