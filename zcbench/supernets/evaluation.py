"""How good subnets are on held-out data, each with batch-norm statistics of its own."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zcbench.errors import InvalidInputError
from zcbench.supernets.calibration import kept_modes
from zcbench.types import Architecture, Supernet

#: samples of one pass
_AT_ONCE = 500


class SubnetEvaluation:
    """A function from an architecture to accuracy and negative log-likelihood of its subnet, for ``zcbench.search``.

    Args:
        supernet: what keeps the protocol.
        inputs: held out ``(n, …)``.
        targets: classes ``(n,)``.

    Raises:
        InvalidInputError: inputs and targets do not go together.
    """

    def __init__(self, supernet: Supernet, inputs: Tensor, targets: Tensor) -> None:
        if len(inputs) != len(targets) or not len(inputs):
            raise InvalidInputError(f"{len(inputs)} inputs and {len(targets)} targets: give a target for each input.")
        self.supernet, self.inputs, self.targets = supernet, inputs, targets

    def __call__(self, architecture: Architecture) -> dict[str, float]:
        """Accuracy (a fraction) and nll (nats a sample)."""
        return measured(self.supernet.subnet(architecture), self.inputs, self.targets)


def measured(network: nn.Module, inputs: Tensor, targets: Tensor) -> dict[str, float]:
    """Accuracy and mean negative log-likelihood of a network in evaluation mode; it is left as it was.

    Args:
        network: from inputs to logits ``(batch, classes)``.
        inputs: ``(n, …)``.
        targets: classes ``(n,)``.
    """
    with kept_modes(network), torch.no_grad():
        network.eval()
        logits = torch.cat([network(part) for part in torch.split(inputs, _AT_ONCE)]).float()
    hits = (logits.argmax(-1) == targets).double().mean()
    return {"accuracy": float(hits), "nll": float(F.cross_entropy(logits, targets))}
