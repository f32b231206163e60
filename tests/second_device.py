"""A second device in this process: torch's spare backend, whose tensors lie in the processor's memory.

Its operations unwrap their tensors, run on the processor and wrap what comes of it: values are the processor's but for
round-off. As on a GPU, an operation refuses tensors of two devices (numbers aside), nothing is read without a copy, and
random numbers that are drawn there are others than the processor's. Unlike CUDA it refuses indices on the processor.

What is copied to the processor, or waited for, is counted in :data:`WAITS` by operation.
"""

from __future__ import annotations

import ctypes
import functools
from collections import Counter

import torch
from torch import Tensor
from torch.utils import backend_registration
from torch.utils._pytree import tree_flatten, tree_unflatten

#: its name; ``torch.device("second")``
NAME = "second"
#: device type of DLPack that torch takes for its spare backend
_SPARE = 12
#: how often the processor waited for the device, by what it waited for
WAITS: Counter[str] = Counter()
#: bytes of a made-up account: what operations have given, up and down; the last is what is in use
_MEMORY = [1]

_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
_random = torch.Generator().manual_seed(0xD1CE)
_RANDOM = {"bernoulli_", "exponential_", "multinomial", "normal_", "random_", "randperm", "uniform_", "rand", "randn"}
_RANDOM |= {"randint", "bernoulli", "normal", "native_dropout", "rand_like", "randn_like", "randint_like", "dropout"}
_WAITING = {"equal", "_local_scalar_dense", "nonzero", "_unique2", "unique_dim", "masked_select", "is_nonzero"}
#: operations that take a number on the processor beside a tensor of theirs, as those of CUDA do
_WITH_NUMBERS = {
    *("add", "sub", "rsub", "mul", "div", "floor_divide", "remainder", "fmod", "pow", "maximum", "minimum", "where"),
    *("eq", "ne", "lt", "le", "gt", "ge", "bitwise_and", "bitwise_or", "bitwise_xor", "logical_and", "logical_or"),
    *("fill", "masked_fill", "index_put", "_index_put_impl", "copy", "atan2", "xlogy", "bitwise_left_shift"),
    *("bitwise_right_shift", "__lshift__", "__rshift__", "__and__", "__or__", "__xor__", "result_type"),
}
#: operations of the spare backend alone, with what the processor calls them
_OTHERWISE = {
    "convolution_overrideable": torch.ops.aten.convolution.default,
    "convolution_backward_overrideable": torch.ops.aten.convolution_backward.default,
}


class _Module(backend_registration._DummyBackendModule):
    """What ``torch.second`` has."""

    def manual_seed_all(self, seed):
        _random.manual_seed(seed ^ 0xD1CE)

    manual_seed = manual_seed_all

    def get_rng_state(self, device=None):
        return _random.get_state()

    def set_rng_state(self, state, device=None):
        _random.set_state(state)

    def get_rng_state_all(self):
        return [_random.get_state()]

    def set_rng_state_all(self, states):
        _random.set_state(states[0])

    def synchronize(self, device=None):
        WAITS["synchronize"] += 1

    def max_memory_allocated(self, device=None):
        return max(_MEMORY)

    def reset_peak_memory_stats(self, device=None):
        del _MEMORY[:-1]

    def empty_cache(self):
        pass

    def get_device_name(self, device=None):
        return "a second device"

    def get_amp_supported_dtype(self):
        return [torch.float16, torch.bfloat16]


def wrapped(raw: Tensor) -> Tensor:
    """The tensor of the second device that has a processor's tensor's memory."""
    raw = raw.detach().resolve_conj().resolve_neg()
    capsule = torch._C._to_dlpack(raw)
    ctypes.c_int.from_address(_pointer(capsule, b"dltensor") + 8).value = _SPARE
    found: Tensor = torch._C._from_dlpack(capsule)
    return found


def unwrapped(tensor: Tensor) -> Tensor:
    """The processor's tensor that has the memory of one of the second device; it does not keep it alive."""
    storage = tensor.untyped_storage()
    memory = torch._C._construct_storage_from_data_pointer(storage.data_ptr(), torch.device("cpu"), storage.nbytes())
    raw = torch.empty(0, dtype=tensor.dtype)
    raw.set_(memory, tensor.storage_offset(), tensor.size(), tensor.stride())
    if tensor.is_conj():
        raw = torch._conj(raw)
    return raw


def _on_it(part: object) -> bool:
    return isinstance(part, Tensor) and part.device.type == NAME


