"""Zen-score: how strongly a random network reacts to a small change of its input.

Data-free: weights and inputs are Gaussian. The Gaussian complexity of the function is measured on the features before
global pooling, and the scale that batch norm removes is added again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from zcbench.errors import UnsupportedModelError
from zcbench.probe import Probe
from zcbench.probe._batch_norm import with_variance
from zcbench.proxies import register_proxy
from zcbench.types import Batch, Inputs

#: the size of the change
GAMMA = 0.01


@register_proxy(
    "zen",
    version=2,
    cost="forward",
    stochastic=True,
    domains=("convolutional",),
    invariances=("data",),
    reference="Lin et al., 'Zen-NAS', ICCV 2021, arXiv:2102.01063, algorithm 1",
)
def zen(probe: Probe, *, running: bool = False) -> float:
    """Add the log of the mean change of the features and, over batch norms, half the log of the mean variance.

    Weights ~ N(0, 1), batch norm at 1 and 0; inputs x, x' ~ N(0, 1) in the shape of the batch; the change is the sum of
    |f(x) - f(x + .01 x')| over the features of a sample. Features are the input of the last global pooling or
    flattening. One draw by default ("zen:repeats=32" averages over 32).

    Deviations: the paper removes residual connections, which is impossible in a finished module (the authors say that
    for this reason no theory supports the score on NAS-Bench-201). A batch norm whose inputs are all zero makes the
    score minus infinity.

    Args:
        probe: the probe.
        running: use the variance of the authors' code, from running averages with momentum .1 that start at one and
            were updated by the two passes; the paper uses the batch's own variance.
    """
    generator = probe.generator("zen")

    def noise(tensor: Tensor) -> Tensor:
        if not tensor.is_floating_point():
            raise UnsupportedModelError("zen uses Gaussian noise as input, but these inputs are integers.")
        return torch.randn(tensor.shape, generator=generator).to(tensor.device, tensor.dtype)

    if not probe.batch.tensors():
        raise UnsupportedModelError("zen uses Gaussian noise as input, but no input tensor has a dimension of samples.")
    state = {name: p.detach().clone() for name, p in probe.model.named_parameters()}
    try:
        _draw(probe.model, generator)
        first = probe.batch.map(noise)
        second = probe.batch.map(noise)
        directions = iter(Batch(second).tensors())
        nearby = Batch(first).map(lambda tensor: tensor + GAMMA * next(directions))
        with torch.no_grad():
            features, variances = _features(probe, first)
            changed, again = _features(probe, nearby)
    finally:
        for name, parameter in probe.model.named_parameters():
            parameter.data.copy_(state[name])
    change = float((features - changed).abs().flatten(1).sum(1).double().mean())
    if change <= 0:
        return -math.inf
    if running:
        variances = [0.81 + 0.09 * a + 0.1 * b for a, b in zip(variances, again, strict=True)]  # after two passes
    return math.log(change) + sum(0.5 * math.log(v) if v > 0 else -math.inf for v in variances)


def _draw(model: nn.Module, generator: torch.Generator) -> None:
    # Use .data so that the graphs of earlier passes, which saved the weights, stay valid.
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                parameter.data.fill_(float(name == "weight"))
            elif name == "bias":
                parameter.data.zero_()
            else:
                parameter.data.copy_(torch.randn(parameter.shape, generator=generator))


class _Watch(TorchFunctionMode):
    """Records the last input of pooling or flattening, and each batch norm's mean variance."""

    def __init__(self) -> None:
        super().__init__()
        self.last: Tensor | None = None
        self.variances: list[Tensor] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        x = args[0] if args else kwargs.get("input")
        if isinstance(x, Tensor) and x.dim() == 4:
            if func is F.batch_norm:
                return self._batch_norm(*args, **kwargs)
            if _ends_maps(func, args, kwargs, x):
                self.last = x.clone()
        return func(*args, **kwargs)

    def _batch_norm(
        self,
        input: Tensor,  # noqa: A002  # the names of F.batch_norm
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        if training and input[:, 0].numel() > 1:
            output, variance = with_variance(input, weight, bias, eps)
        else:
            output = F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
            variance = input.double().var((0, 2, 3), correction=0)
        self.variances.append(variance.double().mean())
        return output


def _features(probe: Probe, inputs: Inputs) -> tuple[Tensor, list[float]]:
    """Return the features before the last pooling or flattening of maps, and each batch norm's mean variance."""
    with probe.forward_pass(), _Watch() as watch:
        probe.call(inputs)
    if watch.last is None:
        raise UnsupportedModelError("zen needs feature maps that are pooled or flattened at the end, and found none.")
    return watch.last, torch.stack(watch.variances).tolist() if watch.variances else []


def _ends_maps(func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], x: Tensor) -> bool:
    if func is F.adaptive_avg_pool2d:
        size = args[1] if len(args) > 1 else kwargs["output_size"]
        return size in (1, (1, 1), [1, 1])
    if func in (torch.mean, Tensor.mean):
        dims = args[1] if len(args) > 1 else kwargs.get("dim", kwargs.get("axis"))
        return isinstance(dims, (tuple, list)) and {d % 4 for d in dims} == {2, 3}
    if func in (torch.flatten, Tensor.flatten):
        start = args[1] if len(args) > 1 else kwargs.get("start_dim", 0)
        return start == 1 and x.shape[2:].numel() > 1
    return False
