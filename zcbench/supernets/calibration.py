"""Batch-norm statistics of one network from data, independent of any other network.

Running statistics of a training of all subnets are a mixture that fits none of them, so that a subnet's accuracy
collapses without calibration (J. Yu and T. Huang, "Universally Slimmable Networks", ICCV 2019, arXiv:1903.05134,
section 3.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from zcbench.errors import InvalidInputError
from zcbench.probe.calling import invoke
from zcbench.supernets._samples import checked_inputs, count
from zcbench.types import Inputs


def batch_norms(network: nn.Module) -> list[_BatchNorm]:
    """Return the network's batch norms with running statistics."""
    return [one for one in network.modules() if isinstance(one, _BatchNorm) and one.track_running_stats]


@contextmanager
def kept_modes(network: nn.Module) -> Iterator[None]:
    """Restore the training or evaluation mode of every module of a network after a block."""
    modes = [(one, one.training) for one in network.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def calibrate(network: nn.Module, batches: Iterable[Inputs]) -> nn.Module:
    """Set the statistics of a network's batch norms to those of some inputs, with equal weight for each batch.

    Weights, modes, momenta and gradients are not changed. All modules except the batch norms compute as in evaluation.

    Args:
        network: stand-alone; it is changed.
        batches: inputs of two samples or more, each a tensor ``(batch, …)``, a tuple of positional or a mapping of
            keyword arguments.

    Returns:
        The same network.

    Raises:
        InvalidInputError: there is no batch, one is too small for statistics, or the statistics are not finite.
    """
    norms = batch_norms(network)
    if not norms:
        return network
    momenta = [one.momentum for one in norms]
    done = 0
    try:
        with kept_modes(network), torch.no_grad():
            network.eval()
            for one in norms:
                one.reset_running_stats()
                one.momentum = None  # the mean over batches instead of a moving average
                one.train()
            for batch in batches:
                inputs = checked_inputs("inputs for calibration", batch)
                if count(inputs) < 2:
                    raise InvalidInputError("a batch of one sample has no statistics: calibrate with two or more.")
                invoke(network, inputs)
                done += 1
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise InvalidInputError(f"the batch is too small for statistics ({error}): give more samples.") from None
    finally:
        for one, momentum in zip(norms, momenta, strict=True):
            one.momentum = momentum
    if not done:
        raise InvalidInputError("there is no batch to calibrate with: give inputs of the training set.")
    for one in norms:
        if not (one.running_mean.isfinite().all() and one.running_var.isfinite().all()):  # type: ignore[union-attr]
            raise InvalidInputError("statistics of batch norm are not finite: the network's weights or inputs are not.")
    return network