def _run(op, *args, **kwargs):
    """An operation whose tensors are on the second device."""
    name = op._schema.name.partition("::")[2]
    flat, form = tree_flatten((args, kwargs))
    numbers = name.removesuffix("_") in _WITH_NUMBERS
    mixed = [x for x in flat if isinstance(x, Tensor) and x.device.type == "cpu" and (x.dim() or not numbers)]
    given = [x for x in flat if _on_it(x)]
    if mixed and given:
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but {name} found at least two devices, {NAME} and cpu!"
        )
    if name in _WAITING:
        WAITS[name] += 1
    raws = [_raw(x) if _on_it(x) else torch.device("cpu") if _names_it(x) else x for x in flat]
    back = {id(raw): x for raw, x in zip(raws, flat, strict=True) if isinstance(raw, Tensor)}
    bases = {x.untyped_storage().data_ptr(): x for x in given if x.untyped_storage().nbytes()}
    inner_args, inner_kwargs = tree_unflatten(raws, form)
    call = _OTHERWISE.get(name, op)
    if call is _OTHERWISE.get("convolution_backward_overrideable"):
        out, input, weight, *rest = inner_args
        inner_args = (out, input, weight, [weight.shape[0]], *rest)
    if inner_args and isinstance(inner_args[0], int | float) and str(op._schema.arguments[0].type) == "Tensor":
        inner_args = (torch.tensor(inner_args[0]), *inner_args[1:])  # a number in the place of a tensor
    drawn = name in _RANDOM
    result = _drawn(call, inner_args, inner_kwargs) if drawn else call(*inner_args, **inner_kwargs)

    _MEMORY[:] = [max(_MEMORY), *_MEMORY[-1:]]
    _MEMORY.append(sum(x.untyped_storage().nbytes() for x in given) + 1)

    def outer(raw: object) -> object:
        if not isinstance(raw, Tensor):
            return raw
        if id(raw) in back:
            _resized(back[id(raw)], raw)
            return back[id(raw)]
        base = bases.get(raw.untyped_storage().data_ptr()) if raw.untyped_storage().nbytes() else None
        if base is None:
            return wrapped(raw)
        return _seen(base, raw.size(), raw.stride(), raw.storage_offset())

    found, shape = tree_flatten(result)
    return tree_unflatten([outer(raw) for raw in found], shape)


def _names_it(part: object) -> bool:
    return isinstance(part, torch.device) and part.type == NAME


def _raw(tensor: Tensor) -> Tensor:
    """As :func:`unwrapped`; what has no numbers yet can be given some."""
    return unwrapped(tensor) if tensor.numel() else torch.empty(tensor.shape, dtype=tensor.dtype)


def _resized(tensor: Tensor, raw: Tensor) -> None:
    """Take over what an operation has given memory (``out=`` of no size)."""
    if raw.shape != tensor.shape:
        tensor.data = wrapped(raw)


def _seen(base: Tensor, size, stride, offset) -> Tensor:
    view = torch.ops.aten.alias(base)
    return torch.ops.aten.as_strided_(view, size, stride, offset)


def _drawn(op, args, kwargs):
    """What an operation draws from the device's own random numbers, unless a generator is given."""
    if any(isinstance(x, torch.Generator) for x in (*args, *kwargs.values())):
        raise RuntimeError(f"Expected a '{NAME}' device type for generator but found 'cpu'")
    before = torch.get_rng_state()
    torch.set_rng_state(_random.get_state())
    try:
        return op(*args, **kwargs)
    finally:
        _random.set_state(torch.get_rng_state())
        torch.set_rng_state(before)


def _as_strided(tensor, size, stride, storage_offset=None):
    return _seen(tensor, size, stride, tensor.storage_offset() if storage_offset is None else storage_offset)


def _view(tensor, size):
    raw = unwrapped(tensor).view(size)
    return _seen(tensor, raw.size(), raw.stride(), raw.storage_offset())


def _reshape_alias(tensor, size, stride):
    return _seen(tensor, size, stride, tensor.storage_offset())


def _unfold(tensor, dimension, size, step):
    raw = unwrapped(tensor).unfold(dimension, size, step)
    return _seen(tensor, raw.size(), raw.stride(), raw.storage_offset())


def _copy_from(source, target, non_blocking=False):
    if target.device.type == "cpu":
        WAITS["copy to the processor"] += 1
    raw = unwrapped(source) if _on_it(source) else source
    (unwrapped(target) if _on_it(target) else target).copy_(raw)
    return target


def _empty(size, dtype=None, layout=None, device=None, pin_memory=None, memory_format=None):
    if layout not in (None, torch.strided):
        raise NotImplementedError("the second device has no sparse tensors")
    return wrapped(torch.empty(size, dtype=dtype, memory_format=memory_format or torch.contiguous_format))


