"""Functions as scorers: user functions and registered functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from zcbench import _arguments as rules
from zcbench._code import code_digest, value_digest
from zcbench.errors import InvalidInputError
from zcbench.scorers._base import Scorer
from zcbench.types import Architecture

if TYPE_CHECKING:
    from zcbench.scorers._register import ScorerInfo


class FunctionScorer(Scorer):
    """A user function from an architecture to a number, as a scorer.

    Args:
        function: called with an architecture; an exception becomes the reason for a missing score.
        label: name of the scorer; default: the function's name.
        higher_is_better: direction.
    """

    def __init__(
        self, function: Callable[[Architecture], float], label: str = "", higher_is_better: bool = True
    ) -> None:
        if not callable(function):
            raise InvalidInputError(
                f"{rules.shown(function)} is not a function: give one from an architecture to a number."
            )
        named = getattr(function, "__name__", type(function).__name__)
        self.function = function
        self.label = rules.text("the label of a scorer", label) or "".join(c for c in named if c not in ":=+,()")
        self.higher_is_better = rules.flag("higher is better", higher_is_better)

    @property
    def identifier(self) -> str:
        """The label, the digest of the code's file, and a digest that distinguishes the function within the file."""
        own = getattr(self.function, "__code__", None)
        told = "" if own is None else f"-{value_digest((own.co_code, own.co_names, repr(_plain(own.co_consts))))}"
        return f"{self.label}@{self.version} code {code_digest(self.function)}{told}"

    def value(self, architecture: Architecture) -> float:
        """Return the function's result."""
        return self.function(architecture)


def _plain(constants: tuple[Any, ...]) -> list[Any]:
    return [one for one in constants if not hasattr(one, "co_code")]  # the text of inner functions contains addresses


class RegisteredFunction(Scorer):
    """A registered function of a search space and an architecture."""

    def __init__(self, info: ScorerInfo, settings: Mapping[str, Any]) -> None:
        self.info, self.settings = info, dict(settings)
        self.higher_is_better = info.higher_is_better

    @property
    def identifier(self) -> str:
        """Label, version and a digest of user code."""
        code = self.info.code
        return f"{self.label}@{self.info.version}" + (f" code {code}" if code else "")

    def value(self, architecture: Architecture) -> float:
        """Return the function's result."""
        if self.context is None:
            raise InvalidInputError(f"{self.label} needs a search space: get_scorer({self.label!r}, benchmark).")
        return self.info.make(self.context.space, architecture, **self.settings)  # type: ignore[return-value, call-arg]
