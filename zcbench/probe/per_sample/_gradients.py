"""Per-sample gradients, and their inner products."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zcbench.errors import UnsupportedModelError
from zcbench.probe.modes import BatchNorm, FoldedError
from zcbench.probe.per_sample._collector import Collector, Consumer, IrregularError, by_hooks, is_covered
from zcbench.probe.per_sample._kernel import Kernel
from zcbench.probe.per_sample._one_by_one import counted, one_by_one

if TYPE_CHECKING:
    from zcbench.probe import Probe

_SLOWLY = "Samples were processed one at a time, because the rules for layers do not cover this network."


def sample_gradients(probe: Probe, consume: Consumer) -> None:
    """Stream per-sample gradients; see ``Probe.each_sample_gradient``."""

    def losses(outputs: Tensor, start: int) -> Tensor:
        return probe.sample_losses_of(outputs, probe.targets[start : start + len(outputs)])

    if is_covered(probe):
        try:
            by_hooks(probe, Collector(probe, consume), losses, "per-sample")
            return
        except (IrregularError, FoldedError):
            pass
    if len(probe.batch) > 1:
        probe.note(_SLOWLY)
    for row in one_by_one(probe, losses, "per-sample"):
        for name, gradient in row.items():
            consume(name, gradient[None])


def tangent_kernel(probe: Probe, batch_norm: BatchNorm) -> Tensor:
    """Compute inner products of the gradients of every sample's summed outputs: ``(batch, batch)``, float64.

    Batch norm in "train" mode couples the samples, so there every row of the Jacobian takes a separate backward pass
    and the whole Jacobian is stored; in the other modes it is never built.
    """
    if not probe.parameters:
        raise UnsupportedModelError("the network has no trainable parameter.")
    if batch_norm == "train":
        return inner_products(_row_by_row(probe), len(probe.batch))

    def sums(outputs: Tensor, _: int) -> Tensor:
        return output_sums(outputs)

    if is_covered(probe):
        try:
            kernel = Kernel(probe, batch_norm)
            by_hooks(probe, kernel, sums, batch_norm)
            return kernel.total.cpu()
        except (IrregularError, FoldedError):
            pass
    if len(probe.batch) > 1:
        probe.note(_SLOWLY)
    return inner_products(one_by_one(probe, sums, batch_norm), len(probe.batch))


def inner_products(rows: Iterable[Mapping[str, Tensor]], count: int) -> Tensor:
    """Compute all inner products of ``count`` gradients, ``(count, count)``, float64, on the CPU.

    The gradients are written into one array per parameter, and the products are summed parameter by parameter. One
    float32 product over millions of entries at once would have an error of some tenths of a percent.
    """
    arrays: dict[str, Tensor] = {}
    for at, row in enumerate(rows):
        for name, gradient in row.items():
            if name not in arrays:
                arrays[name] = gradient.new_empty(count, gradient.numel())
            arrays[name][at] = gradient.flatten()
    products: dict[torch.device, Tensor] = {}
    for name in list(arrays):
        part = arrays.pop(name)
        product = (part @ part.T).double()
        products[part.device] = products[part.device] + product if part.device in products else product
    return torch.stack([one.cpu() for one in products.values()]).sum(0)


def _row_by_row(probe: Probe) -> Iterator[dict[str, Tensor]]:
    for scalar in output_sums(counted(probe.outputs, len(probe.batch))):
        yield probe.gradients_of(scalar)


def output_sums(outputs: Tensor) -> Tensor:
    """Sum each sample's outputs, ``(batch,)``."""
    return outputs.reshape(len(outputs), -1).sum(1)
