"""Gradients of one number, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Tensor

from zcbench.errors import UnsupportedModelError

K = TypeVar("K")


def gradients_of(scalar: Tensor, tensors: Mapping[K, Tensor], *, keep: bool = True) -> dict[K, Tensor]:
    """Return the gradient of a scalar by name; zero where it does not depend on the tensor.

    Args:
        scalar: the number that is differentiated.
        tensors: the tensors with respect to which it is differentiated.
        keep: whether the graph is still needed.

    Raises:
        UnsupportedModelError: there is nothing to differentiate.
    """
    if not tensors:
        raise UnsupportedModelError("the network has no trainable parameter.")
    if not scalar.requires_grad:
        return {key: torch.zeros_like(tensor) for key, tensor in tensors.items()}
    found = torch.autograd.grad(scalar, list(tensors.values()), retain_graph=keep, allow_unused=True)
    return {
        key: torch.zeros_like(tensor) if gradient is None else dense(gradient.detach())
        for (key, tensor), gradient in zip(tensors.items(), found, strict=True)
    }


def dense(gradient: Tensor) -> Tensor:
    """Convert the gradient of a sparse embedding to a dense tensor."""
    return gradient.to_dense() if gradient.is_sparse else gradient


def rows_of(gradients: Mapping[int, Tensor]) -> Tensor:
    """Concatenate the gradients of the inputs, ``(batch, features)``."""
    return torch.cat([gradient.flatten(1) for gradient in gradients.values()], dim=1)
