"""What most search spaces share: an architecture is a tuple of choices, and its string is read by one pattern."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from zcbench._display import brief
from zcbench.errors import InvalidArchitectureError, ZcbenchError, first_line
from zcbench.spaces._forms import NotPlainError, literal, plain
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
    #: what :meth:`parse` takes, in words
    forms: str = "the string of an architecture"
    #: characters of the longest string that :meth:`parse` reads; None for no limit
    longest: int | None = 20_000
    #: an input of the space's networks, without the batch: shape of an image, or length of a text
    input_shape: tuple[int, ...] = (3, 32, 32)

    def __init__(self, name: str) -> None:
        self.name = name

    def __contains__(self, architecture: object) -> bool:
        return isinstance(architecture, Architecture) and architecture.space == self.name

    def __repr__(self) -> str:
        return brief(f"{type(self).__name__}({self.name!r})")

    def parse(self, text: Any) -> Architecture:
        """Read an architecture.

        Args:
            text: the space's own string, or another form in which authors write its architectures, as :attr:`forms`
                says; as text or as an object (tuples, lists, mappings, arrays).

        Raises:
            InvalidArchitectureError: it is malformed, of another kind, or leaves the space.
        """
        if isinstance(text, Architecture):
            text = self.key(text)
        try:
            if not isinstance(text, str):
                return self._from_form(plain(text))
            text = str(text).strip()
            if self.longest is not None and len(text) > self.longest:
                raise self._refused(text, f"it has {len(text):,} characters")
            return self._from_text(text)
        except ZcbenchError:
            raise
        except Exception as error:  # a stranger's reader of strings may raise anything
            reason = str(error) if isinstance(error, NotPlainError) else first_line(error)
            raise self._refused(text, reason) from error

    def _from_text(self, text: str) -> Architecture:
        """The architecture of a stripped string; NotPlainError or InvalidArchitectureError if it is malformed."""
        raise NotImplementedError

    def _from_form(self, form: Any) -> Architecture:
        """The architecture of an object of :func:`zcbench.spaces._forms.plain`; NotPlainError if it is none."""
        raise NotPlainError(f"{kind_of(form)} is given")

    def _refused(self, given: object, reason: str) -> InvalidArchitectureError:
        what = quoted(given) if isinstance(given, str) else f"a {type(given).__name__}"
        return InvalidArchitectureError(
            f"{what} is not an architecture of {self.name} ({reason[:200]}): give {self.forms}."
        )

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

    def _from_text(self, text: str) -> Architecture:
        try:
            return self.from_choices(self._checked(text))
        except InvalidArchitectureError as error:
            if (form := written_form(text)) is None:
                raise
            try:
                return self._from_form(form)
            except NotPlainError as reason:
                raise InvalidArchitectureError(f"{error} ({reason})") from None

    def _from_form(self, form: Any) -> Architecture:
        if isinstance(form, list) and all(type(entry) in (str, int) for entry in form):
            if len(form) != len(self.options):
                raise NotPlainError(f"{len(form)} choices are given, not {len(self.options)}")
            choices = [str(entry) for entry in form]
            for place, (choice, options) in enumerate(zip(choices, self.options, strict=True), 1):
                if choice not in options:
                    raise NotPlainError(f"choice {place} is one of {', '.join(options)}, not {quoted(choice)}")
            return self.from_choices(choices)
        return super()._from_form(form)

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
                    f"{quoted(text)}: choice {place} of {self.name} is one of {', '.join(options)}, not"
                    f" {quoted(choice)}."
                )
        return choices

    def malformed(self, text: str) -> InvalidArchitectureError:
        """The error for a string that is not an architecture, with one that is."""
        example = self.write([options[-1] for options in self.options])
        return InvalidArchitectureError(
            f"{quoted(text)} is not an architecture of {self.name}: write e.g. {example!r}."
        )

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


def quoted(text: str) -> str:
    """A string in a message, cut where it is long."""
    return repr(text) if len(text) <= 200 else f"{text[:200]!r}…"


def kind_of(form: object) -> str:
    """What an object is, in a message."""
    return "nothing" if form is None else f"a {type(form).__name__}"


def written_form(text: str) -> Any:
    """The number, list or mapping that a text writes in Python or JSON; None if it writes none."""
    try:
        form = literal(text)
    except NotPlainError:
        return None
    return plain(form) if isinstance(form, (int, list, tuple, dict)) else None


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
