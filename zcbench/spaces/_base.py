"""Common code of most search spaces: an architecture is a tuple of choices, and one pattern reads its string."""

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
    """A search space; :class:`zcbench.types.SearchSpace` lists the methods that a subclass must add.

    Args:
        name: name of the space; its architectures carry it.
    """

    #: kinds of networks: "convolutional", "transformer", "recurrent"
    domains: tuple[str, ...] = ("convolutional",)
    #: the input of :meth:`parse`, in words
    forms: str = "the string of an architecture"
    #: number of characters of the longest string that :meth:`parse` reads; None for no limit
    longest: int | None = 20_000
    #: shape of one input of the space's networks: shape of an image, or length of a text
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
            text: the space's own string, or another form in which authors write its architectures (see :attr:`forms`);
                as text or as an object (tuples, lists, mappings, arrays).

        Raises:
            InvalidArchitectureError: it is malformed, of another type, or not in the space.
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
        except Exception as error:  # a user-defined parser may raise anything
            reason = str(error) if isinstance(error, NotPlainError) else first_line(error)
            raise self._refused(text, reason) from error

    def _from_text(self, text: str) -> Architecture:
        """Return the architecture of a stripped string; raise InvalidArchitectureError or NotPlainError otherwise."""
        raise NotImplementedError

    def _from_form(self, form: Any) -> Architecture:
        """Return the architecture of an object of :func:`zcbench.spaces._forms.plain`; raise NotPlainError if none."""
        raise NotPlainError(f"{kind_of(form)} is given")

    def _refused(self, given: object, reason: str) -> InvalidArchitectureError:
        what = quoted(given) if isinstance(given, str) else f"a {type(given).__name__}"
        return InvalidArchitectureError(
            f"{what} is not an architecture of {self.name} ({reason[:200]}): give {self.forms}."
        )

    def key(self, architecture: Architecture) -> str:
        """Return the string of an architecture; raise InvalidArchitectureError if it is of another space."""
        if architecture.space != self.name:
            raise InvalidArchitectureError(
                f"{architecture} belongs to the space {architecture.space!r}, not to {self.name!r}."
            )
        return architecture.key

    def functional_key(self, architecture: Architecture) -> str:
        """Return a key that is equal for architectures whose networks compute the same function at initialisation.

        Splits keep architectures with one key together. By default the key is the string of the canonical form.
        """
        return self.canonical(architecture).key

    def canonical(self, architecture: Architecture) -> Architecture:
        """Return the common representative of all architectures that denote the same network."""
        raise NotImplementedError

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """Return the architectures that differ by one change."""
        raise NotImplementedError

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """Draw a neighbour uniformly."""
        options = self.neighbors(architecture)
        return options[int(rng.integers(len(options)))]


class ChoiceSpace(Space):
    """Architectures that make a fixed number of choices, each with its own options.

    A subclass sets ``options`` and defines how choices are written (:meth:`write`) and read (:meth:`read`).

    Args:
        name: name of the space; its architectures carry it.
        options: the options of each choice.
    """

    def __init__(self, name: str, options: Sequence[Sequence[str]]) -> None:
        super().__init__(name)
        self.options = tuple(tuple(choice) for choice in options)

    @property
    def size(self) -> int:
        """Number of strings."""
        return math.prod(map(len, self.options))

    def __iter__(self) -> Iterator[Architecture]:
        """Yield all architectures, lazily, the last choice varying fastest."""
        return map(self.from_choices, itertools.product(*self.options))

    # -- strings -------------------------------------------------------------------------------

    def read(self, text: str) -> tuple[str, ...]:
        """Read the choices in a string; raise InvalidArchitectureError if it is malformed."""
        raise NotImplementedError

    def write(self, choices: Sequence[str]) -> str:
        """Return the string of choices."""
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
        """Return the architecture with these choices."""
        return Architecture(self.name, self.write(choices))

    def choices(self, architecture: Architecture) -> tuple[str, ...]:
        """Return the choices of an architecture.

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
        """Return the error for a string that is not an architecture, with a valid example."""
        example = self.write([options[-1] for options in self.options])
        return InvalidArchitectureError(
            f"{quoted(text)} is not an architecture of {self.name}: write e.g. {example!r}."
        )

    # -- drawing and changing ------------------------------------------------------------------

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw every choice uniformly."""
        return self.from_choices([options[int(rng.integers(len(options)))] for options in self.options])

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """Return the architectures that differ in exactly one choice."""
        choices = self.choices(architecture)
        return [
            self.from_choices((*choices[:place], other, *choices[place + 1 :]))
            for place, options in enumerate(self.options)
            for other in options
            if other != choices[place]
        ]

    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Architecture:
        """Take each choice from either parent with probability one half."""
        pairs = zip(self.choices(a), self.choices(b), rng.integers(2, size=len(self.options)), strict=True)
        return self.from_choices([(x, y)[int(side)] for x, y, side in pairs])

    def canonical(self, architecture: Architecture) -> Architecture:
        """Return the same choices in their standard form."""
        return self.from_choices(self.choices(architecture))

    # -- numbers and networks ------------------------------------------------------------------

    def encode(self, architecture: Architecture) -> np.ndarray:
        """Return the one-hot code of the choices: float64, with one entry for each option of each choice."""
        return np.concatenate(
            [
                np.asarray([choice == option for option in options], np.float64)
                for choice, options in zip(self.choices(architecture), self.options, strict=True)
            ]
        )

    def graph(self, architecture: Architecture) -> Graph:
        """Return the choices as a sequence of nodes; a space whose networks are connected differently overrides it.

        A node is "1=conv" for the first choice. Where all choices have the same options it is "choice=conv", so that
        options are counted wherever they are chosen.
        """
        shared = len(set(self.options)) == 1
        chosen = self.choices(architecture)
        return chain([f"choice={one}" if shared else f"{place}={one}" for place, one in enumerate(chosen, 1)])

    def build(self, architecture: Architecture, *, num_classes: int = 10) -> nn.Module:
        """Build the benchmark's network with new initial weights."""
        raise NotImplementedError


def quoted(text: str) -> str:
    """Quote a string for a message, shortened if it is long."""
    return repr(text) if len(text) <= 200 else f"{text[:200]!r}…"


def kind_of(form: object) -> str:
    """Describe the type of an object for a message."""
    return "nothing" if form is None else f"a {type(form).__name__}"


def written_form(text: str) -> Any:
    """Return the number, list or mapping that a text represents in Python or JSON; None if there is none."""
    try:
        form = literal(text)
    except NotPlainError:
        return None
    return plain(form) if isinstance(form, (int, list, tuple, dict)) else None


def mix_layers(a: Sequence[Layer], b: Sequence[Layer], rng: np.random.Generator) -> list[Layer]:
    """Combine layers: the number is that of either parent, and each layer is from either parent that has it."""
    parents, layers = (a, b), []
    for place in range(len(parents[int(rng.integers(2))])):
        having = [parent for parent in parents if place < len(parent)]
        layers.append(having[int(rng.integers(len(having)))][place])
    return layers


def chain(labels: Sequence[str]) -> Graph:
    """Return the graph of a network whose layers form a sequence."""
    nodes = ("input", *labels, "output")
    return Graph(nodes, tuple((i, i + 1) for i in range(len(nodes) - 1)))
