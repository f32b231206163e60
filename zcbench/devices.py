"""The device for torch's work: one option, ``--device`` or ``device=``, with the same meaning everywhere.

    with zcbench.devices.using("cuda:1"):
        zcbench.run("digits-201")       # networks are scored there, predictors are fitted there

Without it, the environment variable ``ZCBENCH_DEVICE`` sets the device; the default is the CPU. Networks are built on
the CPU from their seeds and then moved, so their weights are the same everywhere. Worker processes share one device, or
are distributed over the devices of a kind. Work that does not use torch (tables, trees, correlations) stays on the CPU.

This module loads torch only if a device other than the CPU is requested.
"""

from __future__ import annotations

import functools
import math
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from zcbench._arguments import shown
from zcbench.errors import InvalidInputError

if TYPE_CHECKING:
    import torch

F = TypeVar("F", bound=Callable[..., Any])
CPU = "cpu"
#: the environment variable with the default device
VARIABLE = "ZCBENCH_DEVICE"
_FORM = re.compile(r"([a-z]+)(?::(0|[1-9][0-9]{0,3}))?")
#: kinds that are accepted even if this torch does not support them
_COMMON = ("cuda", "mps")
_chosen: ContextVar[str | None] = ContextVar("device", default=None)


def parsed(device: str | torch.device, what: str = "device") -> str:
    """Parse a device, "cpu", "cuda", "cuda:1" or "mps"; whether it exists is not checked.

    Args:
        device: text, or a ``torch.device``.
        what: name of the argument, for messages.

    Raises:
        InvalidInputError: it is not a device.
    """
    text = device if isinstance(device, str) else str(device) if type(device).__name__ == "device" else ""
    found = _FORM.fullmatch(text.strip().lower())
    if found is None or not (found[1] == CPU or found[1] in _COMMON or _module(found[1]) is not None):
        raise InvalidInputError(f"{what} {shown(device)}: choose cpu, cuda, one of several such as cuda:1, or mps.")
    return CPU if found[1] == CPU else found[0]


@contextmanager
def using(device: str | torch.device | None) -> Iterator[None]:
    """Do all of torch's work in this block on a device; None changes nothing.

    Raises:
        InvalidInputError: it is not a device. A missing device is reported when it is first needed.
    """
    if device is None:
        yield
        return
    before = _chosen.set(parsed(device))
    try:
        yield
    finally:
        _chosen.reset(before)


def on_device(function: F) -> F:
    """Decorate a function to do torch's work on the device of its keyword argument ``device``.

    Raises:
        InvalidInputError: the device does not exist, and no argument ``executor`` runs the work elsewhere.
    """

    @functools.wraps(function)
    def there(*arguments: Any, **named: Any) -> Any:
        with using(named.get("device")):
            if named.get("executor") in (None, "local"):
                check()
            return function(*arguments, **named)

    return there  # type: ignore[return-value]


def check() -> None:
    """Raise InvalidInputError if the chosen device does not exist on this machine."""
    if chosen() != CPU:
        _located()


def chosen() -> str:
    """Return the device of the block, else of ``ZCBENCH_DEVICE``, else "cpu"; whether it exists is not checked.

    Raises:
        InvalidInputError: the variable is not a device.
    """
    if (found := _chosen.get()) is not None:
        return found
    given = os.environ.get(VARIABLE, "").strip()
    return parsed(given, f"{VARIABLE}:") if given else CPU


def here(device: str | torch.device | None = None, *, double: bool = False) -> torch.device:
    """Return the device for torch's work, with its number where there are several; it is checked to exist.

    Args:
        device: None for the device of :func:`chosen`.
        double: for work in float64; on a device without float64 (mps), the result is the CPU.

    Raises:
        InvalidInputError: it does not exist; the message lists the existing devices and what to do.
    """
    found = _located(device, double=double)
    for places in _places.get():
        places.append(found)
    return found


def _located(device: str | torch.device | None = None, *, double: bool = False) -> torch.device:
    import torch

    text = chosen() if device is None else parsed(device)
    kind, _, number = text.partition(":")
    if kind == CPU or (double and not has_double(kind)):
        return torch.device(CPU)
    count = _count(kind)
    if not count or (number and int(number) >= count):
        raise InvalidInputError(_missing(text, kind, count))
    if number:
        return torch.device(kind, int(number))
    current = getattr(_module(kind), "current_device", None)
    return torch.device(kind, int(current()) if current is not None else 0)


@dataclass
class Used:
    """The devices that torch used in a block.

    Attributes:
        device: kind of the accelerator; "cpu" if the CPU did all work; "" if there was no such work.
        device_name: name of the accelerator.
        memory: largest number of bytes in use on it; nan if it is not counted.
    """

    device: str = ""
    device_name: str = ""
    memory: float = math.nan


@contextmanager
def noted() -> Iterator[Used]:
    """Record the devices that :func:`here` returns in this block, and the memory used on them.

    Yields:
        the record, to be read after the block.
    """
    used, places = Used(), list[Any]()
    before = _places.set([*_places.get(), places])
    accelerator = None
    if chosen() != CPU:
        with suppress(InvalidInputError):
            accelerator = _located()
    peak = Peak(CPU if accelerator is None else accelerator)
    peak.begin()
    try:
        yield used
    finally:
        memory = peak.end()
        _places.reset(before)
        if found := next((place for place in places if place.type != CPU), None):
            used.device, used.device_name, used.memory = found.type, name_of(found), memory
        elif places:
            used.device = CPU


_places: ContextVar[list[list[Any]]] = ContextVar("devices that were used", default=[])  # noqa: B039  # never changed


def has_double(device: str | torch.device) -> bool:
    """Return whether a device supports float64."""
    return kind_of(device) != "mps"


