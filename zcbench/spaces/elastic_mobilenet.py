"""A small MobileNet of two stages, each with its own depth, width, kernel and expansion.

The layers are those of M. Sandler et al., "MobileNetV2", CVPR 2018, arXiv:1801.04381, section 3.3. The choices are
those of once-for-all networks (H. Cai et al., ICLR 2020, arXiv:1908.09791), by stage.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from zcbench.spaces._base import ChoiceSpace, chain
from zcbench.spaces._register import register_space
from zcbench.types import Architecture, Graph

if TYPE_CHECKING:
    from torch import nn

DEPTHS, KERNELS, EXPANSIONS = (1, 2, 3), (3, 5), (1, 3)
#: channels of each stage
WIDTHS = ((4, 8, 12), (8, 16, 24))
_STAGE = re.compile(r"d(\d+)w(\d+)k(\d+)e(\d+)")


class ElasticMobileNetSpace(ChoiceSpace):
    """Networks of two stages of inverted residual blocks; each stage is written ``d2w8k3e3``.

    ``d`` is the number of blocks, ``w`` the channels, ``k`` the kernel, ``e`` the expansion: ``d2w8k3e3|d1w24k5e1``.

    Args:
        name: name of the space; its architectures carry it.
    """

    forms = "two stages of depth, width, kernel and expansion such as 'd2w8k3e3|d1w24k5e1', or a list of the two"
    input_shape: tuple[int, ...] = (1, 8, 8)

    def __init__(self, name: str = "elastic-mobilenet") -> None:
        stages = [
            [f"d{d}w{w}k{k}e{e}" for d, w, k, e in itertools.product(DEPTHS, widths, KERNELS, EXPANSIONS)]
            for widths in WIDTHS
        ]
        super().__init__(name, stages)

    def read(self, text: str) -> tuple[str, ...]:
        """Split the string into stages."""
        return tuple(text.split("|"))

    def write(self, choices: Sequence[str]) -> str:
        """Join the stages."""
        return "|".join(choices)

    def stages(self, architecture: Architecture) -> list[tuple[int, int, int, int]]:
        """Return depth, width, kernel and expansion of each stage."""
        return [(int(d), int(w), int(k), int(e)) for d, w, k, e in map(self._numbers, self.choices(architecture))]

    @staticmethod
    def _numbers(stage: str) -> tuple[str, ...]:
        found = _STAGE.fullmatch(stage)
        assert found is not None  # choices are checked
        return found.groups()

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """Return those that differ in one number of one stage."""
        choices, found = self.choices(architecture), []
        for place, options in enumerate(self.options):
            mine = self._numbers(choices[place])
            for other in options:
                if sum(a != b for a, b in zip(mine, self._numbers(other), strict=True)) == 1:
                    found.append(self.from_choices((*choices[:place], other, *choices[place + 1 :])))
        return found

    @property
    def largest(self) -> Architecture:
        """The network that contains all others."""
        return self.from_choices([options[-1] for options in self.options])

    @property
    def smallest(self) -> Architecture:
        """The network that all others contain."""
        return self.from_choices([options[0] for options in self.options])

    #: the dimensions that shrink, in the order of once-for-all networks
    dimensions = ("kernel", "depth", "expansion", "width")

    def restricted(self, architecture: Architecture, free: Sequence[str]) -> Architecture:
        """Return the same architecture with all but the ``free`` dimensions as in the largest network."""
        names = ("depth", "width", "kernel", "expansion")
        whole = self.stages(self.largest)
        return self.from_choices(
            [
                "d{}w{}k{}e{}".format(*(a if name in free else b for name, a, b in zip(names, mine, most, strict=True)))
                for mine, most in zip(self.stages(architecture), whole, strict=True)
            ]
        )

    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Architecture:
        """Take each number of each stage from either parent."""
        pairs = zip(self.stages(a), self.stages(b), rng.integers(2, size=(len(self.options), 4)), strict=True)
        return self.from_choices(
            ["d{}w{}k{}e{}".format(*np.where(sides, theirs, mine)) for mine, theirs, sides in pairs]
        )

    def encode(self, architecture: Architecture) -> np.ndarray:
        """Return float64 ``(20,)``: one-hot depth, width, kernel and expansion of each stage.

        A stage encoded as one of 36 options would not show a predictor what two stages have in common.
        """
        code = [
            number == option
            for stage, widths in zip(self.stages(architecture), WIDTHS, strict=True)
            for number, options in zip(stage, (DEPTHS, widths, KERNELS, EXPANSIONS), strict=True)
            for option in options
        ]
        return np.array(code, np.float64)

    def graph(self, architecture: Architecture) -> Graph:
        """Return the blocks in sequence, labelled by width, kernel and expansion."""
        return chain([f"w{w}k{k}e{e}" for d, w, k, e in self.stages(architecture) for _ in range(d)])

    def build(self, architecture: Architecture, *, num_classes: int = 10) -> nn.Module:
        """Build the network with new initial weights (He, fan out).

        Returns:
            A module from images ``(batch, 1, height, width)`` to logits ``(batch, num_classes)``.
        """
        from zcbench.spaces._elastic_mobilenet_network import ElasticMobileNet

        return ElasticMobileNet(self.stages(architecture), num_classes=num_classes)


register_space(ElasticMobileNetSpace())
