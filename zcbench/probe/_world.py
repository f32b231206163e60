"""Global state of torch, NumPy and Python that affects results: settings and random numbers."""

from __future__ import annotations

import ctypes
import functools
import random
import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.modules import module as _module
from torch.overrides import _get_current_function_mode_stack, _pop_mode, _push_mode
from torch.utils import _python_dispatch

_numpy: Any = np.random
_cuda: Any = torch.backends.cuda
_cudnn: Any = torch.backends.cudnn
_C: Any = torch._C
_autograd: Any = torch._C._autograd
_functorch: Any = torch._C._functorch


def _set_deterministic(state: tuple[bool, bool]) -> None:
    torch.use_deterministic_algorithms(state[0], warn_only=state[1])


def _set_anomaly(state: tuple[bool, bool]) -> None:
    torch.set_anomaly_enabled(*state)


_guards: list[Any] = []


def _set_inference(on: bool) -> None:
    # The guard that could end it belongs to the code that left it on. A guard created here ends it too, while it lives.
    _guards.append(_C._InferenceMode(on))
    _guards[-1].__enter__()


def _autocast(device: str) -> tuple[Any, ...]:
    return torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)


def _set_autocast(device: str) -> Callable[[tuple[Any, ...]], None]:
    def put(state: tuple[Any, ...]) -> None:
        torch.set_autocast_enabled(device, state[0])
        torch.set_autocast_dtype(device, state[1])

    return put


def _setter(function: Callable[..., None]) -> Callable[[Any], None]:
    """Return a setter; some flags are pairs, whose parts are two arguments."""
    return lambda state: function(*state) if isinstance(state, tuple) else function(state)


def _device() -> Any:
    return getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)


def _set_device(context: Any) -> None:
    torch.set_default_device(None if context is None else context.device)


def _saving() -> Any:
    return _autograd._top_saved_tensors_default_hooks(True)


def _set_saving(hooks: Any) -> None:
    while (top := _saving()) is not None and top != hooks:
        _autograd._pop_saved_tensors_default_hooks()
    if hooks is not None and top is None:
        _autograd._push_saved_tensors_default_hooks(*hooks)


def _set_transforms(depth: int) -> None:
    if _functorch.get_dynamic_layer_stack_depth() > depth:
        _functorch.pop_dynamic_layer_stack_and_undo_to_depth(depth)


def _flushes() -> bool:
    return _SUBNORMAL * 1.0 == 0.0


_SUBNORMAL = 5e-324
#: (name for readers, function that reads it, function that sets it); inference mode first, because it changes grad
#: mode.
_SETTINGS: list[tuple[str, Callable[[], Any], Callable[[Any], Any]]] = [
    ("inference mode", torch.is_inference_mode_enabled, _set_inference),
    ("grad mode", torch.is_grad_enabled, _C._set_grad_enabled),
    ("transforms of functions (vmap)", _functorch.get_dynamic_layer_stack_depth, _set_transforms),
    ("hooks on what graphs save", _saving, _set_saving),
    ("the default dtype", torch.get_default_dtype, torch.set_default_dtype),
    ("the default device", _device, _set_device),
    ("autocast", lambda: _autocast("cpu"), _set_autocast("cpu")),
    ("autocast", lambda: _autocast("cuda"), _set_autocast("cuda")),
    ("autocast", torch.is_autocast_cache_enabled, torch.set_autocast_cache_enabled),
    ("anomaly mode", lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()), _set_anomaly),
    (
        "deterministic algorithms",
        lambda: (torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()),
        _set_deterministic,
    ),
    ("the precision of matrix products", lambda: _precision(), lambda state: _set_precision(state)),
    ("the number of threads", torch.get_num_threads, torch.set_num_threads),
    ("flushing of small numbers to zero", _flushes, torch.set_flush_denormal),
    ("settings of NumPy errors", np.geterr, lambda state: np.seterr(**state)),
    *(
        ("backend flags", getattr(_C, f"_get_{name}"), _setter(getattr(_C, f"_set_{name}")))
        for name in (
            "cudnn_enabled",
            "cudnn_benchmark",
            "cudnn_deterministic",
            "cublas_allow_fp16_reduced_precision_reduction",
            "cublas_allow_bf16_reduced_precision_reduction",
            "mkldnn_enabled",
            "nnpack_enabled",
        )
        if hasattr(_C, f"_get_{name}") and hasattr(_C, f"_set_{name}")
    ),
    ("attention backends", torch.backends.mha.get_fastpath_enabled, torch.backends.mha.set_fastpath_enabled),
    *(
        ("attention backends", getattr(_cuda, f"{name}_sdp_enabled"), getattr(_cuda, f"enable_{name}_sdp"))
        for name in ("flash", "mem_efficient", "math", "cudnn")
    ),
]
#: torch's tables of hooks that run in every module.
_GLOBAL_HOOKS: list[dict[Any, Any]] = [
    table for name, table in sorted(vars(_module).items()) if name.startswith("_global_") and name.endswith("_hooks")
]


