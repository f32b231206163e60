"""How good subnets are on held-out data, each with batch-norm statistics of its own."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zcbench.errors import InvalidInputError
from zcbench.probe.calling import invoke
from zcbench.supernets._samples import IGNORED, check_classes, checked_pair, flat, logits_of, placed, taken
from zcbench.supernets.calibration import kept_modes
from zcbench.types import Architecture, Inputs, Supernet

#: samples of one pass
_AT_ONCE = 500


class NotFiniteError(InvalidInputError):
    """Outputs of a network are not finite, so that there is no accuracy."""


class SubnetEvaluation:
    """A function from an architecture to accuracy and negative log-likelihood of its subnet, for ``zcbench.search``.

    Args:
        supernet: what keeps the protocol.
        inputs: held out, a tensor ``(n, …)``, a tuple of positional or a mapping of keyword arguments.
        targets: classes ``(n,)`` or ``(n, length)``.

    Raises:
        InvalidInputError: inputs and targets do not go together.
    """

    def __init__(self, supernet: Supernet, inputs: Inputs, targets: Tensor) -> None:
        self.supernet = supernet
        self.inputs, self.targets = checked_pair("held-out data", inputs, targets)

    def __call__(self, architecture: Architecture) -> dict[str, float]:
        """Accuracy (a fraction) and nll (nats a sample)."""
        return measured(self.supernet.subnet(architecture), self.inputs, self.targets)


def measured(network: nn.Module, inputs: Inputs, targets: Tensor) -> dict[str, float]:
    """Accuracy and mean negative log-likelihood of a network in evaluation mode; it is left as it was.

    Args:
        network: from inputs to logits ``(batch, classes)``, or ``(batch, length, classes)`` for a class at each place.
        inputs: a tensor ``(n, …)``, a tuple of positional or a mapping of keyword arguments; on any device.
        targets: classes ``(n,)`` or ``(n, length)``; where one is -100 nothing is counted.

    Raises:
        InvalidInputError: inputs, targets and outputs do not go together, or outputs are not finite, in which case
            there is no accuracy.
    """
    inputs, targets = checked_pair("held-out data", inputs, targets)
    like = next(network.parameters(), None)
    with kept_modes(network), torch.no_grad():
        network.eval()
        parts = (placed(taken(inputs, slice(k, k + _AT_ONCE)), like) for k in range(0, len(targets), _AT_ONCE))
        logits = torch.cat([logits_of(invoke(network, part)) for part in parts]).float()
    logits, targets = flat(logits, targets.to(logits.device))
    check_classes(targets, logits.shape[1])
    nll = float(F.cross_entropy(logits, targets, ignore_index=IGNORED))
    if math.isnan(nll) or bool(logits.isnan().any()):
        raise NotFiniteError(
            "outputs of the network on held-out data are not finite, and it has no accuracy: look for nan among its "
            "weights and the data."
        )
    hits = (logits.argmax(-1) == targets)[targets != IGNORED].double().mean()
    return {"accuracy": float(hits), "nll": nll}
