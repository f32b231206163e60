"""Gradient of the loss."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from torch import Tensor

from zcbench.probe._register import register_signal

if TYPE_CHECKING:
    from zcbench.probe import Probe


@register_signal("gradients", graph=True)
def gradients(probe: Probe) -> dict[str, Tensor]:
    """Compute the gradient of the loss by name of the trainable parameter; zero where the loss is independent of it."""
    loss = probe.loss
    with ExitStack() as stack:
        for watcher in probe._watchers.values():
            stack.enter_context(watcher.loss_pass())
        return probe._differentiate(loss, probe.parameters, "gradients", "channel_products")
