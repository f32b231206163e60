"""Per-sample gradients, and their inner products, from one forward and one backward pass.

A layer's weight gradient for sample i is computed from the input of the layer and the gradient of its output, both for
sample i. Hooks receive these two; the product is computed layer by layer, in chunks, and passed on at once. Autograd
itself computes no weight gradient, because the parameters are frozen meanwhile.

A pass of two samples comes first. In this pass every sum over samples must equal autograd's own gradient. If it does
not, or if no rule covers a layer, the network is processed one sample at a time instead: same result, slower.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.autograd.graph import get_gradient_edge

from zcbench.errors import UnsupportedModelError, first_line
from zcbench.probe._differentiate import dense
from zcbench.probe.modes import BatchNorm
from zcbench.probe.per_sample._one_by_one import FEW, Scalars, close, counted, refuse_mixing
from zcbench.probe.per_sample.rules import Rule, is_regular, replayed, rule_of

if TYPE_CHECKING:
    from zcbench.probe import Probe

#: Receives a parameter's name and gradients ``(chunk, *shape)``.
Consumer: TypeAlias = Callable[[str, Tensor], None]

#: Size of a rule's temporary, in numbers: it fits in a CPU's cache, which is up to four times faster than larger ones.
_CHUNK = 1_200_000
#: Factor of this size on accelerators, where every chunk costs the start of a few kernels.
_ACCELERATED = 100


class IrregularError(Exception):
    """The rules do not apply to a layer's computation here."""


@dataclass
class _Call:
    """One call of a layer in the pass of two samples."""

    module: nn.Module
    x: Tensor  # the input
    version: int  # the version of the input at the call
    rows: int  # number of returned rows
    edge: Any  # place of the output in the graph, which later in-place operations do not change


