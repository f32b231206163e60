"""Rows of a table as architectures: names from which no network can be built."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from zcbench._arguments import as_tuple
from zcbench._display import abridged
from zcbench.errors import InvalidArchitectureError, UnsupportedModelError
from zcbench.spaces._base import Space, quoted
from zcbench.spaces._register import register_space
from zcbench.types import Architecture, Graph

if TYPE_CHECKING:
    from torch import nn


class TableSpace(Space):
    """Architectures of which only the name is known, as in benchmarks without networks and your own tables.

    Any text without line breaks is an architecture. Nothing can be sampled, changed or built. A name that is a list of
    numbers ("[64, 2, 3]") is its own code.

    Args:
        name: name of the space; its architectures carry it.
    """

    domains: tuple[str, ...] = ()
    forms = "a name, one line of text"
    longest = 500_000
    input_shape: tuple[int, ...] = ()
    size = None

    def __init__(self, name: str = "table") -> None:
        super().__init__(name)

    def __iter__(self) -> Iterator[Architecture]:
        """Yield nothing: the names are in the table."""
        return iter(())

    def _from_text(self, text: str) -> Architecture:
        """Return the name unchanged."""
        # Lone surrogates cannot be written to any file.
        if not text or len(text.splitlines()) > 1 or any("\ud800" <= character <= "\udfff" for character in text):
            raise InvalidArchitectureError(f"{quoted(text)} is not a name: give one line of text.")
        return Architecture(self.name, text)

    def canonical(self, architecture: Architecture) -> Architecture:
        """Return the name itself."""
        return self.parse(self.key(architecture))

    def encode(self, architecture: Architecture) -> np.ndarray:
        """Return the numbers of a name that is a JSON list of numbers, float64.

        InvalidArchitectureError is raised for other names.
        """
        try:
            found = json.loads(self.key(architecture))
            # Strings and bools would be converted to numbers too.
            listed = isinstance(found, list) and all(type(number) in (int, float) for number in found)
            code = np.asarray(found, np.float64) if listed else np.empty(0)
        except (ValueError, OverflowError, RecursionError):
            code = np.empty(0)
        if not code.size or not np.isfinite(code).all():
            raise InvalidArchitectureError(f"{abridged(str(architecture))} is only a name: there is no code for it.")
        return code

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Raise UnsupportedModelError: sample rows of the table instead."""
        raise self._only_names("drawn from the space: use benchmark.sample")

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """Raise UnsupportedModelError: only names are known."""
        raise self._only_names("changed")

    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Architecture:
        """Raise UnsupportedModelError: only names are known."""
        raise self._only_names("mixed")

    def graph(self, architecture: Architecture) -> Graph:
        """Raise UnsupportedModelError: only names are known."""
        raise self._only_names("drawn as graphs")

    def build(self, architecture: Architecture, *, num_classes: int = 10) -> nn.Module:
        """Raise UnsupportedModelError: only names are known."""
        raise self._only_names("built")

    def _only_names(self, what: str) -> UnsupportedModelError:
        return UnsupportedModelError(f"the architectures of {self.name} are known by name only: they cannot be {what}.")


class FactorySpace(TableSpace):
    """User-defined architectures: any names, and a function that builds the network of a name.

    Args:
        name: location of the function, ``my_networks.py:build``; a worker process imports it from there.
        build: from the name to a network; called with the name only.
        domains: kinds of networks ("convolutional", "transformer", "recurrent"); empty if unknown.
        input_shape: shape of one input, for predictors that use computation graphs.
    """

    def __init__(
        self,
        name: str,
        build: Callable[[str], nn.Module],
        domains: str | tuple[str, ...] = (),
        input_shape: tuple[int, ...] = (),
    ) -> None:
        super().__init__(name)
        self.function = build
        self.domains = as_tuple(domains)
        self.input_shape = input_shape

    def build(self, architecture: Architecture, *, num_classes: int = 10) -> nn.Module:
        """Return the function's network for the name; ``num_classes`` is ignored."""
        return self.function(self.key(architecture))


register_space(
    TableSpace(),
    TableSpace("nasbenchmr"),
    TableSpace("nasbenchgraph"),
    TableSpace("nds"),
)
