"""Whether something that was handed out to share is still what it was."""

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
_MOST = 100_000  # objects that are looked into
_NODES = 64  # of a graph that are asked what they have saved


class Handed:
    """The tensors and containers that a value is made of, and the graph that its tensors hang on.

    Args:
        value: anything; tensors, NumPy arrays, dictionaries, lists, tuples and objects with attributes are looked into.
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
        """What was changed, in words; empty if nothing was."""
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
            except RuntimeError:  # freed, or what it has saved was written to
                return "the graph behind it (retain_graph=True keeps it)"
        return ""


def found_in(value: object, containers: Containers) -> tuple[list[Tensor], list[Any]]:
    """All tensors and nodes of graphs in a value; its containers are added."""
    tensors: list[Tensor] = []
    nodes: list[Any] = []
    queue, seen = deque([value]), dict[int, Any]()
    while queue and len(seen) < _MOST:
        thing = queue.popleft()
        if id(thing) in seen or isinstance(thing, _ATOMS):
            continue
        seen[id(thing)] = thing  # held, so that its number stays taken
        if isinstance(thing, Tensor):
            tensors.append(thing)
        elif isinstance(thing, np.ndarray):
            if thing.dtype.kind in "biufc" and thing.flags.writeable:
                forwards = thing[tuple(slice(None, None, 1 if stride >= 0 else -1) for stride in thing.strides)]
                with suppress(TypeError):  # of a type that torch lacks
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
    """Of the graph below a function, the first on every path that have saved tensors, with one that they saved."""
    queue, seen = deque([function]), set[Any]()
    while queue and len(seen) < _NODES:
        function = queue.popleft()
        if function is None or function in seen:
            continue
        seen.add(function)
        for name in _names(type(function), function):
            raw = getattr(function, f"_raw_{name.removeprefix('_')}", None)
            hooked = any(getattr(one, "unpack_hook", None) for one in (raw if isinstance(raw, tuple) else (raw,)))
            with suppress(RuntimeError):  # void already: the network itself wrote to what was saved
                if not hooked and isinstance(getattr(function, name), (Tensor, tuple)):
                    yield function, name
                    break
        else:
            queue.extend(following for following, _ in function.next_functions)


_NAMES: dict[type, list[str]] = {}


def _names(kind: type, function: Any) -> list[str]:
    """Attributes that give saved tensors."""
    if kind not in _NAMES:
        every = set(dir(function))
        names = [name.removeprefix("_raw") for name in sorted(every) if name.startswith("_raw_saved_")]
        _NAMES[kind] = [name if name in every else name[1:] for name in names]  # functions of Python: saved_tensors
    return _NAMES[kind]
