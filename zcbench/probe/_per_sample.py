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
from torch.nn import functional as F

from zcbench.errors import UnsupportedModelError, first_line
from zcbench.probe._world import restore_torch, seed_torch, torch_states
from zcbench.probe.modes import BatchNorm

if TYPE_CHECKING:
    from zcbench.probe import Probe

#: Takes a parameter's name and gradients ``(chunk, *shape)``.
Consumer: TypeAlias = Callable[[str, Tensor], None]
#: From (module, input, gradient of the output) to (leaf name, per-sample gradients).
Rule: TypeAlias = Callable[[nn.Module, Tensor, Tensor], Iterator[tuple[str, Tensor]]]
#: From (outputs of some samples, where these samples start) to one number per sample.
Scalars: TypeAlias = Callable[[Tensor, int], Tensor]

#: Size of a rule's temporary, in numbers: what a processor's cache holds, which is up to four times faster than more.
_CHUNK = 1_200_000
#: Largest temporary of a kernel.
_LARGEST = 16_000_000


def sample_gradients(probe: Probe, consume: Consumer) -> None:
    """See ``Probe.each_sample_gradient``."""

    def losses(outputs: Tensor, start: int) -> Tensor:
        targets = probe.targets[start : start + len(outputs)]
        return torch.stack([probe.loss_of(outputs[i : i + 1], targets[i : i + 1]) for i in range(len(outputs))])

    if _covered(probe):
        try:
            _by_hooks(probe, _Collector(probe, consume), losses, "per-sample")
            return
        except _IrregularError:
            pass
    for row in _one_by_one(probe, losses, "per-sample"):
        for name, gradient in row.items():
            consume(name, gradient[None])


def tangent_kernel(probe: Probe, batch_norm: BatchNorm) -> Tensor:
    """Inner products of the gradients of every sample's summed outputs: ``(batch, batch)``, float64.

    Batch norm in "train" mode couples the samples, so there every row of the Jacobian takes a backward pass of its own
    and the whole of it is held; in the other modes it is never built.
    """
    if not probe.parameters:
        raise UnsupportedModelError("the network has no trainable parameter.")
    if batch_norm == "train":
        return inner_products(list(_row_by_row(probe)))

    def sums(outputs: Tensor, _: int) -> Tensor:
        return output_sums(outputs)

    if _covered(probe):
        try:
            kernel = _Kernel(probe, batch_norm)
            _by_hooks(probe, kernel, sums, batch_norm)
            return kernel.total
        except _IrregularError:
            pass
    return inner_products(list(_one_by_one(probe, sums, batch_norm)))


def inner_products(rows: list[dict[str, Tensor]]) -> Tensor:
    """All pairs of gradients ``(rows, rows)``, float64; summed up parameter by parameter, and emptied as it goes.

    One float32 product over millions of entries at once would be off by some tenths of a percent.
    """
    total = torch.zeros(len(rows), len(rows), dtype=torch.float64)
    for name in list(rows[0]):
        part = torch.stack([row.pop(name).flatten() for row in rows])
        total += (part @ part.T).double().cpu()
    return total


def _row_by_row(probe: Probe) -> Iterator[dict[str, Tensor]]:
    for scalar in output_sums(_counted(probe.outputs, len(probe.batch))):
        yield probe.gradients_of(scalar)


def output_sums(outputs: Tensor) -> Tensor:
    """Sum of each sample's outputs ``(batch,)``."""
    return outputs.reshape(len(outputs), -1).sum(1)


def _one_by_one(probe: Probe, scalars: Scalars, batch_norm: BatchNorm) -> Iterator[dict[str, Tensor]]:
    count = len(probe.batch)
    if count > 1:
        few = min(_FEW, count - 1)
        _refuse_mixing(probe, batch_norm, _outputs(probe, few, batch_norm), _outputs(probe, count, batch_norm))
    for i in range(count):
        with probe.forward_pass(batch_norm):
            scalar = scalars(probe.call(probe.batch[i : i + 1].inputs), i).sum()
        yield probe.gradients_of(scalar)


