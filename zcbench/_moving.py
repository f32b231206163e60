"""Networks and batches go to the device that they are computed on, and come back as they were."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor, nn

from zcbench import devices
from zcbench.types import Batch

#: batches that were sent somewhere, by their identity and where: they travel once per process
_sent: dict[tuple[int, torch.device], tuple[weakref.ref[Batch], Batch]] = {}


def placed(batch: Batch, device: torch.device) -> Batch:
    """The batch on a device."""

    def there(tensor: Tensor) -> Tensor:
        if device.type == "cuda" and tensor.device.type == "cpu":
            with suppress(RuntimeError):  # what cannot be pinned is copied all the same
                return tensor.pin_memory().to(device, non_blocking=True)
        return tensor.to(device)

    if all(tensor.device == device for tensor in _tensors(batch)):
        return batch
    targets = None if batch.targets is None else there(batch.targets)
    return Batch(batch.map(there), targets, batch.provenance)


def placed_once(batch: Batch, device: torch.device) -> Batch:
    """As :func:`placed`, for a batch that many networks see: it is sent once, as long as it lives."""
    if device.type == devices.CPU:
        return placed(batch, device)
    key = (id(batch), device)
    known = _sent.get(key)
    if known is None or known[0]() is not batch:
        known = _sent[key] = (weakref.ref(batch, lambda _: _sent.pop(key, None)), placed(batch, device))
    return known[1]


def _tensors(batch: Batch) -> list[Tensor]:
    return [*batch.tensors(), *([] if batch.targets is None else [batch.targets])]


@contextmanager
def moved(model: Any, device: torch.device) -> Iterator[None]:
    """Have a network on a device in this block; tensors among the attributes of its modules go with it.

    Afterwards all is what it was: the same tensors in the same memory. What was done to it meanwhile is lost.
    """
    tensors = [*model.parameters(), *model.buffers()] if isinstance(model, nn.Module) else []
    if all(tensor.device == device for tensor in tensors):
        yield
        return
    kept, known = [_Kept(module) for module in model.modules()], dict[int, Any]()
    try:
        model.to(device)
        for one in kept:
            one.take_along(device, known)
        yield
    finally:
        for one in kept:
            one.put_back()


class _Kept:
    """A module's own attributes, and what its tensors hold."""

    def __init__(self, module: nn.Module) -> None:
        self._table = vars(module)
        self._attributes: dict[str, Any] = dict(self._table)
        self._tables = [(table, dict(table)) for table in (module._parameters, module._buffers)]
        found = [*module._parameters.values(), *module._buffers.values(), *self._attributes.values()]
        tensors = [tensor for tensor in found if isinstance(tensor, Tensor)]
        self._tensors = [(tensor, tensor.data, tensor.grad if tensor.is_leaf else None) for tensor in tensors]
        self._gradients = [(grad, grad.data) for _, _, grad in self._tensors if grad is not None]

    def take_along(self, device: torch.device, known: dict[int, Any]) -> None:
        """Send the tensors that are plain attributes after the others; what is in several places stays one tensor."""
        for table, before in self._tables:
            for name, value in before.items():
                if value is not None and (now := table.get(name)) is not value:
                    table[name] = known.setdefault(id(value), now)
        for name, value in self._attributes.items():
            if type(value) is Tensor and self._table.get(name) is value:
                if id(value) not in known:
                    known[id(value)] = _there(value, device)
                self._table[name] = known[id(value)]

    def put_back(self) -> None:
        for table, before in ((self._table, self._attributes), *self._tables):
            table.clear()
            table.update(before)
        for grad, data in self._gradients:
            if grad.device != data.device:
                grad.data = data
        for tensor, data, gradient in self._tensors:
            if tensor.device != data.device:
                tensor.grad = None
                tensor.data = data
            if gradient is not None and tensor.grad is not gradient:
                tensor.grad = gradient


def _there(tensor: Any, device: torch.device) -> Tensor:
    found: Tensor = tensor.detach().to(device).requires_grad_(tensor.requires_grad)
    return found
