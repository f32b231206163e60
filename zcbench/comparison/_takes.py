"""The inputs that a network takes, as far as they are known before it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Takes:
    """The inputs of a network.

    Attributes:
        shape: of one sample of numbers, (3, 32, 32) for an image; None if it is not known.
        name: name of the argument; empty where the input is the first argument.
        vocabulary: number of words, for a network that reads ids of words; None for others.
        longest: most words of a text; None for any number.
        first: the least id of a word that is drawn at random.
        decoder: whether the network takes the words before its targets, too.
    """

    shape: tuple[int, ...] | None = None
    name: str = ""
    vocabulary: int | None = None
    longest: int | None = None
    first: int = 1
    decoder: bool = False

    @property
    def words(self) -> bool:
        """Whether it reads ids of words."""
        return self.vocabulary is not None
