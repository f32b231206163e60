"""Leave the world as it was found: weights, buffers, attributes, hooks, gradients, random numbers, global flags."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

# Attributes of a module that are dictionaries which change in place.
_TABLES = (
    "_parameters",
    "_buffers",
    "_modules",
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
    "_backward_pre_hooks",
)


class Snapshot:
    """A network's complete state, taken at construction."""

    def __init__(self, model: nn.Module) -> None:
        self._modules = []
        tensors: dict[int, Tensor] = {}
        for module in model.modules():
            attributes = dict(vars(module))
            tables = {name: attributes[name].copy() for name in _TABLES if name in attributes}
            self._modules.append((module, attributes, tables))
            for tensor in (*module._parameters.values(), *module._buffers.values()):
                if tensor is not None:
                    tensors[id(tensor)] = tensor
        self._tensors = [
            (tensor, tensor.detach().clone(), tensor.requires_grad, tensor.grad) for tensor in tensors.values()
        ]

    def restore_structure(self) -> None:
        """Put back every attribute, child, parameter object, buffer object and hook."""
        for module, attributes, tables in self._modules:
            vars(module).clear()
            vars(module).update(attributes)
            for name, table in tables.items():
                current = attributes[name]
                current.clear()
                current.update(table)

    def restore_buffers(self) -> None:
        """Put back the contents of every buffer."""
        for tensor, value, _, _ in self._tensors:
            if not isinstance(tensor, nn.Parameter):
                _write(tensor, value)

    def restore(self) -> None:
        """Put back everything, gradients and ``requires_grad`` included."""
        self.restore_structure()
        for tensor, value, requires_grad, grad in self._tensors:
            if tensor.shape != value.shape or not torch.equal(tensor, value):
                _write(tensor, value)
            if tensor.requires_grad != requires_grad:
                tensor.requires_grad_(requires_grad)
            tensor.grad = grad

    def detach_gradients(self) -> None:
        """Take the gradients off, so that nobody accumulates into the caller's tensors."""
        for tensor, _, _, _ in self._tensors:
            tensor.grad = None


def _write(tensor: Tensor, value: Tensor) -> None:
    # Through .data, so that a graph which saved the tensor stays valid.
    if tensor.shape == value.shape and tensor.dtype == value.dtype:
        tensor.data.copy_(value)
    else:
        tensor.data = value.clone()


@contextmanager
def untouched(model: nn.Module) -> Iterator[Snapshot]:
    """Whatever happens inside, the network and the global state of torch, numpy and random come out as they went in."""
    snapshot = Snapshot(model)
    restore_world = _world()
    snapshot.detach_gradients()
    try:
        yield snapshot
    finally:
        snapshot.restore()
        restore_world()


def _world() -> Callable[[], None]:
    cudnn: Any = torch.backends.cudnn
    flags = ("enabled", "benchmark", "deterministic", "allow_tf32")
    cudnn_flags = {flag: getattr(cudnn, flag) for flag in flags}
    rng = torch.get_rng_state()
    cuda_rng = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None  # type: ignore[no-untyped-call]
    python_rng, numpy_rng = random.getstate(), np.random.get_state()
    dtype, grad = torch.get_default_dtype(), torch.is_grad_enabled()
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    precision = torch.get_float32_matmul_precision()
    threads = torch.get_num_threads()

    def restore() -> None:
        for flag, value in cudnn_flags.items():
            if getattr(cudnn, flag) != value:
                setattr(cudnn, flag, value)
        torch.set_rng_state(rng)
        if cuda_rng is not None:
            torch.cuda.set_rng_state_all(cuda_rng)
        random.setstate(python_rng)
        np.random.set_state(numpy_rng)
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(grad)
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
        if torch.get_float32_matmul_precision() != precision:
            torch.set_float32_matmul_precision(precision)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)

    return restore
