"""The search space of NAS-Bench-Macro: one of three operations in each of eight layers.

Source: X. Su, T. Huang, Y. Li et al., "Prioritized Architecture Sampling with Monto-Carlo Tree Search", CVPR 2021,
arXiv:2103.11922, section 5.1 and appendix.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zcbench.spaces._base import ChoiceSpace, chain
from zcbench.spaces._register import register_space
from zcbench.types import Architecture, Graph

if TYPE_CHECKING:
    from torch import nn

#: meaning of the digits: identity (a 1x1 convolution where the size changes), MobileNetV2's inverted residual blocks
OPERATIONS = {"0": "identity", "1": "mb3_3x3", "2": "mb6_5x5"}
#: number of layers of each stage; the first layer doubles the channels and halves the resolution
STAGES = (2, 3, 3)


class NASBenchMacroSpace(ChoiceSpace):
    """Networks of eight layers; the string has a digit for each, ``02012100``.

    Args:
        name: name of the space; its architectures carry it.
    """

    forms = "eight digits from 0 to 2 such as '02012100', or a list of them"

    def __init__(self, name: str = "nasbenchmacro") -> None:
        super().__init__(name, [tuple(OPERATIONS)] * sum(STAGES))

    def read(self, text: str) -> tuple[str, ...]:
        """Split the string into digits."""
        return tuple(text)

    def write(self, choices: Sequence[str]) -> str:
        """Join the digits."""
        return "".join(choices)

    def canonical(self, architecture: Architecture) -> Architecture:
        """Move the identities of a stage to its end: after the first layer they have no effect."""
        choices, kept, start = self.choices(architecture), [], 0
        for layers in STAGES:
            first, *rest = choices[start : start + layers]
            kept += [first, *sorted(rest, key=lambda choice: choice == "0")]
            start += layers
        return self.from_choices(kept)

    def graph(self, architecture: Architecture) -> Graph:
        """Return the operations in sequence."""
        return chain([OPERATIONS[choice] for choice in self.choices(architecture)])

    def build(self, architecture: Architecture, *, num_classes: int = 10) -> nn.Module:
        """Build the benchmark's CIFAR network, with PyTorch's default initialisation.

        Returns:
            A module from images ``(batch, 3, height, width)`` to logits ``(batch, num_classes)``.
        """
        from zcbench.spaces._nasbenchmacro_network import MacroNetwork

        return MacroNetwork([OPERATIONS[choice] for choice in self.choices(architecture)], num_classes=num_classes)


register_space(NASBenchMacroSpace())
