"""Move networks and batches to the device of the computation, and restore them afterwards."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor, nn

from zcbench import devices
from zcbench.types import Batch

#: batches that were moved, by identity and device: each is moved once per process
_sent: dict[tuple[int, torch.device], tuple[weakref.ref[Batch], Batch]] = {}


def placed(batch: Batch, device: torch.device) -> Batch:
    """Return the batch on a device."""

    def there(tensor: Tensor) -> Tensor:
        if device.type == "cuda" and tensor.device.type == "cpu":
            with suppress(RuntimeError):  # memory that cannot be pinned is copied directly
                return tensor.pin_memory().to(device, non_blocking=True)
        return tensor.to(device)

    if all(tensor.device == device for tensor in _tensors(batch)):
        return batch
    targets = None if batch.targets is None else there(batch.targets)
    return Batch(batch.map(there), targets, batch.provenance)


def placed_once(batch: Batch, device: torch.device) -> Batch:
    """Apply :func:`placed` to a batch that many networks use: it is moved once during its lifetime."""
    if device.type == devices.CPU or all(tensor.device == device for tensor in _tensors(batch)):
        return placed(batch, device)  # a batch that is on the device already is kept by its owner
    key = (id(batch), device)
    known = _sent.get(key)
    if known is None or known[0]() is not batch:
        forget = _sent.pop  # bound now: at the end of a process its module may be gone

        def gone(_: object) -> None:
            forget(key, None)

        known = _sent[key] = (weakref.ref(batch, gone), placed(batch, device))
    return known[1]


def _tensors(batch: Batch) -> list[Tensor]:
    return [*batch.tensors(), *([] if batch.targets is None else [batch.targets])]


@contextmanager
def moved(model: Any, device: torch.device) -> Iterator[None]:
    """Move a network to a device for this block, with the tensors among the attributes of its modules.

    Afterwards everything is restored: the same tensors in the same memory. Changes to the network in the block are
    lost.
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
    """A module's own attributes, and the contents of its tensors."""

    def __init__(self, module: nn.Module) -> None:
        self._table = vars(module)
        self._attributes: dict[str, Any] = dict(self._table)
        self._tables = [(table, dict(table)) for table in (module._parameters, module._buffers)]
        found = [*module._parameters.values(), *module._buffers.values(), *self._attributes.values()]
        tensors = [tensor for tensor in found if isinstance(tensor, Tensor)]
        self._tensors = [(tensor, tensor.data, tensor.grad if tensor.is_leaf else None) for tensor in tensors]
        self._gradients = [(grad, grad.data) for _, _, grad in self._tensors if grad is not None]

    def take_along(self, device: torch.device, known: dict[int, Any]) -> None:
        """Move tensors that are plain attributes; a tensor in several places remains one tensor."""
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
