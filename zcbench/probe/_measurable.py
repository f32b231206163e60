"""Check that a network and a batch can be measured; others are refused with one sentence before anything changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import torch
import torch.utils.checkpoint
from torch import Tensor, nn

from zcbench.errors import InvalidInputError
from zcbench.probe import _walk
from zcbench.types import Batch, Shared, is_graph, shared

#: Types that are allowed among the inputs in addition to tensors; the network receives them unchanged.
_PLAIN = (bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.device)
_QUANTIZED = ("torch.ao.nn.quantized.", "torch.ao.nn.intrinsic.quantized.")


def measurable(model: object, batch: Batch, *, anywhere: bool = False) -> nn.Module:
    """Return the network to measure: the given one without wrappers that compile it or distribute it over devices.

    Args:
        model: the network.
        batch: its input.
        anywhere: whether the two may be on different devices, because they are moved later.

    Raises:
        InvalidInputError: the model is not a measurable network, or the batch does not match.
    """
    if isinstance(model, type):
        raise InvalidInputError(f"the model is the class {model.__name__}: pass a torch.nn.Module instance of it.")
    if not isinstance(model, nn.Module):
        raise InvalidInputError(f"the model is a {type(model).__name__}: pass a torch.nn.Module instance.")
    model = _unwrapped(model)
    for module in _walk.modules(model):
        _check_module(module)
    for name, tensor in _walk.named_tensors(model):
        _check_tensor(f"the network's {name!r}", tensor)
        if tensor.is_inference():
            raise InvalidInputError(
                f"the network's {name!r} was made in torch.inference_mode, which does not allow gradients: create "
                "the network outside of it."
            )
    _check_batch(batch)
    if not anywhere:
        _check_devices(model, batch)
    return model


def ordinary(batch: Batch) -> Batch:
    """Return the batch with tensors that are leaves without gradients, and that a graph can save.

    Inputs that require gradients, or are results of a computation, would add other nodes than the network's to the
    graph. Tensors that were created in ``torch.inference_mode`` are copied; others share their memory.
    """
    targets = batch.targets
    if passed_whole(batch):
        rows = len(targets) if targets is not None else 0
        inputs = batch.each(lambda part: shared(part) if isinstance(part, Tensor) and len(part) != rows else part)
        batch = Batch(inputs, targets, batch.provenance)
    tensors = [*tensors_in(batch), *([] if targets is None else [targets])]
    if not any(tensor.is_inference() or tensor.requires_grad for tensor in tensors):
        return batch
    with torch.inference_mode(mode=False):
        return Batch(batch.map_all(_leaf), None if targets is None else _leaf(targets), batch.provenance)


def passed_whole(batch: Batch) -> list[str]:
    """Return the shapes of tensors without samples, if other tensors have as many rows as there are targets."""
    if batch.targets is None or not batch.targets.dim():
        return []
    sizes = [len(tensor) if tensor.dim() else -1 for tensor in batch.tensors()]
    if len(batch.targets) not in sizes or -1 in sizes:
        return []
    return [str(tuple(tensor.shape)) for tensor in batch.tensors() if len(tensor) != len(batch.targets)]


def tensors_in(batch: Batch) -> list[Tensor]:
    """Return all tensors of the inputs, including those in graphs and in shared values."""
    found: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        found.append(tensor)
        return tensor

    batch.map_all(keep)
    return found


def _leaf(tensor: Tensor) -> Tensor:
    return tensor.clone() if tensor.is_inference() else tensor.detach()


@contextmanager
def eager(model: nn.Module) -> Iterator[None]:
    """Run compiled modules inside the network uncompiled, so that watchers observe their operations."""
    if any(vars(m).get("_compiled_call_impl") is not None or _is_compiled(m) for m in _walk.modules(model)):
        with torch.compiler.set_stance("force_eager"):
            yield
    else:
        yield


@contextmanager
def whole_graphs() -> Iterator[None]:
    """Keep the graphs of parts under ``torch.utils.checkpoint``, as if they were not checkpointed.

    Checkpointed parts run again in the backward pass: after the probe's modes have ended, without watchers, and, if
    reentrant, without gradients of chosen tensors. The numbers are the same, but need more memory.
    """
    with ExitStack() as stack:
        for name, plain in (("CheckpointFunction", _Plain), ("_checkpoint_without_reentrant_generator", _once)):
            if hasattr(torch.utils.checkpoint, name):
                stack.enter_context(mock.patch.object(torch.utils.checkpoint, name, plain))
        yield


class _Plain:
    """Replaces the function of reentrant checkpoints."""

    @staticmethod
    def apply(function: Callable[..., Any], preserve_rng_state: bool, *args: Any) -> Any:
        return function(*args)


def _once(*_: Any, **__: Any) -> Iterator[None]:
    """Replace the code of other checkpoints before and after the pass."""
    yield


def as_classes(targets: Tensor) -> Tensor:
    """Convert class targets of any integer type, or bools for two classes, to int64; return real targets unchanged."""
    return targets if targets.is_floating_point() else targets.long()


def _unwrapped(model: nn.Module) -> nn.Module:
    wrappers = (nn.DataParallel, nn.parallel.DistributedDataParallel)
    while True:
        if isinstance(model, wrappers):
            model = model.module
        elif _is_compiled(model):
            model = model._modules["_orig_mod"]  # type: ignore[assignment]
        else:
            return model


def _is_compiled(module: nn.Module) -> bool:
    """Return whether it is a result of ``torch.compile``."""
    return not isinstance(module, torch.jit.ScriptModule) and "_orig_mod" in module._modules


def _check_module(module: nn.Module) -> None:
    kind = type(module)
    if isinstance(module, torch.jit.ScriptModule):
        raise InvalidInputError(
            "the network is scripted or traced, which hides its operations: pass the original module."
        )
    if any(parent.__name__ == "FullyShardedDataParallel" for parent in kind.__mro__):
        raise InvalidInputError("the network is distributed over processes: pass the module before it is wrapped.")
    if kind.__module__.startswith(_QUANTIZED):
        raise InvalidInputError(
            f"the network has the quantised layer {kind.__name__}, which has no weights to measure: pass the network "
            "before it is quantised."
        )


def _check_tensor(what: str, tensor: Tensor) -> None:
    """Check that a tensor is dense and has values; all other tensors are refused."""
    if torch.nn.parameter.is_lazy(tensor):
        raise InvalidInputError(f"{what} has no shape yet: call the network once on a batch before it is scored.")
    if tensor.is_meta:
        raise InvalidInputError(f"{what} is on the meta device and has no values: create it on a device with memory.")
    if tensor.is_nested:
        raise InvalidInputError(f"{what} is a nested tensor: pad it to one shape.")
    if tensor.layout is not torch.strided and tensor.layout is not torch._mkldnn:  # type: ignore[attr-defined]
        raise InvalidInputError(f"{what} is sparse, but only dense tensors are measured: use .to_dense().")
    if tensor.is_quantized:
        raise InvalidInputError(f"{what} is quantised: use .dequantize().")
    if hasattr(tensor, "__tensor_flatten__"):
        raise InvalidInputError(f"{what} is a {type(tensor).__name__}: pass plain tensors.")


def _check_batch(batch: object) -> None:
    if not isinstance(batch, Batch):
        raise InvalidInputError(f"the batch is a {type(batch).__name__}: pass a zcbench.Batch.")
    parts = _named_parts(batch)
    for what, part in parts:
        _check_part(what, part, alone=len(parts) == 1)
    if not tensors_in(batch):
        raise InvalidInputError("inputs must be a tensor, a tuple of tensors or a mapping from names to tensors.")
    if batch.targets is not None:
        if not isinstance(batch.targets, Tensor):
            raise InvalidInputError(f"targets are a {type(batch.targets).__name__}: pass a tensor.")
        _check_tensor("the targets' tensor", batch.targets)
        if batch.targets.is_complex():
            raise InvalidInputError("targets are complex: pass classes or real numbers.")
        parts.append(("targets", batch.targets))
    if not passed_whole(batch):
        _check_samples([(what, part) for what, part in parts if isinstance(part, Tensor)])


def _named_parts(batch: Batch) -> list[tuple[str, Any]]:
    """Return the inputs with names for messages."""
    if is_graph(batch.inputs):
        return [("the input", batch.inputs)]
    if isinstance(batch.inputs, dict) or hasattr(batch.inputs, "keys"):
        if not all(isinstance(name, str) for name in batch.inputs):
            raise InvalidInputError(
                "the names of inputs in a mapping must be texts: the names of the network's arguments."
            )
        return [(f"the input {name!r}", part) for name, part in batch.inputs.items()]  # type: ignore[union-attr]
    if isinstance(batch.inputs, tuple):
        return [(f"the input number {number}", part) for number, part in enumerate(batch.inputs, 1)]
    return [("the input", batch.inputs)]


def _check_part(what: str, part: object, *, alone: bool) -> None:
    if isinstance(part, Tensor):
        _check_tensor(what, part)
    elif isinstance(part, Shared) or is_graph(part):
        for tensor in tensors_in(Batch((part,))):
            _check_tensor(what, tensor)
    elif alone or not isinstance(part, _PLAIN):
        raise InvalidInputError(
            f"{what} is of the type {type(part).__name__}; inputs must be a tensor, a tuple of tensors or a mapping "
            "from names to tensors, and in addition numbers, texts and None."
        )


def _check_samples(parts: list[tuple[str, Tensor]]) -> None:
    sizes = {what: int(tensor.shape[0]) if tensor.dim() else 0 for what, tensor in parts}
    different = sorted(set(sizes.values()))
    if len(different) > 1:
        shapes = ", ".join(f"{what} {tuple(tensor.shape)}" for what, tensor in parts[:8])
        raise InvalidInputError(
            f"inputs and targets have different first dimensions ({', '.join(map(str, different))}): each must be "
            f"the number of samples. Shapes: {shapes}. Wrap a value that is the same for all samples, such as the "
            "edges of a graph, in zcbench.shared(…)."
        )
    if different == [0]:
        raise InvalidInputError("the batch is empty: pass at least one sample.")


def _check_devices(model: nn.Module, batch: Batch) -> None:
    if any(hasattr(module, "_hf_hook") for module in _walk.modules(model)):  # it moves its inputs itself
        return
    places = {tensor.device for tensor in _walk.tensors(model)}
    tensors = [*tensors_in(batch), *([] if batch.targets is None else [batch.targets])]
    for tensor in tensors:
        if places and tensor.device not in places:
            raise InvalidInputError(
                f"the network is on {', '.join(sorted(map(str, places)))} and the batch on {tensor.device}: move one "
                "of them, or pass device=… to move both."
            )