#: backends and operations with their own precision in torch 2.9 and later, parents first
_PRECISIONS = [
    ("generic", "all"),
    *((backend, operation) for backend in ("cuda", "mkldnn") for operation in ("all", "matmul", "conv", "rnn")),
]
_OWN_PRECISIONS = hasattr(_C, "_get_fp32_precision_getter")
#: reduced precisions of float32 products
_REDUCED = {"tf32", "bf16"}


def _precision() -> tuple[Any, ...]:
    """Return the precision of float32 products: older settings, where torch supports them, and newer ones."""
    newer = tuple(_C._get_fp32_precision_getter(*one) for one in _PRECISIONS) if _OWN_PRECISIONS else ()
    try:
        older = (_C._get_float32_matmul_precision(), _C._get_cudnn_allow_tf32())
    except RuntimeError:  # the newer settings have values that the older cannot express
        older = None
    return older, newer


def _set_precision(state: tuple[Any, ...]) -> None:
    older, newer = state
    if older is not None:
        _C._set_float32_matmul_precision(older[0])
        _C._set_cudnn_allow_tf32(older[1])
    for one, value in zip(_PRECISIONS, newer, strict=False):
        _C._set_fp32_precision_setter(*one, value)


def exact(device: torch.device) -> None:
    """Compute float32 products in float32, and choose the same kernels every time; the caller restores the settings.

    By default, tensor cores round factors to ten or seven bits, for example in convolutions of CUDA.
    """
    if (before := _precision())[0] is not None:
        _C._set_float32_matmul_precision("highest")
        _C._set_cudnn_allow_tf32(False)
        before = _precision()
    if _REDUCED.intersection(before[1]):
        for one in _PRECISIONS:
            _C._set_fp32_precision_setter(*one, "ieee")
    if device.type == "cuda":
        _cudnn.benchmark, _cudnn.deterministic = False, True


class Seeded:
    """The random states of torch on all devices, NumPy and Python after seeding; they are seeded at construction."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.restore()
        self._torch, self._others = torch_states(), _other_bytes()

    def changed(self) -> bool:
        """Return whether any state has changed."""
        return self.others_changed() or not _all_equal(self._torch, torch_states())

    def others_changed(self) -> bool:
        """Return whether the state of NumPy or Python has changed."""
        return self._others != _other_bytes()

    def restore(self) -> None:
        """Seed all generators."""
        seed_torch(self._seed)
        random.seed(self._seed)
        np.random.seed(self._seed % 2**32)


class RandomStates:
    """The random states of torch (CPU and, once it runs, CUDA), NumPy and Python."""

    def __init__(self) -> None:
        self._torch, self._numpy, self._python = torch_states(), np.random.get_state(), random.getstate()

    def restore(self) -> None:
        """Restore the states."""
        restore_torch(self._torch)
        np.random.set_state(self._numpy)
        random.setstate(self._python)


def torch_states() -> list[Tensor]:
    """Return the random states of torch: of the CPU and, once it runs, of every accelerator."""
    found, module = [torch.get_rng_state()], _accelerator()
    if module is not None and getattr(module, "is_initialized", lambda: True)():
        everywhere = getattr(module, "get_rng_state_all", None)
        found += everywhere() if everywhere is not None else [module.get_rng_state()]
    return found


def restore_torch(states: list[Tensor]) -> None:
    """Restore the states from :func:`torch_states`."""
    torch.set_rng_state(states[0])
    if states[1:]:
        everywhere = getattr(_accelerator(), "set_rng_state_all", None)
        everywhere(states[1:]) if everywhere is not None else _accelerator().set_rng_state(states[1])


@functools.cache
def _accelerator() -> Any:
    """Return torch's module for this machine's accelerator, ``torch.cuda``; None without one."""
    if not torch.accelerator.is_available():
        return None
    return torch.get_device_module(torch.accelerator.current_accelerator())


def seed_torch(seed: int) -> None:
    """Seed torch on all running devices; ``torch.manual_seed`` takes seventy times as long without an accelerator."""
    if _accelerator() is not None:
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


def _all_equal(before: Iterable[Tensor], now: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(before, now, strict=False))


def _other_bytes() -> tuple[Any, Any]:
    return _numpy_bytes(), _python_bytes()


def _python_bytes() -> Any:
    """Return the memory of Python's state, to compare only; the official function takes ten microseconds."""
    if not _PEEKS:
        return random.getstate()
    return ctypes.string_at(id(_RANDOM) + object.__basicsize__, _SIZE)