def _outputs(probe: Probe, samples: int, batch_norm: BatchNorm) -> Tensor:
    """Of the first so many samples alone; UnsupportedModelError where the first dimension does not count them."""
    with torch.no_grad(), probe.forward_pass(batch_norm):
        return _counted(probe.call(probe.batch[:samples].inputs), samples)


def _counted(outputs: Tensor, samples: int) -> Tensor:
    if outputs.shape[0] != samples:
        raise UnsupportedModelError(_UNCOUNTED.format(shape=tuple(outputs.shape), batch=samples))
    return outputs


def _refuse_mixing(probe: Probe, batch_norm: BatchNorm, few: Tensor, whole: Tensor) -> None:
    """Gradients of single samples mean nothing where a sample's output depends on the others.

    Args:
        probe: the network and its batch.
        batch_norm: as which both passes were made.
        few: outputs of the first samples alone.
        whole: outputs of all.

    Raises:
        UnsupportedModelError: the outputs of the first samples are others in company, and not by random numbers.
    """
    part = whole[: len(few)]
    if few.shape == part.shape and _close(few, part):
        return
    if few.shape == part.shape:
        states, seed = torch_states(), probe.seed
        try:
            with torch.no_grad(), probe.forward_pass(batch_norm):
                seed_torch(seed + 1)
                if not _close(probe.call(probe.batch[: len(few)].inputs), few):
                    return  # it draws random numbers, others for each size of a batch
        finally:
            restore_torch(states)
    raise UnsupportedModelError(
        f"the network mixes samples: its outputs for {len(few)} of them are others when they are alone, so that single "
        "samples have no gradients of their own."
    )


def _close(a: Tensor, b: Tensor) -> bool:
    """Whether two outputs differ by no more than rounding, relative to the largest number."""
    a, b = a.detach(), b.detach()
    scale = float(torch.maximum(a.abs().max(), b.abs().max()))
    return not math.isfinite(scale) or float((a - b).abs().max()) <= torch.finfo(a.dtype).eps ** 0.5 * scale


class _IrregularError(Exception):
    """A layer runs on something of which the rules cannot tell which rows belong to which sample."""


