"""The loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from zcbench.probe._register import register_signal

if TYPE_CHECKING:
    from zcbench.probe import Probe


@register_signal("loss", graph=True)
def loss(probe: Probe) -> Tensor:
    """Compute the scalar loss of the batch, graph attached."""
    return probe.loss_of(probe.outputs, probe.targets)