class Collector:
    """Hooks on every layer with trainable parameters, which pass on per-sample gradients as they are computed.

    Gradients of a parameter that is used more than once are summed first, because each use gives a part only.
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
        self.copies = False  # whether a tensor without samples was copied for each sample
        self.owners = Counter(id(p) for module in self.layers for p in module.parameters(recurse=False))
        self.pending: dict[str, Tensor] = {}
        self.unseen = set(self.parameters)
        self.shapes: list[torch.Size] = []  # shapes of the inputs of the layers, call by call, for two samples
        self.surveyed: list[_Call] = []  # the calls, in the same order
        self.at = 0

    def survey_hook(self, module: nn.Module, args: tuple[Tensor, ...], named: dict[str, Tensor], out: Tensor) -> None:
        """Record a call for two samples."""
        if not torch.is_grad_enabled():  # no gradient reaches this part of the network
            return
        x = _entered(args, named, out)
        if any(parameter.dtype != out.dtype for parameter in module.parameters(recurse=False)):
            raise IrregularError  # autocast: the rules multiply numbers of one type
        self.shapes.append(x.shape)
        if not out.requires_grad:
            return
        self.surveyed.append(_Call(module, x.detach(), x._version, out.shape[0], get_gradient_edge(out)))

    def check(self, outputs: Tensor) -> None:
        """Compare the graph of a pass of two samples with the calls that the hooks recorded.

        Raises:
            IrregularError: a parameter is used outside its layers, for example in a product with the weight of an
                embedding; a row of a layer belongs to another sample, for example in a sorted batch; or the rules give
                another gradient than autograd.
        """
        leaves, reached = _leaves(outputs)
        used = Counter(id(leaf) for leaf in leaves)
        calls = [call for call in self.surveyed if call.edge.node in reached]
        expected = Counter(id(p) for call in calls for p in call.module.parameters(recurse=False))
        known = (id(p) for call in calls if self.rule(call.module) is not replayed for p in call.module.parameters())
        unused = (key for key in map(id, self.parameters.values()) if not expected[key])
        if any(used[key] != expected[key] for key in (*known, *unused)):
            raise IrregularError  # even if the gradient of the other use happens to be zero
        parameters = [p for p in self.parameters.values() if used[id(p)]]
        if not calls or not parameters or outputs.shape[0] != FEW:
            return
        first = outputs[0].sum() + outputs[0].square().sum()
        found = torch.autograd.grad(first, [*parameters, *(call.edge for call in calls)], allow_unused=True)
        pairs = [(call, g) for call, g in zip(calls, found[len(parameters) :], strict=True) if g is not None]
        if any(call.x._version != call.version for call, _ in pairs):
            raise IrregularError
        wrong = [size != 0 for size in _largest([g[1:] for call, g in pairs if call.rows == FEW])]
        gradients = {id(p): dense(g) for p, g in zip(parameters, found, strict=False) if g is not None}
        wrong += self.disagree(pairs, gradients)
        if wrong and bool(torch.stack(wrong).any()):  # one read for all: each read halts a GPU
            raise IrregularError

    def disagree(self, pairs: list[tuple[_Call, Tensor]], expected: dict[int, Tensor]) -> list[Tensor]:
        """Return whether the rules' sums over samples differ from autograd's gradients by more than rounding.

        Args:
            pairs: calls of layers, and the gradients of their outputs.
            expected: autograd's gradients, by identity of the parameter.
        """
        sums: dict[int, Tensor] = {}
        scales: dict[int, Tensor] = {}
        for (call, gradient), scale in zip(pairs, _scales(pairs), strict=True):
            module, x = call.module, call.x
            if x.dim() < 2 or x.shape[0] not in (1, FEW):  # the input contains no samples, for example positions
                x, gradient = x[None], gradient[None]
            try:
                parts = list(self.rule(module)(module, x, gradient))
            except UnsupportedModelError:
                raise
            except Exception as error:
                raise IrregularError from error
            if getattr(module, "scale_grad_by_freq", False):  # by frequencies in both samples, not in each
                expected.pop(id(module.weight), None)
            for leaf, part in parts:
                key = id(getattr(module, leaf))  # there may be no bias
                if key not in expected:
                    continue
                sums[key] = sums[key] + part.sum(0) if key in sums else part.sum(0)
                scales[key] = scales[key] + scale if key in scales else scale
        left = [expected[key] - sums[key] if key in sums else expected[key] for key in expected]
        return [
            size.isfinite() & (size > torch.finfo(size.dtype).eps ** 0.7 * scales.get(key, 0.0))
            for key, size in zip(expected, _largest(left), strict=True)
        ]

    def forward_hook(
        self, module: nn.Module, args: tuple[Tensor, ...], named: dict[str, Tensor], output: Tensor
    ) -> Tensor | None:
        if not torch.is_grad_enabled():
            return None
        x = _entered(args, named, output).detach()
        two = self.shapes[self.at] if self.at < len(self.shapes) else None
        self.at += 1
        changed = None
        if two == x.shape:
            # The input contains no samples, for example positions: every sample receives a copy, as by broadcasting.
            x, output = (
                tensor.expand(self.batch, *tensor.shape[tensor.shape[0] == 1 :]) for tensor in (x, output.detach())
            )
            changed, self.copies = output, True
        elif two is None or two[0] != FEW or x.shape[0] != self.batch:
            raise IrregularError
        self.calls[module] += 1
        if not output.requires_grad:
            # not a leaf, so that the network may overwrite it
            output = changed = output.detach().requires_grad_().clone()
        # A hook on the tensor receives the gradient before any later in-place operation.
        hook: Callable[[Tensor], None] = functools.partial(self.backward_hook, module, x, x._version)
        output.register_hook(hook)  # type: ignore[no-untyped-call]
        return changed

    def backward_hook(self, module: nn.Module, x: Tensor, version: int, gradient: Tensor) -> None:
        if x._version != version:  # autograd would have raised, if it had saved it
            raise RuntimeError(
                f"the input of a layer ({type(module).__name__}) was overwritten in place before the gradient was "
                "computed."
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
            yield from self.rule(module)(module, x[rows], gradient[rows])

    def rule(self, module: nn.Module) -> Rule:
        found = rule_of(module, self.batch_norm)
        assert found is not None
        return found

    def take(self, module: nn.Module, x: Tensor, gradient: Tensor, names: dict[str, str]) -> None:
        """Pass on the gradients of a layer's parameters; ``names`` is from leaf names to full names."""
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
    """Run the network once, and pass on the gradients of all samples by the collector.

    Raises:
        IrregularError: the rules do not apply; no gradient was passed on.
        UnsupportedModelError: the network mixes samples, or does not accept two of them alone.
    """
    frozen = list(probe.parameters.values())
    few = _survey(probe, collector, batch_norm)
    handles = [layer.register_forward_hook(collector.forward_hook, with_kwargs=True) for layer in collector.layers]
    try:
        for parameter in frozen:
            parameter.requires_grad_(False)
        with probe.forward_pass(batch_norm):
            outputs = _run(probe, collector)
            counted(outputs, collector.batch)
            if collector.copies and not (few.shape[1:] == outputs.shape[1:] and close(few, outputs[: len(few)])):
                # it uses the copies in another way, or it mixes samples; the slow method distinguishes the two
                raise IrregularError
            total = scalars(outputs, 0).sum()
            leaves = {id(leaf): leaf for leaf in _leaves(total)[0]}  # including those that the network creates itself
            if leaves:
                torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)
        for handle in handles:
            handle.remove()
    refuse_mixing(probe, batch_norm, few, outputs)
    collector.finish()


