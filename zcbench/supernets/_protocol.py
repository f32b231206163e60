"""What a supernet is, to everything that ranks, searches and exports its subnets."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import nn

from zcbench.types import Architecture, SearchSpace


@runtime_checkable
class Supernet(Protocol):
    """A search space whose networks come with trained weights.

    Attributes:
        space: its architectures.
    """

    @property
    def space(self) -> SearchSpace:
        """Its architectures."""
        ...

    def subnet(self, architecture: Architecture) -> nn.Module:
        """A stand-alone network with weights of its own, in evaluation mode, ready to be used."""
        ...
