"""Gradient of the sum of all outputs with respect to the parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from zcbench.probe._register import register_signal

if TYPE_CHECKING:
    from zcbench.probe import Probe


@register_signal("output_gradients", graph=True)
def output_gradients(probe: Probe) -> dict[str, Tensor]:
    """Gradient of the sum of all outputs by name of the trainable parameter."""
    if "input_gradients" in probe._wanted and probe.parameters:
        return probe._sum_pass[0]
    return probe.gradients_of(probe.outputs.sum())