def _run(probe: Probe, collector: Collector) -> Tensor:
    """Return the outputs; raise IrregularError if the network does not accept the collector's copies."""
    try:
        return probe.call(probe.batch.inputs)
    except (RuntimeError, ValueError, IndexError, AssertionError) as error:
        if collector.copies:  # it has one dimension more than the network expects
            raise IrregularError from error
        raise


def _survey(probe: Probe, collector: Collector, batch_norm: BatchNorm) -> Tensor:
    """Test with two samples whether the rules apply, and return their outputs."""
    few = probe.batch[:FEW]
    if len(few) == len(probe.batch):
        raise IrregularError  # there is nothing to compare with
    failure: RuntimeError | None = None
    handles = [layer.register_forward_hook(collector.survey_hook, with_kwargs=True) for layer in collector.layers]
    try:
        with probe.forward_pass(batch_norm):
            try:
                outputs = probe.call(few.inputs)
            except RuntimeError as error:
                failure = error
            else:
                collector.check(outputs)
    finally:
        collector.surveyed.clear()  # releases the graph too
        for handle in handles:
            handle.remove()
    if failure is not None:
        with probe.forward_pass(batch_norm):
            probe.call(probe.batch.inputs)  # raises if the network itself is wrong
        raise UnsupportedModelError(
            f"the network does not accept {FEW} of its {len(probe.batch)} samples alone ({first_line(failure)})."
        ) from failure
    return outputs.detach()


def _largest(tensors: list[Tensor]) -> list[Tensor]:
    """Return the largest absolute value of each tensor, by few kernels."""
    return list(torch._foreach_norm(tensors, ord=float("inf"))) if tensors else []


def _scales(pairs: list[tuple[_Call, Tensor]]) -> list[Tensor]:
    """Return, for each call, the sizes of the terms that a rule sums; rounding is relative to them."""
    if not pairs:
        return []
    entered = [call.x if call.x.is_floating_point() else call.x.new_zeros(1, dtype=g.dtype) for call, g in pairs]
    norms = torch._foreach_norm([*entered, *(g for _, g in pairs)])
    return [
        came_back * (x + gradient.numel() ** 0.5)
        for x, came_back, (_, gradient) in zip(norms, norms[len(pairs) :], pairs, strict=False)
    ]


def _entered(args: tuple[Any, ...], named: dict[str, Any], output: object) -> Tensor:
    """Return the input of a layer.

    Raises:
        IrregularError: the input is not a single tensor, or the output is not a tensor.
    """
    given = [*args, *named.values()]
    if len(given) != 1 or not isinstance(given[0], Tensor) or not isinstance(output, Tensor) or not given[0].dim():
        raise IrregularError
    return given[0]


def _leaves(outputs: Tensor) -> tuple[list[Tensor], set[Any]]:
    """Return the leaves of a graph, each as often as it is used, and the graph's nodes."""
    leaves, reached, queue = [], {outputs.grad_fn}, [outputs.grad_fn]
    while queue:
        node = queue.pop()
        for following, _ in () if node is None else node.next_functions:
            if following is not None and hasattr(following, "variable"):
                leaves.append(following.variable)
            if following is not None and following not in reached:
                reached.add(following)
                queue.append(following)
    return leaves, reached


def is_covered(probe: Probe) -> bool:
    """Return whether there is a rule for every trainable parameter."""
    trainable = {id(parameter) for parameter in probe.parameters.values()}
    for module in probe.model.modules():
        own = [p for p in module.parameters(recurse=False) if id(p) in trainable]
        if own and (rule_of(module) is None or not is_regular(module)):
            return False
    return True


def chunks(module: nn.Module, x: Tensor, gradient: Tensor) -> Iterator[slice]:
    """Yield slices of samples that a rule processes at a time."""
    per_sample = max(x[0].numel(), gradient[0].numel())
    if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d)):
        positions = gradient[0, 0].numel()
        per_sample = module.in_channels * math.prod(module.kernel_size) * positions
    largest = max((p.numel() for p in module.parameters(recurse=False)), default=1)
    limit = _CHUNK if gradient.device.type == "cpu" else _ACCELERATED * _CHUNK
    size = max(1, limit // max(per_sample, largest))
    for start in range(0, len(x), size):
        yield slice(start, start + size)
