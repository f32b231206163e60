"""Restore the original state: weights, buffers, attributes, hooks, gradients, random numbers, global flags."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from operator import attrgetter, is_
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from zcbench.probe import _walk
from zcbench.probe._containers import Containers
from zcbench.probe._contents import Contents, Together
from zcbench.probe._handed import found_in
from zcbench.probe._world import RandomStates, Seeded, Settings
from zcbench.types import Batch

#: The changes: kinds in words, each with the places.
Changes: TypeAlias = dict[str, list[str]]

_state_of = attrgetter("requires_grad", "_backward_hooks", "_post_accumulate_grad_hooks")
_is_leaf = attrgetter("is_leaf")
_grad_of = attrgetter("grad")


#: forward methods of torch's own recurrent layers
_RECURRENT = {nn.RNN.forward, nn.LSTM.forward, nn.GRU.forward}


class _States:
    """``requires_grad``, ``grad`` and hooks of the leaf tensors among the given tensors."""

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        self._leaves = [tensor for tensor in tensors if tensor.is_leaf]
        self._states = list(map(_state_of, self._leaves))
        self._hooks = [[hooks if hooks is None else hooks.copy() for hooks in state[1:]] for state in self._states]
        self._hooked = [index for index, hooks in enumerate(self._hooks) if any(hooks)]
        self._grads = [tensor.grad for tensor in self._leaves]
        self._expected = self._grads

    def detach_gradients(self) -> None:
        for tensor in self._leaves:
            tensor.grad = None
        self._expected = [None] * len(self._leaves)

    def expect_gradients(self) -> None:
        self._expected = self._grads

    def unchanged(self) -> bool:
        return (
            list(map(_state_of, self._leaves)) == self._states
            and all(map(_is_leaf, self._leaves))
            and all(map(is_, map(_grad_of, self._leaves), self._expected))
            and not any(self._has_other_hooks(index) for index in self._hooked)
        )

    def _has_other_hooks(self, index: int) -> bool:
        now = _state_of(self._leaves[index])[1:]
        before = zip(now, self._states[index][1:], self._hooks[index], strict=True)
        return any(table is not expected or table != hooks for table, expected, hooks in before)

    def restore(self, report: Callable[[str, Tensor], None]) -> None:
        """Restore what was changed; ``report`` is called with the kind and the tensor."""
        if self.unchanged():
            return
        for index, (tensor, state) in enumerate(zip(self._leaves, self._states, strict=True)):
            requires_grad, *tables = state
            if not tensor.is_leaf:
                tensor.detach_()
            if tensor.requires_grad != requires_grad:
                report("requires_grad", tensor)
                tensor.requires_grad_(requires_grad)
            if tensor.grad is not self._expected[index]:
                report("gradients", tensor)
                tensor.grad = self._expected[index]
            if self._has_other_hooks(index):
                report("hooks", tensor)
                for table, hooks in zip(tables, self._hooks[index], strict=True):
                    if table is not None:
                        table.clear()
                        table.update(hooks)
                tensor._backward_hooks, tensor._post_accumulate_grad_hooks = tables


class _Generators:
    """States of a network's own random generators: torch's, NumPy's and Python's."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[str, Any, Any]] = {}

    def add(self, place: str, thing: object) -> None:
        """Store its state, if it is a generator."""
        if isinstance(thing, _RANDOM) and id(thing) not in self._kept:
            self._kept[id(thing)] = place, thing, _state(thing)

    def unchanged(self) -> bool:
        return all(_same_state(_state(thing), state) for _, thing, state in self._kept.values())

    def restore(self) -> list[str]:
        """Restore them, and return the places of those that were used."""
        changed = [kept for kept in self._kept.values() if not _same_state(_state(kept[1]), kept[2])]
        for _, thing, state in changed:
            if isinstance(thing, torch.Generator):
                thing.set_state(state)
            elif isinstance(thing, np.random.Generator):
                thing.bit_generator.state = state
            elif isinstance(thing, np.random.RandomState):
                thing.set_state(state)
            else:
                thing.setstate(state)
        return [place for place, *_ in changed]


_RANDOM = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)


def _state(thing: Any) -> Any:
    if isinstance(thing, torch.Generator):
        return thing.get_state()
    if isinstance(thing, np.random.Generator):
        return thing.bit_generator.state
    return thing.get_state(legacy=False) if isinstance(thing, np.random.RandomState) else thing.getstate()


def _same_state(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same_state(a[key], b[key]) for key in a)
    return bool(np.array_equal(a, b)) if isinstance(a, np.ndarray) else bool(a == b)


