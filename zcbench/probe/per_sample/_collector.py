"""Gradients of single samples, and their inner products, from one forward and one backward pass.

A layer's weight gradient for sample i follows from what entered the layer and the gradient that came back to its
output, both for sample i. Hooks see these two; the product is formed layer by layer, in chunks, and given away at
once. Autograd itself computes no weight gradient at all: the parameters are frozen meanwhile. A network with a
trainable parameter that no rule below covers is taken one sample at a time instead: same result, slower.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor, nn

from zcbench.errors import UnsupportedModelError, first_line
from zcbench.probe.modes import BatchNorm
from zcbench.probe.per_sample._one_by_one import FEW, Scalars, counted, refuse_mixing
from zcbench.probe.per_sample.rules import is_regular, rule_of

if TYPE_CHECKING:
    from zcbench.probe import Probe

#: Takes a parameter's name and gradients ``(chunk, *shape)``.
Consumer: TypeAlias = Callable[[str, Tensor], None]

#: Size of a rule's temporary, in numbers: what a processor's cache holds, which is up to four times faster than more.
_CHUNK = 1_200_000


class IrregularError(Exception):
    """A layer runs on something of which the rules cannot tell which rows belong to which sample."""


class Collector:
    """Hooks on every layer with trainable parameters; gives each layer's per-sample gradients away as they come.

    A parameter that is used more than once is summed up first: only then is its gradient complete.
    """

    def __init__(self, probe: Probe, consume: Consumer, batch_norm: BatchNorm = "per-sample") -> None:
        self.batch = len(probe.batch)
        self.consume = consume
        self.batch_norm: BatchNorm = batch_norm
        self.parameters = probe.parameters
        self.names = {id(parameter): name for name, parameter in self.parameters.items()}
        self.layers = [
            module
            for module in probe.model.modules()
            if rule_of(module, batch_norm) and any(id(p) in self.names for p in module.parameters(recurse=False))
        ]
        self.calls = Counter[nn.Module]()
        self.owners = Counter(id(p) for module in self.layers for p in module.parameters(recurse=False))
        self.pending: dict[str, Tensor] = {}
        self.unseen = set(self.parameters)
        self.shapes: list[torch.Size] = []  # of what enters the layers, call by call, for two samples
        self.surveyed: list[tuple[nn.Module, Any, Tensor]] = []  # layer, its place in the graph, its output, likewise
        self.at = 0
        self.roots: list[Tensor] = []  # outputs that depend on no other layer's output

    def survey_hook(self, module: nn.Module, args: tuple[Tensor, ...], named: dict[str, Tensor], out: Tensor) -> None:
        """Take note of a call for two samples."""
        if not torch.is_grad_enabled():  # no gradient reaches what the network does there
            return
        if any(parameter.dtype != out.dtype for parameter in module.parameters(recurse=False)):
            raise IrregularError  # autocast: the rules multiply numbers of one type
        self.shapes.append(_entered(args, named).shape)
        self.surveyed.append((module, out.grad_fn, out))

    def check(self, outputs: Tensor) -> None:
        """Compare the graph of a pass of two samples with what the hooks saw of it.

        Raises:
            IrregularError: a parameter is used by something else than its layers, such as a product with the weight
                of an embedding, or a row of a layer belongs to another sample, such as in a sorted batch.
        """
        used, reached = _uses(outputs)
        expected = Counter(
            id(p) for module, node, _ in self.surveyed if node in reached for p in module.parameters(recurse=False)
        )
        if any(used[id(p)] != expected[id(p)] for p in self.parameters.values()):
            raise IrregularError
        rows = [out for _, node, out in self.surveyed if node in reached and out.shape[0] == FEW]
        if not rows or outputs.shape[0] != FEW:
            return
        first = outputs[0].sum() + outputs[0].square().sum()
        for gradient in torch.autograd.grad(first, rows, allow_unused=True):
            if gradient is not None and bool((gradient[1:] != 0).any()):
                raise IrregularError

    def forward_hook(
        self, module: nn.Module, args: tuple[Tensor, ...], named: dict[str, Tensor], output: Tensor
    ) -> Tensor | None:
        if not torch.is_grad_enabled():
            return None
        x = _entered(args, named).detach()
        two = self.shapes[self.at] if self.at < len(self.shapes) else None
        self.at += 1
        changed = None
        if two == x.shape:
            # Nothing of the samples enters, such as positions: every sample gets a copy, which broadcasting would give.
            x, output = (
                tensor.expand(self.batch, *tensor.shape[tensor.shape[0] == 1 :]) for tensor in (x, output.detach())
            )
            changed = output
        elif two is None or two[0] != FEW or x.shape[0] != self.batch:
            raise IrregularError
        self.calls[module] += 1
        if not output.requires_grad:
            self.roots.append(output.detach().requires_grad_())
            output = changed = self.roots[-1].clone()  # no leaf, so that the network may write to it
        # A hook on the tensor sees the gradient before any in-place operation that follows.
        hook: Callable[[Tensor], None] = functools.partial(self.backward_hook, module, x, x._version)
        output.register_hook(hook)  # type: ignore[no-untyped-call]
        return changed

    def backward_hook(self, module: nn.Module, x: Tensor, version: int, gradient: Tensor) -> None:
        if x._version != version:  # autograd would have said so, had it saved it
            raise RuntimeError(
                f"what entered a layer ({type(module).__name__}) was written to in place before the gradient was taken."
            )
        owned = {leaf: self.names[id(p)] for leaf, p in module.named_parameters(recurse=False) if id(p) in self.names}
        self.unseen.difference_update(owned.values())
        once = {leaf: name for leaf, name in owned.items() if self.used_once(module, name)}
        if once:
            self.take(module, x, gradient, once)
        several = {leaf: name for leaf, name in owned.items() if leaf not in once}
        for leaf, name in several.items():
            total = torch.cat([part for other, part in self.parts(module, x, gradient) if other == leaf])
            self.pending[name] = self.pending[name] + total if name in self.pending else total

    def parts(self, module: nn.Module, x: Tensor, gradient: Tensor) -> Iterator[tuple[str, Tensor]]:
        for rows in chunks(module, x, gradient):
            rule = rule_of(module, self.batch_norm)
            assert rule is not None
            yield from rule(module, x[rows], gradient[rows])

    def take(self, module: nn.Module, x: Tensor, gradient: Tensor, names: dict[str, str]) -> None:
        """Give away the gradients of a layer's parameters; ``names`` is from leaf names to full names."""
        for leaf, part in self.parts(module, x, gradient):
            if leaf in names:
                self.consume(names[leaf], part)

    def used_once(self, module: nn.Module, name: str) -> bool:
        return self.calls[module] == 1 and self.owners[id(self.parameters[name])] == 1

    def finish(self) -> None:
        for name, gradients in self.pending.items():
            self.consume(name, gradients)
        for name in self.unseen:
            parameter = self.parameters[name]
            self.consume(name, torch.zeros_like(parameter).expand(self.batch, *parameter.shape))


