"""The tangent kernel between classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zcbench.probe._differentiate import gradients_of
from zcbench.probe._register import register_signal
from zcbench.probe.per_sample import inner_products, output_sums

if TYPE_CHECKING:
    from zcbench.probe import Probe


@register_signal("class_kernel", graph=True)
def class_kernel(probe: Probe) -> Tensor:
    """Average the train-mode tangent kernel over pairs of classes, ``(classes, classes)``, float64.

    It takes one backward pass per class in the batch, whatever the batch size, and is exact.

    Raises:
        UnsupportedModelError: targets are not one class per sample.
    """
    classes = probe.classes
    sums, parameters = output_sums(probe.outputs), probe.parameters
    labels = torch.unique(classes)
    return inner_products((gradients_of(sums[classes == label].mean(), parameters) for label in labels), len(labels))
