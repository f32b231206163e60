"""Gradient of the sum of all outputs with respect to the inputs, or to the first embedding of tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from zcbench.errors import UnsupportedModelError
from zcbench.probe import _walk
from zcbench.probe._differentiate import rows_of
from zcbench.probe._register import register_signal
from zcbench.probe.signals._watcher import Watcher
from zcbench.types import Batch

if TYPE_CHECKING:
    from zcbench.probe import Probe
    from zcbench.probe._axes import Layout


class Embedded(Watcher):
    """Records the place in the graph of the first embedding of the batch, which replaces integer inputs."""

    of_samples = True

    def start(self) -> None:
        """Register hooks on the embeddings."""
        self.embedded: Tensor | None = None
        self.layout: Layout | None = None
        for module in _walk.modules(self.probe.model):
            if isinstance(module, nn.Embedding):
                self.hook(module.register_forward_hook(self._hook))

    def _hook(self, _: nn.Module, args: tuple[Any, ...], output: Tensor) -> Tensor | None:
        if not args or not isinstance(args[0], Tensor):
            return None
        layout = self.samples(args[0])
        if self.embedded is not None or layout is None or args[0].dim() + (layout.positions > 1) < 2:
            return None
        if not output.requires_grad:
            output = output.detach().requires_grad_()
        self.embedded, self.layout = output, layout
        return output.clone()  # so that the network may overwrite it


@register_signal("input_gradients", watcher=Embedded, graph=True)
def input_gradients(probe: Probe) -> Tensor:
    """Compute the gradient of the sum of all outputs with respect to the inputs, ``(batch, features)``.

    For integer inputs, the gradient is with respect to the output of the first embedding.

    Raises:
        UnsupportedModelError: no input is a floating-point tensor, and no embedding receives the inputs; or the
            gradient is zero up to rounding.
    """
    if "output_gradients" in probe._wanted:
        found = probe._sum_pass[1]
    else:
        scalar, inputs = probe.outputs.sum(), dict(enumerate(entries(probe)))
        found = by_sample(probe, probe._differentiate(scalar, inputs, "input_gradients"))
    if _is_faint(probe, found) and _is_taken_out(probe):
        raise UnsupportedModelError(
            "the sum of all outputs does not depend on the inputs: batch norm before the last layer removes the "
            "mean over the batch, and the rest of the gradient is round-off."
        )
    return found


def _is_faint(probe: Probe, gradients: Tensor) -> bool:
    """Return whether the gradient is so small, relative to inputs and outputs, that it may be rounding only."""
    if not any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in _walk.modules(probe.model)):
        return False
    inputs = [tensor for tensor in leaves(probe) if tensor.requires_grad]
    norms = [torch.linalg.vector_norm(x.detach().float()) for x in (gradients, *inputs, probe._outputs_seen())]
    return len(inputs) > 0 and bool(norms[0] * torch.stack(norms[1:-1]).sum() < _FAINT * norms[-1])


#: Share of the outputs below which a first-order change of the inputs by their own size counts as small.
_FAINT = 1e-3
#: Share of one sample's gradient below which the gradient of all is round-off.
_ROUND_OFF = 1e-4


def _is_taken_out(probe: Probe) -> bool:
    """Return whether the gradient over three samples is zero relative to that of the first sample's outputs."""
    few = probe.batch[:3]
    inputs = Batch(few.map(lambda x: x.detach().clone().requires_grad_() if x.is_floating_point() else x))
    wanted = [tensor for tensor in inputs.tensors() if tensor.requires_grad]
    with probe._pass("train"):
        outputs = probe.call(inputs.inputs)
        whole, first = (
            torch.autograd.grad(scalar, wanted, retain_graph=True, allow_unused=True)
            for scalar in (outputs.sum(), outputs[0].sum())
        )
    sizes = [sum(float(g.abs().sum()) for g in found if g is not None) for found in (whole, first)]
    return len(few) > 1 and sizes[1] > 0 and sizes[0] <= _ROUND_OFF * sizes[1]


def by_sample(probe: Probe, gradients: Mapping[int, Tensor]) -> Tensor:
    """Return gradients with respect to :func:`entries`, ``(batch, features)``."""
    embedded = probe.watched(Embedded, graph=True) if not any(leaf.requires_grad for leaf in leaves(probe)) else None
    layout = None if embedded is None else embedded.layout
    return rows_of(gradients if layout is None else {0: layout.first(gradients[0])})


def leaves(probe: Probe) -> list[Tensor]:
    """Return the input tensors in the graph."""
    return probe._leaves.tensors()


def entries(probe: Probe) -> list[Tensor]:
    """Return the tensors that represent the inputs in the graph: real inputs, else the first embedding of tokens.

    Raises:
        UnsupportedModelError: the inputs are integers and no embedding receives them.
    """
    if not leaves(probe):
        raise UnsupportedModelError("no input tensor has a sample dimension, so there are no gradients of inputs.")
    inputs = [tensor for tensor in leaves(probe) if tensor.requires_grad]
    if not inputs:
        watcher = probe.watched(Embedded, graph=True)
        embedded = watcher.embedded
        if embedded is None:
            if problem := watcher.nothing("an embedding takes"):
                raise UnsupportedModelError(problem)
            raise UnsupportedModelError(
                "the inputs are integers and no embedding receives them: they have no gradient."
            )
        inputs = [embedded]
    return inputs
