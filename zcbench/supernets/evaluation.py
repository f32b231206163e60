"""Evaluation of subnets on held-out data, each with its own batch-norm statistics."""

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

#: number of samples of one pass
_AT_ONCE = 500


class NotFiniteError(InvalidInputError):
    """Outputs of a network are not finite, so that there is no accuracy."""


class SubnetEvaluation:
    """A function from an architecture to accuracy and negative log-likelihood of its subnet, for ``zcbench.search``.

    Args:
        supernet: an object with a space and ``subnet``.
        inputs: held-out inputs: a tensor ``(n, …)``, a tuple of positional or a mapping of keyword arguments.
        targets: classes ``(n,)`` or ``(n, length)``.

    Raises:
        InvalidInputError: inputs and targets do not fit together.
    """

    def __init__(self, supernet: Supernet, inputs: Inputs, targets: Tensor) -> None:
        self.supernet = supernet
        self.inputs, self.targets = checked_pair("held-out data", inputs, targets)

    def __call__(self, architecture: Architecture) -> dict[str, float]:
        """Return accuracy (a fraction) and nll (nats per sample)."""
        return measured(self.supernet.subnet(architecture), self.inputs, self.targets)


def measured(network: nn.Module, inputs: Inputs, targets: Tensor) -> dict[str, float]:
    """Return accuracy and mean negative log-likelihood of a network in evaluation mode; the network is not changed.

    Args:
        network: from inputs to logits ``(batch, classes)``, or ``(batch, length, classes)`` for a class at each
            position.
        inputs: a tensor ``(n, …)``, a tuple of positional or a mapping of keyword arguments; on any device.
        targets: classes ``(n,)`` or ``(n, length)``; targets of -100 are ignored.

    Raises:
        InvalidInputError: inputs, targets and outputs do not fit together, or outputs are not finite, so that there is
            no accuracy.
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
            "outputs of the network on held-out data are not finite, so that it has no accuracy: check its weights and "
            "the data for nan."
        )
    hits = (logits.argmax(-1) == targets)[targets != IGNORED].double().mean()
    return {"accuracy": float(hits), "nll": nll}