class Snapshot:
    """A network's complete state, taken at construction.

    It contains the attributes of its modules, and the lists, dictionaries and sets among them, which may change in
    place; the identities of its parameters, buffers, modules and hooks; and of every tensor that is a parameter, buffer
    or attribute the contents, the memory, ``requires_grad``, ``grad`` and hooks.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._modules: list[nn.Module] = []
        self._tables: list[dict[str, Any]] = []
        self._containers = Containers()
        self._names: dict[int, str] = {}
        parameters: list[Tensor] = []
        others: list[Tensor] = []
        for name, module in _walk.named_modules(model):
            self._modules.append(module)
            self._tables.append(vars(module))
            self._containers.add(vars(module), name)
            prefix = f"{name}." if name else ""
            for table, tensors in ((module._parameters, parameters), (module._buffers, others), (vars(module), others)):
                for key, tensor in table.items():
                    if isinstance(tensor, Tensor) and id(tensor) not in self._names:
                        self._names[id(tensor)] = prefix + key
                        tensors.append(tensor)
        self._generators = _Generators()
        for place, entry in self._containers.entries():
            if isinstance(entry, Tensor) and id(entry) not in self._names:  # for example in a list
                self._names[id(entry)] = place
                others.append(entry)
            self._generators.add(place, entry)
        self._containers.seal()
        self._types = list(map(type, self._modules))
        self._training = [(table, table["training"]) for table in self._tables if "training" in table]
        self._plain_modes = len(self._training) == len(self._modules) and all(
            getattr(kind, name) is getattr(nn.Module, name) for kind in set(self._types) for name in ("train", "eval")
        )
        self._accelerated = any(tensor.device.type != "cpu" for tensor in parameters)
        self.weights = Contents(parameters)
        self.buffers = Contents(others)
        self._parameters = [tensor for tensor in parameters if not tensor.is_inference()]
        self._states = _States((*parameters, *others))
        self._versions = self._present_versions()

    # -- everything --------------------------------------------------------------------------------

    def restore(self) -> Changes:
        """Restore everything, gradients and ``requires_grad`` included, and return the changes."""
        changes: Changes = {}
        self._restore_structure(changes)
        self._restore_contents(self.weights, "weights", changes)
        self._restore_contents(self.buffers, "buffers", changes)
        if places := self._generators.restore():
            changes["random states"] = places
        self._states.restore(lambda kind, tensor: changes.setdefault(kind, []).append(self._names[id(tensor)]))
        return changes

    def is_untouched(self, *, contents: bool = True) -> bool:
        """Return whether :meth:`restore` would change nothing; ``contents=False`` ignores the contents of tensors."""
        return (
            self._containers.unchanged()
            and self._has_same_objects()
            and self._states.unchanged()
            and self._generators.unchanged()
            and (not contents or (self.weights.unchanged() and self.buffers.unchanged()))
        )

    def detach_gradients(self) -> None:
        """Remove the gradients, so that nothing is accumulated into the caller's tensors; none is expected then."""
        self._states.detach_gradients()

    def expect_gradients(self) -> None:
        """Expect the caller's gradients again."""
        self._states.expect_gradients()

    def weights_were_written(self) -> bool:
        """Return whether parameters were written in place since the last call: graphs that saved them are void."""
        before, self._versions = self._versions, self._present_versions()
        return before != self._versions

    # -- parts ---------------------------------------------------------------------------------

    def restore_structure(self) -> None:
        """Restore every attribute, child, parameter object, buffer object and hook."""
        for table, mode in self._training:  # every pass changes these
            table["training"] = mode
        self._restore_structure(None)

    def restore_buffers(self) -> None:
        """Restore the contents of every buffer, of the tensors that are attributes, and random generators.

        A graph that has saved one of the changed tensors is void: it raises, and gives no wrong gradient.
        """
        self._generators.restore()
        for tensor in self.buffers.rewrite():
            if not tensor.is_inference():
                torch.autograd.graph.increment_version(tensor)

    def freeze(self, model: nn.Module, *, batch_norm: bool) -> None:
        """Set all modules to eval mode, and batch norm to train mode if requested."""
        if not self._plain_modes:
            model.eval()
        for module in _walk.modules(model):
            # Attributes are restored after the pass, so the slow nn.Module.__setattr__ is not needed.
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                vars(module)["training"] = batch_norm
            elif self._plain_modes:
                vars(module)["training"] = False
            if self._accelerated and type(module).forward in _RECURRENT:
                # Kernels of accelerators store what gradients need in training mode only; without dropout it equals
                # eval mode.
                vars(module).update(training=True, dropout=0.0)

    def _restore_structure(self, changes: Changes | None) -> None:
        if not self._has_same_objects():
            for module, kind, table in zip(self._modules, self._types, self._tables, strict=True):
                if type(module) is not kind or vars(module) is not table:
                    module.__class__ = kind
                    module.__dict__ = table
                    if changes is not None:
                        changes.setdefault("classes of modules", []).append(kind.__name__)

        def report(owner: str, key: str, entry: Any) -> None:
            assert changes is not None
            kind, place = _describe(owner, key, entry)
            changes.setdefault(kind, []).append(place)

        self._containers.restore(None if changes is None else report)

    def _has_same_objects(self) -> bool:
        return list(map(type, self._modules)) == self._types and all(map(is_, map(vars, self._modules), self._tables))

    def _restore_contents(self, contents: Contents, kind: str, changes: Changes) -> None:
        places = [self._names[id(tensor)] for tensor in contents.restore()]
        if places:
            changes.setdefault(kind, []).extend(places)

    def _present_versions(self) -> list[int]:
        return [tensor._version for tensor in self._parameters]


