"""What most search spaces share: an architecture is a tuple of choices, and its string is read by one pattern."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from zcbench.errors import InvalidArchitectureError
from zcbench.types import Architecture, Graph

if TYPE_CHECKING:
    from torch import nn


Layer = TypeVar("Layer")


class Space:
    """A search space; what a subclass must add is named in :class:`zcbench.types.SearchSpace`.

    Args:
        name: name of the space; architectures carry it.
    """

    #: kinds of networks: "convolutional", "transformer", "recurrent"
    domains: tuple[str, ...] = ("convolutional",)
    #: an input of the space's networks, without the batch: shape of an image, or length of a text
    input_shape: tuple[int, ...] = (3, 32, 32)

    def __init__(self, name: str) -> None:
        self.name = name

    def __contains__(self, architecture: object) -> bool:
        return isinstance(architecture, Architecture) and architecture.space == self.name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def key(self, architecture: Architecture) -> str:
        """The string of an architecture of this space; InvalidArchitectureError if it is of another."""
        if architecture.space != self.name:
            raise InvalidArchitectureError(
                f"{architecture} belongs to the space {architecture.space!r}, not to {self.name!r}."
            )
        return architecture.key

    def functional_key(self, architecture: Architecture) -> str:
        """What architectures share whose networks compute the same function at initialisation: split by it.

        The string of the canonical form, where a space knows of no further equalities.
        """
        return self.canonical(architecture).key

    def canonical(self, architecture: Architecture) -> Architecture:
        """The one representative of all architectures that denote the same network."""
        raise NotImplementedError

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """Those one change away."""
        raise NotImplementedError

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """A uniformly drawn neighbour."""
        options = self.neighbors(architecture)
        return options[int(rng.integers(len(options)))]


class ChoiceSpace(Space):
    """Architectures that make a fixed number of choices, each among options of its own.

    A subclass sets ``options`` and says how choices are written (:meth:`write`) and read (:meth:`read`).

    Args:
        name: name of the space.
        options: for each choice, what can be chosen.
    """

    def __init__(self, name: str, options: Sequence[Sequence[str]]) -> None:
        super().__init__(name)
        self.options = tuple(tuple(choice) for choice in options)

    @property
    def size(self) -> int:
        """Number of strings."""
        return math.prod(map(len, self.options))

    def __iter__(self) -> Iterator[Architecture]:
        """All architectures, lazily, the last choice varying fastest."""
        return map(self.from_choices, itertools.product(*self.options))

    # -- strings -------------------------------------------------------------------------------

    def read(self, text: str) -> tuple[str, ...]:
        """Choices written in a string; InvalidArchitectureError if it is malformed."""
        raise NotImplementedError

    def write(self, choices: Sequence[str]) -> str:
        """The string of choices."""
        raise NotImplementedError

    def parse(self, text: str) -> Architecture:
        """Read the space's own string.

        Raises:
            InvalidArchitectureError: it is malformed, or chooses what is no option.
        """
        return self.from_choices(self._checked(text))

    def from_choices(self, choices: Sequence[str]) -> Architecture:
        """The architecture that makes these choices."""
        return Architecture(self.name, self.write(choices))

    def choices(self, architecture: Architecture) -> tuple[str, ...]:
        """What an architecture chooses.

        Raises:
            InvalidArchitectureError: the architecture belongs to another space or is malformed.
        """
        return self._checked(self.key(architecture))

    def _checked(self, text: str) -> tuple[str, ...]:
        choices = self.read(text.strip())
        if len(choices) != len(self.options):
            raise self.malformed(text)
        for place, (choice, options) in enumerate(zip(choices, self.options, strict=True), 1):
            if choice not in options:
                raise InvalidArchitectureError(
                    f"{text!r}: choice {place} of {self.name} is one of {', '.join(options)}, not {choice!r}."
                )
        return choices

    def malformed(self, text: str) -> InvalidArchitectureError:
        """The error for a string that is not an architecture, with one that is."""
        example = self.write([options[-1] for options in self.options])
        return InvalidArchitectureError(f"{text!r} is not an architecture of {self.name}: write e.g. {example!r}.")

    # -- drawing and changing ------------------------------------------------------------------

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw every choice uniformly."""
        return self.from_choices([options[int(rng.integers(len(options)))] for options in self.options])

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """Those that differ in exactly one choice."""
        choices = self.choices(architecture)
        return [
            self.from_choices((*choices[:place], other, *choices[place + 1 :]))
            for place, options in enumerate(self.options)
            for other in options
            if other != choices[place]
        ]

    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Architecture:
        """Uniform crossover: each choice comes from either parent with probability one half."""
        pairs = zip(self.choices(a), self.choices(b), rng.integers(2, size=len(self.options)), strict=True)
        return self.from_choices([(x, y)[int(side)] for x, y, side in pairs])

    def canonical(self, architecture: Architecture) -> Architecture:
        """The same choices, written in the one usual way."""
        return self.from_choices(self.choices(architecture))

    # -- numbers and networks ------------------------------------------------------------------

    def encode(self, architecture: Architecture) -> np.ndarray:
        """One-hot code of the choices: float64, as long as there are options in all."""
        return np.concatenate(
            [
                np.asarray([choice == option for option in options], np.float64)
                for choice, options in zip(self.choices(architecture), self.options, strict=True)
            ]
        )

    def build(self, architecture: Architecture, *, num_classes: int = 10) -> nn.Module:
        """The benchmark's network, freshly initialised."""
        raise NotImplementedError


def mix_layers(a: Sequence[Layer], b: Sequence[Layer], rng: np.random.Generator) -> list[Layer]:
    """As many layers as either parent has, each from either (where it has that layer)."""
    parents, layers = (a, b), []
    for place in range(len(parents[int(rng.integers(2))])):
        having = [parent for parent in parents if place < len(parent)]
        layers.append(having[int(rng.integers(len(having)))][place])
    return layers


def chain(labels: Sequence[str]) -> Graph:
    """The graph of a network whose layers stand in a row."""
    nodes = ("input", *labels, "output")
    return Graph(nodes, tuple((i, i + 1) for i in range(len(nodes) - 1)))
