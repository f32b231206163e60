"""Modules and their inputs, for checks that change and restore them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from zcbench.types import Architecture


def parts(inputs: Any) -> list[Any]:
    """Return the arguments of a network as a list."""
    if isinstance(inputs, Mapping):
        return list(inputs.values())
    return list(inputs) if isinstance(inputs, (tuple, list)) else [inputs]


def mapped(inputs: Any, change: Callable[[Any], Any]) -> Any:
    """Return the inputs with each part changed."""
    if isinstance(inputs, Mapping):
        return {name: change(part) for name, part in inputs.items()}
    return tuple(map(change, inputs)) if isinstance(inputs, (tuple, list)) else change(inputs)


def cast(inputs: Any, dtype: torch.dtype) -> Any:
    """Convert floating-point inputs to another precision."""
    return mapped(
        inputs, lambda part: part.to(dtype) if isinstance(part, Tensor) and part.is_floating_point() else part
    )


def rows(inputs: Any, samples: int, count: int) -> Any:
    """Select the first samples of inputs with a sample dimension."""

    def some(part: Any) -> Any:
        return part[:count] if isinstance(part, Tensor) and part.ndim and len(part) == samples else part

    return mapped(inputs, some)


def same(a: Tensor, b: Tensor) -> bool:
    """Return whether two tensors have the same shape and bits; nan equals nan."""
    return a.shape == b.shape and bool(torch.equal(a.nan_to_num(1.5), b.nan_to_num(1.5)))


def spoil(values: Sequence[Tensor]) -> None:
    """Overwrite tensors in place."""
    with torch.no_grad():
        for value in values:
            value.mul_(0).add_(3)


def numbers(told: Any) -> dict[str, float]:
    """Return the numbers of an evaluation by name."""
    return {name: float(value) for name, value in told.items()} if isinstance(told, Mapping) else {"value": float(told)}


def state(supernet: object) -> dict[str, Any]:
    """Return all state that the creation of subnets must not change."""
    if not isinstance(supernet, nn.Module):
        return {"modes": ()}
    modules = list(supernet.modules())
    return {
        "modes": tuple(one.training for one in modules),
        "momenta": tuple(one.momentum for one in modules if isinstance(one, _BatchNorm)),
        "parameters": {name: value.detach().clone() for name, value in supernet.named_parameters()},
        "buffers": {name: value.clone() for name, value in supernet.named_buffers()},
        "gradients": {name: None if v.grad is None else v.grad.clone() for name, v in supernet.named_parameters()},
    }


@contextmanager
def as_it_was(supernet: object) -> Iterator[None]:
    """Restore weights, buffers, gradients, modes and the active architecture of a module after the block."""
    if not isinstance(supernet, nn.Module):
        yield
        return
    tensors = [*supernet.parameters(), *supernet.buffers()]
    kept = [(value, value.data, value.detach().clone(), value.grad) for value in tensors]
    for value in tensors:
        value.grad = None
    buffers = [(one, dict(one._buffers)) for one in supernet.modules()]  # a change of precision replaces them
    modes, active = [(one, one.training) for one in supernet.modules()], getattr(supernet, "active", None)
    try:
        yield
    finally:
        with torch.no_grad():
            for value, data, copied, gradient in kept:
                value.data = data  # in the old precision
                value.copy_(copied)
                value.grad = gradient
        for module, named in buffers:
            module._buffers.update(named)
        for one, training in modes:
            one.training = training
        if isinstance(active, Architecture):
            supernet.active = active  # type: ignore[assignment]