def _can_peek() -> bool:
    if sys.implementation.name != "cpython":
        return False
    state = random.getstate()
    seen = [ctypes.string_at(id(_RANDOM) + object.__basicsize__, _SIZE)]
    for step in (lambda: None, lambda: random.getrandbits(1), lambda: random.setstate(state)):
        step()
        seen.append(ctypes.string_at(id(_RANDOM) + object.__basicsize__, _SIZE))
    return seen[0] == seen[1] == seen[3] != seen[2]


#: The generator behind the functions of ``random``, and the length of its state: the position and 624 words.
_RANDOM: Any = random.random.__self__  # type: ignore[attr-defined]
_SIZE = 625 * 4
_PEEKS = _can_peek()


def _numpy_bytes() -> Any:
    """Return the memory of NumPy's state: 624 words and the position. The official function takes 25 microseconds."""
    generator: Any = _numpy.get_bit_generator()
    if type(generator) is not np.random.MT19937:
        return repr(generator.state)
    return ctypes.string_at(generator.ctypes.state_address, 625 * 4)


class Settings:
    """Global settings of torch and NumPy: modes, default types, flags, threads, global hooks."""

    def __init__(self) -> None:
        self._values = [get() for _, get, _ in _SETTINGS]
        self._hooks = [dict(table) for table in _GLOBAL_HOOKS]
        self._functions, self._dispatchers = _functions(), _dispatchers()

    def changed(self) -> bool:
        """Return whether any setting has changed."""
        return (
            [get() for _, get, _ in _SETTINGS] != self._values
            or self._hooks != _GLOBAL_HOOKS
            or not _identical(_functions(), self._functions)
            or not _identical(_dispatchers(), self._dispatchers)
        )

    def restore(self) -> list[str]:
        """Restore the settings, and return the changes in words."""
        found: dict[str, None] = {}
        for (name, get, put), value in zip(_SETTINGS, self._values, strict=True):
            if get() != value:
                found[name] = None
                put(value)
        for table, hooks in zip(_GLOBAL_HOOKS, self._hooks, strict=True):
            if table != hooks:
                found["hooks of all modules"] = None
                table.clear()
                table.update(hooks)
        if not _identical(now := _functions(), self._functions):
            found["modes that receive every torch function"] = None
            _exchange(now, self._functions, _pop_mode, _push_mode)
        if not _identical(now := _dispatchers(), self._dispatchers):
            found["modes that receive every torch operation"] = None
            _exchange(now, self._dispatchers, _python_dispatch._pop_mode, _python_dispatch._push_mode)
        return list(found)


def _functions() -> list[Any]:
    return _get_current_function_mode_stack() if _C._len_torch_function_stack() else []  # type: ignore[no-untyped-call]


def _dispatchers() -> list[Any]:
    return _python_dispatch._get_current_dispatch_mode_stack() if _C._len_torch_dispatch_stack() else []


def _identical(a: list[Any], b: list[Any]) -> bool:
    return len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True))


def _exchange(now: list[Any], before: list[Any], pop: Callable[[], Any], push: Callable[[Any], Any]) -> None:
    for _ in now:
        pop()
    for mode in before:
        push(mode)