class _Collector:
    """Hooks on every layer with trainable parameters; gives each layer's per-sample gradients away as they come.

    A parameter that is used more than once is summed up first: only then is its gradient complete.
    """

    def __init__(self, probe: Probe, consume: Consumer, batch_norm: BatchNorm = "per-sample") -> None:
        self.batch = len(probe.batch)
        self.consume = consume
        self.rules = _RULES if batch_norm == "per-sample" else {**_RULES, **_EVAL_RULES}
        self.parameters = probe.parameters
        self.names = {id(parameter): name for name, parameter in self.parameters.items()}
        self.layers = [
            module
            for module in probe.model.modules()
            if type(module) in _RULES and any(id(p) in self.names for p in module.parameters(recurse=False))
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
            raise _IrregularError  # autocast: the rules multiply numbers of one type
        self.shapes.append(_entered(args, named).shape)
        self.surveyed.append((module, out.grad_fn, out))

    def check(self, outputs: Tensor) -> None:
        """Compare the graph of a pass of two samples with what the hooks saw of it.

        Raises:
            _IrregularError: a parameter is used by something else than its layers, such as a product with the weight
                of an embedding, or a row of a layer belongs to another sample, such as in a sorted batch.
        """
        used, reached = _uses(outputs)
        expected = Counter(
            id(p) for module, node, _ in self.surveyed if node in reached for p in module.parameters(recurse=False)
        )
        if any(used[id(p)] != expected[id(p)] for p in self.parameters.values()):
            raise _IrregularError
        rows = [out for _, node, out in self.surveyed if node in reached and out.shape[0] == _FEW]
        if not rows or outputs.shape[0] != _FEW:
            return
        first = outputs[0].sum() + outputs[0].square().sum()
        for gradient in torch.autograd.grad(first, rows, allow_unused=True):
            if gradient is not None and bool((gradient[1:] != 0).any()):
                raise _IrregularError

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
        elif two is None or two[0] != _FEW or x.shape[0] != self.batch:
            raise _IrregularError
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
        for rows in _chunks(module, x, gradient):
            yield from self.rules[type(module)](module, x[rows], gradient[rows])

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


class _Kernel(_Collector):
    """Sums up, layer by layer, the inner products of the samples' gradients."""

    def __init__(self, probe: Probe, batch_norm: BatchNorm) -> None:
        super().__init__(probe, self.add_rows, batch_norm)
        self.total = torch.zeros(self.batch, self.batch, dtype=torch.float64)

    def add(self, products: Tensor) -> None:
        self.total += products.double().cpu()

    def add_rows(self, _: str, gradients: Tensor) -> None:
        rows = gradients.flatten(1)
        self.add(rows @ rows.T)

    def finish(self) -> None:
        self.unseen.clear()  # nothing plus nothing
        super().finish()

    def take(self, module: nn.Module, x: Tensor, gradient: Tensor, names: dict[str, str]) -> None:
        if isinstance(module, nn.Embedding):
            same = x.flatten()[:, None] == x.flatten()[None, :]
            if module.padding_idx is not None:
                same &= (x != module.padding_idx).flatten()
            rows = gradient.flatten(0, -2)
            self.add(_by_sample((rows @ rows.T) * same, self.batch))
        elif isinstance(module, nn.Linear) and "weight" in names and _pairs_are_cheaper(module, x):
            entered, came_back = x.flatten(0, -2), gradient.flatten(0, -2)
            self.add(_by_sample((entered @ entered.T) * (came_back @ came_back.T), self.batch))
            if "bias" in names:
                self.add_rows("", gradient.flatten(1, -2).sum(1) if gradient.dim() > 2 else gradient)
        else:
            for channels in _channels(module, gradient):
                found: dict[str, list[Tensor]] = {leaf: [] for leaf in names}
                for leaf, part in self.parts(module, x, gradient[channels]):
                    if leaf in found:
                        found[leaf].append(part)
                for parts in found.values():
                    self.add_rows("", torch.cat(parts))


def _by_sample(products: Tensor, batch: int) -> Tensor:
    return products.reshape(batch, -1, batch, products.shape[0] // batch).sum((1, 3))


def _pairs_are_cheaper(layer: nn.Linear, x: Tensor) -> bool:
    """Whether all pairs of positions cost less than the gradient of each sample."""
    batch, positions = len(x), x[0].numel() // layer.in_features
    size = layer.in_features * layer.out_features
    pairs = (batch * positions) ** 2
    return pairs <= 4 * _LARGEST and pairs * (layer.in_features + layer.out_features) <= (
        batch * positions * size + batch * batch * size
    )


def _channels(module: nn.Module, gradient: Tensor) -> Iterator[tuple[slice, ...]]:
    """Slices of the output channels small enough that all samples' gradients of one slice fit a temporary."""
    whole = (slice(None),)
    if isinstance(module, nn.Linear):
        axis, count, width = gradient.dim() - 1, module.out_features, module.in_features
    elif isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d)) and module.groups == 1:
        axis, count, width = 1, module.out_channels, module.weight[0].numel()
    else:
        yield whole
        return
    size = max(1, _LARGEST // (len(gradient) * width))
    for start in range(0, count, size):
        yield (slice(None),) * axis + (slice(start, start + size),)


def _by_hooks(probe: Probe, collector: _Collector, scalars: Scalars, batch_norm: BatchNorm) -> None:
    frozen = list(probe.parameters.values())
    few = _survey(probe, collector, batch_norm)
    handles = [layer.register_forward_hook(collector.forward_hook, with_kwargs=True) for layer in collector.layers]
    try:
        for parameter in frozen:
            parameter.requires_grad_(False)
        with probe.forward_pass(batch_norm):
            outputs = probe.call(probe.batch.inputs)
            _counted(outputs, collector.batch)
            total = scalars(outputs, 0).sum()
            if total.requires_grad and collector.roots:
                torch.autograd.grad(total, collector.roots, allow_unused=True)
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)
        for handle in handles:
            handle.remove()
    _refuse_mixing(probe, batch_norm, few, outputs)
    collector.finish()


