"""The size search space of NATS-Bench: the number of channels of each of five groups of layers.

Source: X. Dong, L. Liu, K. Musial, B. Gabrys, "NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and
Size", TPAMI 2021, arXiv:2009.00437, section 3.2. The cell is the best one of NAS-Bench-201 on CIFAR-100.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zcbench.spaces._base import ChoiceSpace, chain
from zcbench.spaces._forms import NotPlainError
from zcbench.spaces._register import register_space
from zcbench.types import Architecture, Graph

if TYPE_CHECKING:
    from torch import nn

CHANNELS = ("8", "16", "24", "32", "40", "48", "56", "64")
#: operations of the cell in all architectures, by edge of NAS-Bench-201
CELL = ("nor_conv_3x3", "nor_conv_3x3", "nor_conv_3x3", "skip_connect", "nor_conv_3x3", "nor_conv_3x3")
LAYERS = ("cell", "reduction", "cell", "reduction", "cell")


class NATSSizeSpace(ChoiceSpace):
    """Networks of the size part of NATS-Bench; the string lists the channels, ``8:16:32:48:64``.

    :meth:`parse` also reads a list of the five numbers, a mapping with "channels" and the network's number in the
    benchmark's list (284).

    Args:
        name: name of the space; its architectures carry it.
    """

    forms = (
        "five numbers of channels such as '8:16:32:48:64', a list of them, or the network's number in the benchmark, 0"
        " to 32767"
    )

    def __init__(self, name: str = "nats-size") -> None:
        super().__init__(name, [CHANNELS] * len(LAYERS))

    def read(self, text: str) -> tuple[str, ...]:
        """Split the string into the channels of the five groups."""
        return tuple(text.split(":"))

    def write(self, choices: Sequence[str]) -> str:
        """Join the channels by colons."""
        return ":".join(choices)

    def _from_form(self, form: Any) -> Architecture:
        if type(form) is int:
            if not 0 <= form < self.size:
                raise NotPlainError(f"networks are numbered from 0 to {self.size - 1}")
            digits = [form // len(CHANNELS) ** place % len(CHANNELS) for place in reversed(range(len(LAYERS)))]
            return self.from_choices([CHANNELS[digit] for digit in digits])
        if isinstance(form, dict) and "channels" in form:
            form = form["channels"]
            return self._from_text(form) if isinstance(form, str) else super()._from_form(form)
        return super()._from_form(form)

    def encode(self, architecture: Architecture) -> np.ndarray:
        """Return float64 ``(5,)``: channels divided by 64. They have an order, which one-hot codes would hide."""
        return np.asarray([int(choice) / 64 for choice in self.choices(architecture)])

    def graph(self, architecture: Architecture) -> Graph:
        """Return the five groups in sequence, labelled by kind and channels."""
        return chain([f"{layer}-{c}" for layer, c in zip(LAYERS, self.choices(architecture), strict=True)])

    def build(self, architecture: Architecture, *, num_classes: int = 10) -> nn.Module:
        """Build the benchmark's CIFAR network, with PyTorch's default initialisation.

        Returns:
            A module from images ``(batch, 3, height, width)`` to logits ``(batch, num_classes)``.
        """
        from zcbench.spaces._nasbench201_network import SizedNetwork

        return SizedNetwork(CELL, [int(choice) for choice in self.choices(architecture)], num_classes=num_classes)


register_space(NATSSizeSpace())
