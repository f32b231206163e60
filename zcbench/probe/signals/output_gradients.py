"""Gradient of the sum of all outputs with respect to the parameters."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from torch import Tensor

from zcbench.errors import UnsupportedModelError
from zcbench.probe._register import register_signal

if TYPE_CHECKING:
    from zcbench.probe import Probe


@register_signal("output_gradients", graph=True)
def output_gradients(probe: Probe) -> dict[str, Tensor]:
    """Compute the gradient of the sum of all outputs by name of the trainable parameter."""
    if "input_gradients" in probe._wanted and probe.parameters:
        with suppress(UnsupportedModelError):  # raised for the inputs, which these gradients do not need
            return probe._sum_pass[0]
    return probe._differentiate(probe.outputs.sum(), probe.parameters, "output_gradients")
