"""Detect whether a shared value was changed by its users."""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from operator import attrgetter
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from zcbench.probe._containers import Containers
from zcbench.probe._contents import Contents

_state_of = attrgetter("requires_grad", "grad_fn", "_backward_hooks")
_ATOMS = (bool, int, float, complex, str, bytes, type(None), nn.Module, type, types.FunctionType, types.ModuleType)
_KINDS = (dict, list, set, deque)
_MOST = 100_000  # largest number of objects that are examined
_NODES = 64  # largest number of nodes of a graph whose saved tensors are examined


class Handed:
    """The tensors and containers in a value, and the graph of its tensors.

    Args:
        value: any value; tensors, NumPy arrays, dictionaries, lists, tuples and objects with attributes are examined.
    """

    def __init__(self, value: object) -> None:
        self._containers = Containers()
        self._tensors, nodes = found_in(value, self._containers)
        self._containers.seal()
        self._contents = Contents(self._tensors, copies=False)
        self._states = list(map(_state_of, self._tensors))
        self._hooks = [hooks and hooks.copy() for *_, hooks in self._states]
        nodes += [function for _, function, _ in self._states if function is not None]
        self._saved = [pair for node in nodes for pair in _saved(node)]

    def changed(self) -> str:
        """Return what was changed, in words; empty if nothing was."""
        if not self._containers.unchanged():
            return "its entries"
        if not self._contents.unchanged():
            return "its numbers"
        if list(map(_state_of, self._tensors)) != self._states or any(
            state[2] != hooks for state, hooks in zip(self._states, self._hooks, strict=True) if hooks
        ):
            return "its place in the graph"
        for function, name in self._saved:
            try:
                getattr(function, name)
            except RuntimeError:  # freed, or a saved tensor was overwritten
                return "the graph behind it (retain_graph=True keeps it)"
        return ""


def found_in(value: object, containers: Containers) -> tuple[list[Tensor], list[Any]]:
    """Return all tensors and nodes of graphs in a value, and add its containers."""
    tensors: list[Tensor] = []
    nodes: list[Any] = []
    queue, seen = deque([value]), dict[int, Any]()
    while queue and len(seen) < _MOST:
        thing = queue.popleft()
        if id(thing) in seen or isinstance(thing, _ATOMS):
            continue
        seen[id(thing)] = thing  # kept alive, so that its identity is not reused
        if isinstance(thing, Tensor):
            tensors.append(thing)
        elif isinstance(thing, np.ndarray):
            if thing.dtype.kind in "biufc" and thing.flags.writeable:
                forwards = thing[tuple(slice(None, None, 1 if stride >= 0 else -1) for stride in thing.strides)]
                with suppress(TypeError):  # raised for a type that torch lacks
                    tensors.append(torch.from_numpy(forwards))
        elif isinstance(thing, _KINDS):
            containers.add(thing)
            queue.extend(thing.values() if isinstance(thing, dict) else thing)
        elif isinstance(thing, (tuple, frozenset)):
            queue.extend(thing)
        elif hasattr(thing, "next_functions"):
            nodes.append(thing)
        elif isinstance(attributes := getattr(thing, "__dict__", None), dict):
            containers.add(attributes)
            queue.extend(attributes.values())
    return tensors, nodes


def _saved(function: Any) -> Iterator[tuple[Any, str]]:
    """Yield the first nodes with saved tensors on every path below a function, with the name of one such tensor."""
    queue, seen = deque([function]), set[Any]()
    while queue and len(seen) < _NODES:
        function = queue.popleft()
        if function is None or function in seen:
            continue
        seen.add(function)
        for name in _names(type(function), function):
            raw = getattr(function, f"_raw_{name.removeprefix('_')}", None)
            hooked = any(getattr(one, "unpack_hook", None) for one in (raw if isinstance(raw, tuple) else (raw,)))
            with suppress(RuntimeError):  # already void: the network itself overwrote a saved tensor
                if not hooked and isinstance(getattr(function, name), (Tensor, tuple)):
                    yield function, name
                    break
        else:
            queue.extend(following for following, _ in function.next_functions)


_NAMES: dict[type, list[str]] = {}


def _names(kind: type, function: Any) -> list[str]:
    """Return the attributes that give saved tensors."""
    if kind not in _NAMES:
        every = set(dir(function))
        names = [name.removeprefix("_raw") for name in sorted(every) if name.startswith("_raw_saved_")]
        _NAMES[kind] = [name if name in every else name[1:] for name in names]  # functions of Python: saved_tensors
    return _NAMES[kind]
