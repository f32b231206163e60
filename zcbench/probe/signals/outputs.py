"""Output of the network."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from torch import Tensor

from zcbench.probe._register import register_signal
from zcbench.probe.signals.input_gradients import Embedded

if TYPE_CHECKING:
    from zcbench.probe import Probe


@register_signal("outputs", graph=True)
def outputs(probe: Probe) -> Tensor:
    """Compute the output of the network for the batch, train-mode batch norm, graph attached."""
    leaves = probe._leaves
    kinds = probe._shared if any(t.requires_grad for t in leaves.tensors()) else probe._shared | {Embedded}
    watchers = probe._watching(kinds)
    with probe.forward_pass(), ExitStack() as stack:
        for watcher in watchers.values():
            stack.enter_context(watcher)
        found = probe.call(leaves.inputs)
    probe._watchers = watchers
    return found