def _empty_strided(size, stride, dtype=None, layout=None, device=None, pin_memory=None):
    return wrapped(torch.empty_strided(size, stride, dtype=dtype))


def _is_set_to(tensor, other):
    forms = [(x.untyped_storage()._cdata, x.storage_offset(), x.size(), x.stride()) for x in (tensor, other)]
    return forms[0] == forms[1]


def _item(tensor):
    WAITS["_local_scalar_dense"] += 1
    return unwrapped(tensor).item()


def _fused_cell(input_gates, hidden_gates, cx, input_bias=None, hidden_bias=None):
    """The fused LSTM cell, which only GPUs have; it has a first derivative alone, as there."""
    gates = sum(unwrapped(x) for x in (input_gates, hidden_gates, input_bias, hidden_bias) if x is not None)
    i, f, g, o = gates.chunk(4, 1)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    cy = f * unwrapped(cx) + i * g
    return tuple(map(wrapped, (o * cy.tanh(), cy, torch.cat([i, f, g, o], 1))))


def _fused_cell_backward(grad_hy, grad_cy, cx, cy, workspace, has_bias):
    if grad_hy is None and grad_cy is None:
        return None, None, None
    i, f, g, o = unwrapped(workspace).chunk(4, 1)
    cx, cy = unwrapped(cx), unwrapped(cy)
    hy = torch.zeros_like(cy) if grad_hy is None else unwrapped(grad_hy)
    total = (torch.zeros_like(cy) if grad_cy is None else unwrapped(grad_cy)) + hy * o * (1 - cy.tanh() ** 2)
    parts = (total * g * i * (1 - i), total * cx * f * (1 - f), total * i * (1 - g * g), hy * cy.tanh() * o * (1 - o))
    gates = torch.cat(parts, 1)
    bias = gates.sum(0) if has_bias else None
    return wrapped(gates), wrapped(total * f), None if bias is None else wrapped(bias)


def _fused_gru_cell(input_gates, hidden_gates, hx, input_bias=None, hidden_bias=None):
    """The fused GRU cell, which only GPUs have."""
    first = unwrapped(input_gates) + (0 if input_bias is None else unwrapped(input_bias))
    second = unwrapped(hidden_gates) + (0 if hidden_bias is None else unwrapped(hidden_bias))
    (ir, ii, i_n), (hr, hi, h_n) = first.chunk(3, 1), second.chunk(3, 1)
    reset, input, h = (ir + hr).sigmoid(), (ii + hi).sigmoid(), unwrapped(hx)
    new = (i_n + reset * h_n).tanh()
    hy = new + input * (h - new)
    return wrapped(hy), wrapped(torch.cat([reset, input, new, h, h_n], 1))


def _fused_gru_cell_backward(grad_hy, workspace, has_bias):
    reset, input, new, h, h_n = unwrapped(workspace).chunk(5, 1)
    grad = unwrapped(grad_hy)
    gin = grad * (h - new) * input * (1 - input)
    gnew = grad * (1 - input) * (1 - new * new)
    greset = gnew * h_n * reset * (1 - reset)
    first, second = torch.cat([greset, gin, gnew], 1), torch.cat([greset, gin, gnew * reset], 1)
    biases = (wrapped(first.sum(0)), wrapped(second.sum(0))) if has_bias else (None, None)
    return wrapped(first), wrapped(second), wrapped(grad * input), *biases


_KERNELS = {
    "as_strided": _as_strided,
    "view": _view,
    "_reshape_alias": _reshape_alias,
    "unfold": _unfold,
    "_copy_from": _copy_from,
    "empty.memory_format": _empty,
    "empty_strided": _empty_strided,
    "_local_scalar_dense": _item,
    "is_set_to": _is_set_to,
    "_thnn_fused_lstm_cell": _fused_cell,
    "_thnn_fused_lstm_cell_backward_impl": _fused_cell_backward,
    "_thnn_fused_gru_cell": _fused_gru_cell,
    "_thnn_fused_gru_cell_backward": _fused_gru_cell_backward,
}
_kept: list[torch.library.Library] = []


@functools.cache
def set_up() -> torch.device:
    """Register it with torch, once for this process; the device."""
    backend_registration._setup_privateuseone_for_python_backend(NAME, _Module())
    fallback = torch.library.Library("_", "IMPL")
    fallback.fallback(_run, "PrivateUse1")
    library = torch.library.Library("aten", "IMPL")
    for name, kernel in _KERNELS.items():
        library.impl(name, kernel, "PrivateUse1")
    for name in _OTHERWISE:
        library.impl(name, functools.partial(_run, getattr(torch.ops.aten, name).default), "PrivateUse1")
    _kept.extend((fallback, library))
    return torch.device(NAME)
