"""Gradient of the sum of all outputs with respect to the inputs, or to what the first embedding makes of tokens."""

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
    """The place in the graph of the first embedding of the batch: what stands for the input where that is integer."""

    of_samples = True

    def start(self) -> None:
        """Hook the embeddings."""
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
        return output.clone()  # so that the network may write to it


@register_signal("input_gradients", watcher=Embedded, graph=True)
def input_gradients(probe: Probe) -> Tensor:
    """Gradient of the sum of all outputs with respect to the inputs, ``(batch, features)``.

    Where the inputs are integers, with respect to what the first embedding makes of them.

    Raises:
        UnsupportedModelError: no input is a floating-point tensor, and no embedding takes them; or the gradient is zero
            but for rounding.
    """
    if "output_gradients" in probe._wanted:
        found = probe._sum_pass[1]
    else:
        scalar, inputs = probe.outputs.sum(), dict(enumerate(entries(probe)))
        found = by_sample(probe, probe._differentiate(scalar, inputs, "input_gradients"))
    if _is_faint(probe, found) and _is_taken_out(probe):
        raise UnsupportedModelError(
            "the sum of all outputs does not depend on the inputs: batch norm takes the mean over the batch out before "
            "the last layer, and what is left of the gradient is round-off."
        )
    return found


def _is_faint(probe: Probe, gradients: Tensor) -> bool:
    """Whether the gradient is so small, beside inputs and outputs, that it may be rounding alone."""
    if not any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in _walk.modules(probe.model)):
        return False
    inputs = [tensor for tensor in leaves(probe) if tensor.requires_grad]
    norms = [torch.linalg.vector_norm(x.detach().float()) for x in (gradients, *inputs, probe._outputs_seen())]
    return len(inputs) > 0 and bool(norms[0] * torch.stack(norms[1:-1]).sum() < _FAINT * norms[-1])


#: Share of the outputs below which a first-order change of the inputs by their own size counts as faint.
_FAINT = 1e-3
#: Share of one sample's gradient below which that of all is round-off.
_ROUND_OFF = 1e-4


def _is_taken_out(probe: Probe) -> bool:
    """Whether the gradient of the sum over three samples vanishes beside that of the first one's outputs alone."""
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
    """Gradients with respect to :func:`entries`, ``(batch, features)``."""
    embedded = probe.watched(Embedded, graph=True) if not any(leaf.requires_grad for leaf in leaves(probe)) else None
    layout = None if embedded is None else embedded.layout
    return rows_of(gradients if layout is None else {0: layout.first(gradients[0])})


def leaves(probe: Probe) -> list[Tensor]:
    """The input tensors in the graph."""
    return probe._leaves.tensors()


def entries(probe: Probe) -> list[Tensor]:
    """What stands for the inputs in the graph: those that are real, else what the first embedding makes of tokens.

    Raises:
        UnsupportedModelError: the inputs are integers and no embedding takes them.
    """
    if not leaves(probe):
        raise UnsupportedModelError("no input tensor counts samples, so that there are no gradients of theirs.")
    inputs = [tensor for tensor in leaves(probe) if tensor.requires_grad]
    if not inputs:
        watcher = probe.watched(Embedded, graph=True)
        embedded = watcher.embedded
        if embedded is None:
            if problem := watcher.nothing("an embedding takes"):
                raise UnsupportedModelError(problem)
            raise UnsupportedModelError("the inputs are integers and no embedding takes them: they have no gradient.")
        inputs = [embedded]
    return inputs