def kind_of(device: str | torch.device) -> str:
    """Return the device without its number: cpu, cuda, mps."""
    return str(device).partition(":")[0]


def available() -> list[str]:
    """List the devices of this machine that this torch can use, "cpu" first."""
    import torch

    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    kinds = [*_COMMON, *([] if accelerator is None else [accelerator.type])]
    found = [CPU]
    for kind in dict.fromkeys(kinds):
        count = _count(kind)
        found += [kind] if count == 1 else [f"{kind}:{number}" for number in range(count)]
    return found


def each(device: str, workers: int) -> list[str]:
    """Distribute devices over worker processes: "cuda" uses all GPUs one after the other, "cuda:1" is shared.

    Raises:
        InvalidInputError: the device does not exist.
    """
    kind, _, number = device.partition(":")
    if kind == CPU:
        return [CPU] * workers
    _located(device)
    count = 1 if number else _count(kind)
    return [device if count == 1 else f"{kind}:{place % count}" for place in range(workers)]


def least_used(device: str, taken: Sequence[str]) -> str:
    """Return the device for one more worker, where others use some: "cuda:1" if one uses "cuda:0".

    Raises:
        InvalidInputError: the device does not exist.
    """
    if kind_of(device) == CPU or ":" in device:
        return device
    options = sorted(set(each(device, max(1, _count(kind_of(device))))))
    return min(options, key=taken.count)


def usual_workers(device: str) -> int:
    """Return the default number of processes: one for each device, or one for each core."""
    kind, _, number = device.partition(":")
    if kind == CPU:
        return os.cpu_count() or 1
    _located(device)
    return 1 if number else _count(kind)


def name_of(device: str | torch.device) -> str:
    """Return the manufacturer's name of a device, "NVIDIA H100 80GB HBM3"; "" for the CPU and where it is unknown."""
    kind = kind_of(device)
    if kind == CPU:
        return ""
    with suppress(Exception):  # raised by a backend without names
        return str(_module(kind).get_device_name(device))
    if kind == "mps":
        import platform

        return f"{platform.machine()} GPU"
    return ""


def now(device: str | torch.device) -> float:
    """Return the clock in seconds after the device has finished all requested work."""
    if (kind := kind_of(device)) != CPU:
        synchronize = _module(kind).synchronize
        synchronize() if kind == "mps" else synchronize(device)
    return time.perf_counter()


def release(device: str | torch.device) -> None:
    """Release memory that a device keeps for later."""
    import gc

    gc.collect()
    if (empty := getattr(_module(kind_of(device)), "empty_cache", None)) is not None:
        empty()


def is_out_of_memory(error: type[BaseException] | None, message: str) -> bool:
    """Return whether an exception reports that a device, or the CPU, has no memory left."""
    if error is None:
        return False
    known: list[type[BaseException]] = [MemoryError]
    if (torch := sys.modules.get("torch")) is not None:
        known.append(torch.OutOfMemoryError)
    if issubclass(error, tuple(known)):
        return True
    return issubclass(error, RuntimeError) and _NO_MEMORY.search(message) is not None


_NO_MEMORY = re.compile("out of memory|can't allocate memory|not enough memory|CUBLAS_STATUS_ALLOC_FAILED")


def is_broken(message: str) -> bool:
    """Return whether an error reports that this process can no longer use its GPU, so all later work would fail."""
    return _BROKEN.search(message) is not None


_BROKEN = re.compile("CUDA error: (device-side assert|an illegal|unspecified launch failure|misaligned)")


class Peak:
    """The largest memory in use on a device, in bytes; blocks may be nested. nan if it is not counted."""

    def __init__(self, device: str | torch.device) -> None:
        module = None if kind_of(device) == CPU else _module(kind_of(device))
        self._device = device
        self._most = getattr(module, "max_memory_allocated", None)
        self._reset = getattr(module, "reset_peak_memory_stats", None)
        self._open: list[float] = []

    def begin(self) -> None:
        """Start a block."""
        self._look()
        self._open.append(float("nan") if self._most is None or self._reset is None else 0.0)

    def end(self) -> float:
        """End the block that started last, and return the largest memory in it."""
        self._look()
        found = self._open.pop()
        if self._open and found > self._open[-1]:
            self._open[-1] = found
        return found

    def _look(self) -> None:
        if self._most is None or self._reset is None:
            return
        if self._open:
            self._open[-1] = max(self._open[-1], float(self._most(self._device)))
        self._reset(self._device)


def _module(kind: str) -> Any:
    """Return torch's module for a kind of device, ``torch.cuda``; None for an unknown kind."""
    import torch

    with suppress(RuntimeError, AttributeError):
        if kind != "meta":
            return torch.get_device_module(kind)
    return None


def _count(kind: str) -> int:
    """Count the devices of a kind that this torch can use."""
    module = _module(kind)
    with suppress(Exception):  # raised by old drivers, for example
        if module is not None and module.is_available():
            return int(module.device_count())
    return 0


def _missing(text: str, kind: str, count: int) -> str:
    import torch

    there = ", ".join(available())
    if count:
        return f"there is no device {text}, this machine has {there}: choose one of these."
    if kind == "cuda" and torch.version.cuda is None and torch.version.hip is None:
        why = f"torch {torch.__version__} is built without CUDA"
        what = "install a torch that is built for it"
    elif kind == "cuda":
        why, what = "CUDA finds no GPU", "check whether  nvidia-smi  lists one"
    elif kind == "mps":
        why, what = "it needs a Mac with Apple silicon", "run on such a machine"
    else:
        why, what = "torch cannot use it", "install what it needs"
    return f"there is no device {text} ({why}): {what}, or choose one of the available devices, {there}."
