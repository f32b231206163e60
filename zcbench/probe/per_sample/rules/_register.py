"""Rules by kind of layer: from the input of a layer and the gradient of its output to per-sample gradients."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor, nn

from zcbench._arguments import shown
from zcbench.errors import InvalidInputError
from zcbench.probe.modes import BatchNorm

#: From (layer, input, gradient of the output) to (name of the parameter in the layer, gradients of samples).
Rule: TypeAlias = Callable[[nn.Module, Tensor, Tensor], Iterator[tuple[str, Tensor]]]
F = TypeVar("F", bound=Rule)

#: methods that define the computation of torch's layers
_COMPUTE = ("forward", "_conv_forward")
#: layers that cannot run single samples: they use the whole batch, or their kernels need batches
_NEVER = (nn.RNNBase, nn.EmbeddingBag, nn.modules.batchnorm._BatchNorm, nn.modules.lazy.LazyModuleMixin)
#: rules by kind of layer and mode of batch norm
_RULES: dict[tuple[type[nn.Module], str], Rule] = {}
_MODES = ("per-sample", "eval")


def per_sample_rule(*layers: type[nn.Module], batch_norm: BatchNorm | None = None) -> Callable[[F], F]:
    """Declare how per-sample gradients are computed for these kinds of layers.

    The decorated function receives the layer, its input ``(samples, …)`` and the gradient of the loss with respect to
    its output ``(samples, …)``. It yields, for every parameter of the layer, its name and its gradients ``(samples,
    *shape)``. Samples must not depend on each other. A later rule for the same layer replaces the earlier.

    Args:
        layers: subclasses of ``nn.Module`` that take one tensor and return one.
        batch_norm: the mode of batch norm to which the rule applies, "per-sample" or "eval"; default: both.

    Raises:
        InvalidInputError: an argument is not a class of layers, or the mode does not exist.

    Example:
        >>> import torch, zcbench
        >>> from torch import nn
        >>> class Scale(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.scale = nn.Parameter(torch.ones(()))
        ...     def forward(self, x):
        ...         return self.scale * x
        >>> @zcbench.per_sample_rule(Scale)
        ... def scale(layer, x, gradient):
        ...     yield "scale", (x * gradient).flatten(1).sum(1)
    """
    if not layers:
        raise InvalidInputError("a per-sample rule needs the class of its layers: @zcbench.per_sample_rule(MyLayer).")
    for layer in layers:
        if not (isinstance(layer, type) and issubclass(layer, nn.Module)):
            raise InvalidInputError(f"a per-sample rule is for classes of torch.nn.Module, not for {shown(layer)}.")
    if batch_norm is not None and batch_norm not in _MODES:
        raise InvalidInputError(f"batch_norm={shown(batch_norm)}: choose {' or '.join(_MODES)}.")

    def declare(rule: F) -> F:
        for layer in layers:
            for mode in _MODES if batch_norm is None else (batch_norm,):
                _RULES[layer, mode] = rule
        return rule

    return declare


def rule_of(module: nn.Module, batch_norm: BatchNorm = "per-sample") -> Rule | None:
    """Return the rule for a layer: of its class, of the nearest parent with the same computation, or the general rule.

    Return None if the layer has parts with their own parameters, or is known to need something that no rule provides.
    """
    for parent in type(module).__mro__:
        rule = _RULES.get((parent, batch_norm))
        if rule is not None and all(getattr(type(module), name, 0) is getattr(parent, name, 0) for name in _COMPUTE):
            return rule
    if isinstance(module, _NEVER) or any(True for child in module.children() for _ in child.parameters()):
        return None
    return replayed


def replayed(module: nn.Module, x: Tensor, gradient: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Run a layer again, every sample separately, and differentiate: the general rule for other layers.

    It applies to layers whose output for a sample depends only on their input for that sample.
    """
    layer = copy.copy(module)
    layer._parameters = dict(module._parameters)
    for table in [name for name in vars(layer) if name.endswith("_hooks")]:
        setattr(layer, table, OrderedDict())
    own = {name: parameter.detach() for name, parameter in module.named_parameters(recurse=False)}

    def of_sample(x: Tensor, gradient: Tensor) -> dict[str, Tensor]:
        def run(parameters: dict[str, Tensor]) -> Tensor:
            output: Tensor = torch.func.functional_call(layer, parameters, (x[None],))
            return output

        found: dict[str, Tensor] = torch.func.vjp(run, own)[1](gradient[None])[0]
        return found

    yield from torch.func.vmap(of_sample)(x, gradient).items()


def is_regular(module: nn.Module) -> bool:
    """Return whether a layer runs the computation of its class, unchanged by hooks or other functions."""
    tables = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks)
    if "forward" in vars(module) or any(tables):
        return False
    return not any(parameter._backward_hooks for parameter in module.parameters(recurse=False))
