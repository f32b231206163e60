"""The embedded digits for supernets: three parts, shifts by a pixel, and a supernet of elastic-mobilenet."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from zcbench import _arguments as rules
from zcbench._process import stable_seed
from zcbench.datasets._digits import load_digits
from zcbench.errors import InvalidInputError
from zcbench.spaces import get_space
from zcbench.supernets.sharing import WeightSharing


def digits_parts() -> dict[str, tuple[Tensor, Tensor]]:
    """Return images ``(n, 1, 8, 8)`` and classes ``(n,)``: "train" (500), "valid" (297) and "test" (1,000).

    Raises:
        MissingDependencyError: scikit-learn is not installed.
    """
    return {
        name: (torch.as_tensor(part.inputs).float(), torch.as_tensor(part.targets).long())
        for name, part in load_digits().items()
    }


def shifted(inputs: Tensor, generator: torch.Generator) -> Tensor:
    """Move each image ``(n, channels, height, width)`` by at most one pixel, as an ``augment`` of trainings.

    New pixels at the edge have the smallest number of all images, the background.
    """
    height, width = inputs.shape[-2:]
    padded = F.pad(inputs, (1, 1, 1, 1), value=float(inputs.min()))
    nine = torch.stack([padded[..., y : y + height, x : x + width] for y in range(3) for x in range(3)])
    chosen = torch.randint(9, (len(inputs),), generator=generator, device=inputs.device)
    return nine[chosen, torch.arange(len(inputs), device=inputs.device)]


def digits_supernet(seed: int = 0, space: str = "elastic-mobilenet") -> WeightSharing:
    """Make an untrained supernet that is calibrated and evaluated on the digits.

    Batch norms are calibrated with the 500 training images, and ``evaluate`` uses the 297 validation images. Global
    random generators are not changed.

    Args:
        seed: determines the weights.
        space: name of a search space with a largest and a smallest network, whose networks take the digits.

    Raises:
        InvalidInputError: the seed is not valid, or the space has no largest network.
        UnknownNameError: there is no such space.
        MissingDependencyError: scikit-learn is not installed.
    """
    parts = digits_parts()
    found: Any = get_space(space)
    if not (hasattr(found, "largest") and hasattr(found, "smallest")):
        raise InvalidInputError(f"the space {space} has no largest and smallest network: choose an elastic one.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stable_seed("digits supernet", rules.seed("the seed", seed)) % 2**63)
        return WeightSharing(
            found,
            largest=found.largest,
            smallest=found.smallest,
            calibration=list(torch.split(parts["train"][0], 250)),
            held_out=parts["valid"],
        )