def _describe(owner: str, key: str, entry: Any) -> tuple[str, str]:
    """Return kind and place of a change in an attribute, in words."""
    attribute = key or str(entry)
    place = f"{owner}.{attribute}" if owner else attribute
    if attribute == "training":
        return "training modes", owner or "the network"
    if "hooks" in attribute:
        return "hooks", owner or "the network"
    if attribute in ("_parameters", "_buffers", "_modules"):
        return "parameters, buffers or modules", f"{owner}.{entry}" if owner else str(entry)
    return "attributes", place


class BatchSnapshot:
    """A batch's tensors and containers, taken at construction; gradients are removed until :meth:`release`."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self._containers = Containers()
        tensors, _ = found_in(batch, self._containers)
        self._containers.seal()
        self.contents = Contents(tensors)
        self._states = _States(tensors)
        self._states.detach_gradients()

    def is_untouched(self, *, contents: bool = True) -> bool:
        """Return whether nothing was changed; see :class:`Snapshot`."""
        return self._containers.unchanged() and self._states.unchanged() and (not contents or self.contents.unchanged())

    def restore(self) -> Changes:
        """Restore everything, and return the changes."""
        found: dict[str, None] = {}
        self._containers.restore(lambda *_: found.setdefault("its entries"))
        if self.contents.restore():
            found["its numbers"] = None
        self._states.restore(lambda kind, _: found.setdefault(kind))
        return {"the batch": list(found)} if found else {}

    def restore_contents(self) -> None:
        """Restore the numbers."""
        self.contents.restore()

    def release(self) -> None:
        """Restore everything, gradients included."""
        self._states.expect_gradients()
        self.restore()


class Given:
    """Everything that proxies share, in its state at construction: network, batch, settings, random states."""

    def __init__(self, network: Snapshot, batch: BatchSnapshot, seed: int) -> None:
        self.network = network
        self.batch = batch
        self.settings = Settings()
        self.numbers = Seeded(seed)
        self._together()

    def _together(self) -> None:
        self._contents = Together([self.network.weights, self.network.buffers, self.batch.contents])

    def is_untouched(self) -> bool:
        """Return whether nothing was changed.

        It takes tens of microseconds, and for large networks one pass through their memory.
        """
        return self._tensors_untouched() and not self.settings.changed() and not self.numbers.changed()

    def _tensors_untouched(self, *, sampled: bool = False) -> bool:
        return (
            self._contents.unchanged(sampled=sampled)
            and self.network.is_untouched(contents=False)
            and self.batch.is_untouched(contents=False)
        )

    def restore(self) -> Changes:
        """Restore everything, and return the changes."""
        changes: Changes = {name: [] for name in self.settings.restore()}
        if self.numbers.changed():
            self.numbers.restore()
            changes["global random states"] = []
        return changes | self._restore_tensors()

    def _restore_tensors(self) -> Changes:
        changes = {**self.network.restore(), **self.batch.restore()}
        self._together()
        return changes

    @contextmanager
    def set_aside(self, *, numbers: bool) -> Iterator[bool]:
        """Restore everything for this block, and return to the present state afterwards.

        Args:
            numbers: whether that includes the random states.

        Yields:
            whether tensors or modules had been changed.
        """
        with ExitStack() as stack:
            if torch.is_inference_mode_enabled():
                stack.enter_context(torch.inference_mode(False))
            if self.settings.changed():
                stack.callback(Settings().restore)
                self.settings.restore()
            # A sample of large tensors is enough: changes that it misses are found when the proxy is done.
            changed = not self._tensors_untouched(sampled=True)
            if changed:
                stack.callback(Snapshot(self.network.model).restore)
                stack.callback(BatchSnapshot(self.batch.batch).release)
                self._restore_tensors()
            if numbers and self.numbers.changed():
                stack.callback(RandomStates().restore)
                self.numbers.restore()
            yield changed


@contextmanager
def untouched(model: nn.Module) -> Iterator[Snapshot]:
    """Restore the network and the global state of torch, numpy and random after the block, whatever happens in it."""
    snapshot, settings, numbers = Snapshot(model), Settings(), RandomStates()
    snapshot.detach_gradients()
    try:
        yield snapshot
    finally:
        settings.restore()
        snapshot.expect_gradients()
        snapshot.restore()
        numbers.restore()