def by_hooks(probe: Probe, collector: Collector, scalars: Scalars, batch_norm: BatchNorm) -> None:
    frozen = list(probe.parameters.values())
    few = _survey(probe, collector, batch_norm)
    handles = [layer.register_forward_hook(collector.forward_hook, with_kwargs=True) for layer in collector.layers]
    try:
        for parameter in frozen:
            parameter.requires_grad_(False)
        with probe.forward_pass(batch_norm):
            outputs = probe.call(probe.batch.inputs)
            counted(outputs, collector.batch)
            total = scalars(outputs, 0).sum()
            if total.requires_grad and collector.roots:
                torch.autograd.grad(total, collector.roots, allow_unused=True)
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)
        for handle in handles:
            handle.remove()
    refuse_mixing(probe, batch_norm, few, outputs)
    collector.finish()


def _survey(probe: Probe, collector: Collector, batch_norm: BatchNorm) -> Tensor:
    """See with two samples whether the rules hold; the outputs for these."""
    few = probe.batch[:FEW]
    if len(few) == len(probe.batch):
        raise IrregularError  # nothing to compare with
    handles = [layer.register_forward_hook(collector.survey_hook, with_kwargs=True) for layer in collector.layers]
    try:
        try:
            with probe.forward_pass(batch_norm):
                outputs = probe.call(few.inputs)
        except RuntimeError as error:
            with probe.forward_pass(batch_norm):
                probe.call(probe.batch.inputs)  # raises where the network itself is at fault
            raise UnsupportedModelError(
                f"the network does not take {FEW} of its {len(probe.batch)} samples alone ({first_line(error)})."
            ) from error
        collector.check(outputs)
        return outputs.detach()
    finally:
        collector.surveyed.clear()  # and the graph with it
        for handle in handles:
            handle.remove()


def _entered(args: tuple[Tensor, ...], named: dict[str, Tensor]) -> Tensor:
    """What a layer was called with: each takes one tensor."""
    return args[0] if args else next(iter(named.values()))


def _uses(outputs: Tensor) -> tuple[Counter[int], set[Any]]:
    """How often each leaf of a graph is used, by id, and the graph's nodes."""
    used, reached, queue = Counter[int](), {outputs.grad_fn}, [outputs.grad_fn]
    while queue:
        node = queue.pop()
        for following, _ in () if node is None else node.next_functions:
            if following is not None and hasattr(following, "variable"):
                used[id(following.variable)] += 1
            if following is not None and following not in reached:
                reached.add(following)
                queue.append(following)
    return used, reached


def is_covered(probe: Probe) -> bool:
    """Whether there is a rule for every trainable parameter."""
    trainable = {id(parameter) for parameter in probe.parameters.values()}
    for module in probe.model.modules():
        own = [p for p in module.parameters(recurse=False) if id(p) in trainable]
        if own and (rule_of(module) is None or not is_regular(module)):
            return False
    return True


def chunks(module: nn.Module, x: Tensor, gradient: Tensor) -> Iterator[slice]:
    """Slices of samples that a rule takes at a time."""
    per_sample = max(x[0].numel(), gradient[0].numel())
    if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d)):
        positions = gradient[0, 0].numel()
        per_sample = module.in_channels * math.prod(module.kernel_size) * positions
    largest = max((p.numel() for p in module.parameters(recurse=False)), default=1)
    size = max(1, _CHUNK // max(per_sample, largest))
    for start in range(0, len(x), size):
        yield slice(start, start + size)