def _survey(probe: Probe, collector: _Collector, batch_norm: BatchNorm) -> Tensor:
    """See with two samples whether the rules hold; the outputs for these."""
    few = probe.batch[:_FEW]
    if len(few) == len(probe.batch):
        raise _IrregularError  # nothing to compare with
    handles = [layer.register_forward_hook(collector.survey_hook, with_kwargs=True) for layer in collector.layers]
    try:
        try:
            with probe.forward_pass(batch_norm):
                outputs = probe.call(few.inputs)
        except RuntimeError as error:
            with probe.forward_pass(batch_norm):
                probe.call(probe.batch.inputs)  # raises where the network itself is at fault
            raise UnsupportedModelError(
                f"the network does not take {_FEW} of its {len(probe.batch)} samples alone ({first_line(error)})."
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


#: Samples of the pass that tells which dimensions count samples.
_FEW = 2
_UNCOUNTED = "the output has shape {shape}: its first dimension must count the {batch} samples."


def _covered(probe: Probe) -> bool:
    trainable = {id(parameter) for parameter in probe.parameters.values()}
    for module in probe.model.modules():
        own = [p for p in module.parameters(recurse=False) if id(p) in trainable]
        if own and (type(module) not in _RULES or not _regular(module)):
            return False
    return True


def _regular(module: nn.Module) -> bool:
    # Parametrised or hooked layers compute something else than their class says.
    tables = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks)
    if "forward" in vars(module) or any(tables) or getattr(module, "scale_grad_by_freq", False):
        return False
    if any(p._backward_hooks for p in module.parameters(recurse=False)):
        return False
    return getattr(module, "padding_mode", "zeros") == "zeros"


