"""Gradients of single samples from one forward and one backward pass.

A layer's weight gradient for sample i follows from what entered the layer and the gradient that came back to its
output, both for sample i. Hooks see these two; the product is formed layer by layer, in chunks of samples, and given
away at once. A network with a trainable parameter that no rule below covers is taken one sample at a time instead:
same result, slower.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zcbench.errors import UnsupportedModelError

if TYPE_CHECKING:
    from zcbench.probe import Probe

#: Takes a parameter's name and gradients ``(chunk, *shape)``.
Consumer: TypeAlias = Callable[[str, Tensor], None]
#: From (module, input, gradient of the output) to (leaf name, per-sample gradients).
Rule: TypeAlias = Callable[[nn.Module, Tensor, Tensor], Iterator[tuple[str, Tensor]]]

#: Largest temporary of a rule, in numbers.
_CHUNK = 4_000_000


def sample_gradients(probe: Probe, consume: Consumer) -> None:
    """See ``Probe.each_sample_gradient``."""
    if _covered(probe):
        _by_hooks(probe, consume)
    else:
        _one_by_one(probe, consume)


def _one_by_one(probe: Probe, consume: Consumer) -> None:
    parameters = probe.parameters
    for i in range(len(probe.batch)):
        sample = probe.batch[i : i + 1]
        with probe.forward_pass("per-sample"):
            loss = probe.loss_of(probe.call(sample.inputs), probe.targets[i : i + 1])
            found = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
        for (name, parameter), gradient in zip(parameters.items(), found, strict=True):
            consume(name, torch.zeros_like(parameter)[None] if gradient is None else gradient[None])


class _Collector:
    """Hooks on every layer with trainable parameters; gives each layer's per-sample gradients away as they come.

    A parameter that is used more than once is summed up first: only then is its gradient complete.
    """

    def __init__(self, probe: Probe, consume: Consumer) -> None:
        self.batch = len(probe.batch)
        self.consume = consume
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

    def forward_hook(self, module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        x = args[0].detach()
        if x.shape[0] != self.batch:
            raise UnsupportedModelError(
                f"a {type(module).__name__} layer runs on a tensor of shape {tuple(x.shape)}, "
                "whose first dimension does not count samples."
            )
        self.calls[module] += 1
        if output.requires_grad:
            # A hook on the tensor sees the gradient before any in-place operation that follows.
            hook: Callable[[Tensor], None] = functools.partial(self.backward_hook, module, x)
            output.register_hook(hook)  # type: ignore[no-untyped-call]

    def backward_hook(self, module: nn.Module, x: Tensor, gradient: Tensor) -> None:
        owned = {leaf: self.names[id(p)] for leaf, p in module.named_parameters(recurse=False) if id(p) in self.names}
        self.unseen.difference_update(owned.values())
        kept: dict[str, list[Tensor]] = {}
        for rows in _chunks(module, x, gradient):
            for leaf, part in _RULES[type(module)](module, x[rows], gradient[rows]):
                if leaf not in owned:
                    continue
                if self.used_once(module, owned[leaf]):
                    self.consume(owned[leaf], part)
                else:
                    kept.setdefault(owned[leaf], []).append(part)
        for name, parts in kept.items():
            total = torch.cat(parts)
            self.pending[name] = self.pending[name] + total if name in self.pending else total

    def used_once(self, module: nn.Module, name: str) -> bool:
        return self.calls[module] == 1 and self.owners[id(self.parameters[name])] == 1

    def finish(self) -> None:
        for name, gradients in self.pending.items():
            self.consume(name, gradients)
        for name in self.unseen:
            parameter = self.parameters[name]
            self.consume(name, torch.zeros_like(parameter).expand(self.batch, *parameter.shape))


def _by_hooks(probe: Probe, consume: Consumer) -> None:
    batch, targets = len(probe.batch), probe.targets
    collector = _Collector(probe, consume)
    with probe.forward_pass("per-sample"):
        handles = [layer.register_forward_hook(collector.forward_hook) for layer in collector.layers]
        outputs = probe.call(probe.batch.inputs)
        for handle in handles:
            handle.remove()
        if outputs.shape[0] != batch:
            raise UnsupportedModelError(
                f"the output has shape {tuple(outputs.shape)}: its first dimension must count the {batch} samples."
            )
        losses = [probe.loss_of(outputs[i : i + 1], targets[i : i + 1]) for i in range(batch)]
        loss = torch.stack(losses).sum()
        if loss.requires_grad:
            # Differentiating by the parameters makes the pass reach every layer; the result itself is not used.
            torch.autograd.grad(loss, list(probe.parameters.values()), allow_unused=True)
    collector.finish()


def _covered(probe: Probe) -> bool:
    trainable = {id(parameter) for parameter in probe.parameters.values()}
    for module in probe.model.modules():
        own = [p for p in module.parameters(recurse=False) if id(p) in trainable]
        if own and (type(module) not in _RULES or not _regular(module)):
            return False
    return True


def _regular(module: nn.Module) -> bool:
    # Parametrised or hooked layers compute something else than their class says.
    if "forward" in vars(module) or module._forward_hooks or module._forward_pre_hooks:
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
    columns = gradient.reshape(samples, module.groups, module.out_channels // module.groups, -1)
    yield "weight", (columns @ patches.transpose(2, 3)).reshape(samples, *module.weight.shape)
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
