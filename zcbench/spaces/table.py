"""Rows of a table as architectures: names that nobody can build a network from."""

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
    """Architectures of which only a name is known: those of benchmarks without networks, and of your own tables.

    Any text without line breaks is an architecture. Nothing can be drawn, changed or built; a name that is a list of
    numbers ("[64, 2, 3]") is its own code.

    Args:
        name: name of the space; architectures carry it.
    """

    domains: tuple[str, ...] = ()
    forms = "a name, one line of text"
    longest = 500_000
    input_shape: tuple[int, ...] = ()
    size = None

    def __init__(self, name: str = "table") -> None:
        super().__init__(name)

    def __iter__(self) -> Iterator[Architecture]:
        """Nothing: the names are in the table."""
        return iter(())

    def _from_text(self, text: str) -> Architecture:
        """The name as it stands."""
        # Lone halves of surrogate pairs cannot be written to any file.
        if not text or len(text.splitlines()) > 1 or any("\ud800" <= character <= "\udfff" for character in text):
            raise InvalidArchitectureError(f"{quoted(text)} is no name: give one line of text.")
        return Architecture(self.name, text)

    def canonical(self, architecture: Architecture) -> Architecture:
        """The name itself."""
        return self.parse(self.key(architecture))

    def encode(self, architecture: Architecture) -> np.ndarray:
        """The numbers of a name that is a JSON list of numbers, float64; InvalidArchitectureError for others."""
        try:
            found = json.loads(self.key(architecture))
            # Texts and truth values would become numbers too.
            listed = isinstance(found, list) and all(type(number) in (int, float) for number in found)
            code = np.asarray(found, np.float64) if listed else np.empty(0)
        except (ValueError, OverflowError, RecursionError):
            code = np.empty(0)
        if not code.size or not np.isfinite(code).all():
            raise InvalidArchitectureError(f"{abridged(str(architecture))} is only a name: there is no code for it.")
        return code

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Not possible. UnsupportedModelError always; draw rows of the table instead."""
        raise self._only_names("drawn from the space: use benchmark.sample")

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """Not possible. UnsupportedModelError always."""
        raise self._only_names("changed")

    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Architecture:
        """Not possible. UnsupportedModelError always."""
        raise self._only_names("mixed")

    def graph(self, architecture: Architecture) -> Graph:
        """Not possible. UnsupportedModelError always."""
        raise self._only_names("drawn as graphs")

    def build(self, architecture: Architecture, *, num_classes: int = 10) -> nn.Module:
        """Not possible. UnsupportedModelError always."""
        raise self._only_names("built")

    def _only_names(self, what: str) -> UnsupportedModelError:
        return UnsupportedModelError(
            f"of the architectures of {self.name} only names are known: they cannot be {what}."
        )


class FactorySpace(TableSpace):
    """Architectures of your own: any names, and a function that builds the network of a name.

    Args:
        name: where the function is, ``my_networks.py:build``; a worker process imports it from there.
        build: from the name to a network; called with the name alone.
        domains: kinds of networks ("convolutional", "transformer", "recurrent"); unknown unless told.
        input_shape: of an input without the batch, where predictors that look at computation graphs are to see them.
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
        """What the function makes of the name; ``num_classes`` is the function's own affair."""
        return self.function(self.key(architecture))


register_space(
    TableSpace(),
    TableSpace("nasbenchmr"),
    TableSpace("nasbenchgraph"),
    TableSpace("nds"),
)
