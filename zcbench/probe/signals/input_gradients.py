"""Gradient of the sum of all outputs with respect to the inputs, or to what the first embedding makes of tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from zcbench.errors import UnsupportedModelError
from zcbench.probe._differentiate import rows_of
from zcbench.probe._register import register_signal
from zcbench.probe.signals._watcher import Watcher

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
        for module in self.probe.model.modules():
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
        UnsupportedModelError: no input is a floating-point tensor, and no embedding takes them.
    """
    if "output_gradients" in probe._wanted:
        return probe._sum_pass[1]
    found = probe._differentiate(probe.outputs.sum(), dict(enumerate(entries(probe))), "input_gradients")
    return by_sample(probe, found)


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
