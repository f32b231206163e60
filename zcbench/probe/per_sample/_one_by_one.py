"""Per-sample gradients by a separate pass for each sample, for any network."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

from zcbench.errors import UnsupportedModelError
from zcbench.probe._world import restore_torch, seed_torch, torch_states
from zcbench.probe.modes import BatchNorm, FoldedError

if TYPE_CHECKING:
    from zcbench.probe import Probe

#: From (outputs of some samples, index of the first of these samples) to one number per sample.
Scalars: TypeAlias = Callable[[Tensor, int], Tensor]

#: Number of samples of the pass that shows the sample dimension.
FEW = 2
_UNCOUNTED = "the output has shape {shape}: its first dimension must be the {batch} samples."


def one_by_one(probe: Probe, scalars: Scalars, batch_norm: BatchNorm) -> Iterator[dict[str, Tensor]]:
    count = len(probe.batch)
    if count > 1:
        few = min(FEW, count - 1)
        try:
            refuse_mixing(probe, batch_norm, _outputs(probe, few, batch_norm), _outputs(probe, count, batch_norm))
        except FoldedError:  # batch norm shows nothing about other layers
            refuse_mixing(probe, "eval", _outputs(probe, few, "eval"), _outputs(probe, count, "eval"))
    for i in range(count):
        with probe.forward_pass(batch_norm):
            scalar = scalars(probe.call(probe.batch[i : i + 1].inputs), i).sum()
        yield probe.gradients_of(scalar)


def _outputs(probe: Probe, samples: int, batch_norm: BatchNorm) -> Tensor:
    """Return the outputs of this many first samples; raise UnsupportedModelError if the first dimension differs."""
    with probe._pass(batch_norm):  # with a graph, which networks need that differentiate something themselves
        return counted(probe.call(probe.batch[:samples].inputs), samples).detach()


def counted(outputs: Tensor, samples: int) -> Tensor:
    if outputs.shape[0] != samples:
        raise UnsupportedModelError(_UNCOUNTED.format(shape=tuple(outputs.shape), batch=samples))
    return outputs


def refuse_mixing(probe: Probe, batch_norm: BatchNorm, few: Tensor, whole: Tensor) -> None:
    """Refuse a network in which a sample's output depends on other samples.

    Per-sample gradients have no meaning there.

    Args:
        probe: the network and its batch.
        batch_norm: the mode of both passes.
        few: outputs of the first samples alone.
        whole: outputs of all.

    Raises:
        UnsupportedModelError: the outputs of the first samples differ in the whole batch, and not by random numbers.
    """
    part = whole[: len(few)]
    if few.shape == part.shape and close(few, part):
        return
    if few.shape == part.shape:
        states, seed = torch_states(), probe.seed
        try:
            with probe._pass(batch_norm):
                seed_torch(seed + 1)
                if not close(probe.call(probe.batch[: len(few)].inputs), few):
                    return  # it draws random numbers, which differ for each batch size
        finally:
            restore_torch(states)
    raise UnsupportedModelError(
        f"the network mixes samples: its outputs for {len(few)} of them differ when they are processed alone, so "
        "per-sample gradients are not defined."
    )


def close(a: Tensor, b: Tensor) -> bool:
    """Return whether two outputs differ by rounding only, relative to the largest number."""
    a, b = a.detach(), b.detach()
    scale = float(torch.maximum(a.abs().max(), b.abs().max()))
    return not math.isfinite(scale) or float((a - b).abs().max()) <= torch.finfo(a.dtype).eps ** 0.5 * scale