def _chunks(module: nn.Module, x: Tensor, gradient: Tensor) -> Iterator[slice]:
    per_sample = max(x[0].numel(), gradient[0].numel())
    if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d)):
        positions = gradient[0, 0].numel()
        per_sample = module.in_channels * math.prod(module.kernel_size) * positions
    largest = max((p.numel() for p in module.parameters(recurse=False)), default=1)
    size = max(1, _CHUNK // max(per_sample, largest))
    for start in range(0, len(x), size):
        yield slice(start, start + size)


# -- one rule for every layer ------------------------------------------------------------------


def _linear(module: nn.Module, x: Tensor, gradient: Tensor) -> Iterator[tuple[str, Tensor]]:
    if x.dim() == 2:  # one position
        x, gradient = x[:, None], gradient[:, None]
    x, gradient = x.flatten(1, -2), gradient.flatten(1, -2)
    yield "weight", gradient.transpose(1, 2) @ x
    yield "bias", gradient.sum(1)


def _conv(module: nn.Module, x: Tensor, gradient: Tensor) -> Iterator[tuple[str, Tensor]]:
    assert isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d))
    samples = len(x)
    patches = _patches(module, x)  # (samples, groups, c_in / groups * kernel, positions)
    columns = gradient.reshape(samples, module.groups, gradient.shape[1] // module.groups, -1)
    yield "weight", (columns @ patches.transpose(2, 3)).reshape(samples, gradient.shape[1], *module.weight.shape[1:])
    yield "bias", gradient.flatten(2).sum(2)


def _patches(module: nn.Conv1d | nn.Conv2d | nn.Conv3d, x: Tensor) -> Tensor:
    dimensions = len(module.kernel_size)
    padding = module.padding
    if padding == "same":
        total = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
        pads = [(t // 2, t - t // 2) for t in total]
    elif padding == "valid":
        pads = [(0, 0)] * dimensions
    else:
        pads = [(int(p), int(p)) for p in padding]
    x = F.pad(x, [side for pair in reversed(pads) for side in pair])
    for axis in range(dimensions):
        kernel, stride, dilation = module.kernel_size[axis], module.stride[axis], module.dilation[axis]
        x = x.unfold(2 + axis, dilation * (kernel - 1) + 1, stride)[..., ::dilation]
    # now (samples, c_in, *positions, *kernel)
    order = (0, 1, *range(2 + dimensions, 2 + 2 * dimensions), *range(2, 2 + dimensions))
    x = x.permute(*order)
    kernel_size = math.prod(module.kernel_size)
    return x.reshape(len(x), module.groups, module.in_channels // module.groups * kernel_size, -1)


def _batch_norm(module: nn.Module, x: Tensor, gradient: Tensor) -> Iterator[tuple[str, Tensor]]:
    assert isinstance(module, nn.modules.batchnorm._BatchNorm)
    normal = F.group_norm(x, x.shape[1], eps=module.eps)
    yield "weight", (gradient * normal).flatten(2).sum(2)
    yield "bias", gradient.flatten(2).sum(2)


def _running_batch_norm(module: nn.Module, x: Tensor, gradient: Tensor) -> Iterator[tuple[str, Tensor]]:
    assert isinstance(module, nn.modules.batchnorm._BatchNorm)
    if module.running_mean is None or module.running_var is None:
        raise UnsupportedModelError("a batch norm without running statistics has no eval mode.")
    shape = (1, -1, *(1,) * (x.dim() - 2))
    normal = (x - module.running_mean.view(shape)) * (module.running_var.view(shape) + module.eps).rsqrt()
    product = gradient * normal
    yield "weight", product.flatten(2).sum(2) if x.dim() > 2 else product
    yield "bias", gradient.flatten(2).sum(2) if x.dim() > 2 else gradient


def _layer_norm(module: nn.Module, x: Tensor, gradient: Tensor) -> Iterator[tuple[str, Tensor]]:
    assert isinstance(module, nn.LayerNorm)
    normal = F.layer_norm(x, module.normalized_shape, eps=module.eps)
    between = tuple(range(1, x.dim() - len(module.normalized_shape)))
    product = gradient * normal
    yield "weight", product.sum(between) if between else product
    yield "bias", gradient.sum(between) if between else gradient


def _group_norm(module: nn.Module, x: Tensor, gradient: Tensor) -> Iterator[tuple[str, Tensor]]:
    assert isinstance(module, nn.GroupNorm)
    normal = F.group_norm(x, module.num_groups, eps=module.eps)
    yield "weight", (gradient * normal).flatten(2).sum(2) if x.dim() > 2 else gradient * normal
    yield "bias", gradient.flatten(2).sum(2) if x.dim() > 2 else gradient


def _embedding(module: nn.Module, x: Tensor, gradient: Tensor) -> Iterator[tuple[str, Tensor]]:
    assert isinstance(module, nn.Embedding)
    tokens, gradient = x.flatten(1), gradient.flatten(1, -2)
    if module.padding_idx is not None:
        gradient = gradient * (tokens != module.padding_idx)[..., None]
    result = gradient.new_zeros(len(x), module.num_embeddings, module.embedding_dim)
    yield "weight", result.scatter_add_(1, tokens[..., None].expand_as(gradient), gradient)


_RULES: dict[type[nn.Module], Rule] = {
    nn.Linear: _linear,
    nn.Conv1d: _conv,
    nn.Conv2d: _conv,
    nn.Conv3d: _conv,
    nn.BatchNorm1d: _batch_norm,
    nn.BatchNorm2d: _batch_norm,
    nn.BatchNorm3d: _batch_norm,
    nn.LayerNorm: _layer_norm,
    nn.GroupNorm: _group_norm,
    nn.Embedding: _embedding,
}

_EVAL_RULES: dict[type[nn.Module], Rule] = {
    nn.BatchNorm1d: _running_batch_norm,
    nn.BatchNorm2d: _running_batch_norm,
    nn.BatchNorm3d: _running_batch_norm,
}
