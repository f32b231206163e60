"""A step that writes down what a rule lets learn, and a slow training to compare with."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

import zcbench
from zcbench.supernets import WeightSharing
from zcbench.types import Architecture

SPACE = zcbench.get_space("elastic-mobilenet")


def supernet(seed: int = 0) -> WeightSharing:
    """A fresh one, with inputs to calibrate."""
    torch.manual_seed(seed)
    inputs = torch.randn(16, 1, 8, 8)
    return WeightSharing(SPACE, largest=SPACE.largest, smallest=SPACE.smallest, calibration=[inputs])


@dataclass
class Recorded:
    """A step of a supernet that learns nothing."""

    supernet: WeightSharing
    progress: float = 0.0
    number: int = 0
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    inputs: Tensor = field(default_factory=lambda: torch.randn(4, 1, 8, 8))
    calls: list[tuple[Architecture, Tensor | None, float, float]] = field(default_factory=list)

    def learn(
        self, architecture: Architecture, teacher: Tensor | None = None, *, share: float = 1.0, weight: float = 1.0
    ) -> Tensor:
        """Write it down; logits that say how many came before."""
        self.calls.append((architecture, teacher, share, weight))
        return torch.full((4, 10), float(len(self.calls)))
