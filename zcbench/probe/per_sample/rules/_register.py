"""Rules by kind of layer: from what entered a layer and the gradient that came back to the gradients of samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias, TypeVar

from torch import Tensor, nn

from zcbench._arguments import shown
from zcbench.errors import InvalidInputError
from zcbench.probe.modes import BatchNorm

#: From (layer, input, gradient of the output) to (name of the parameter in the layer, gradients of samples).
Rule: TypeAlias = Callable[[nn.Module, Tensor, Tensor], Iterator[tuple[str, Tensor]]]
F = TypeVar("F", bound=Rule)

#: rules by kind of layer and mode of batch norm
_RULES: dict[tuple[type[nn.Module], str], Rule] = {}
_MODES = ("per-sample", "eval")


def per_sample_rule(*layers: type[nn.Module], batch_norm: BatchNorm | None = None) -> Callable[[F], F]:
    """Declare how the gradients of single samples follow for these kinds of layers.

    The decorated function gets the layer, what entered it ``(samples, …)`` and the gradient of the loss with respect to
    its output ``(samples, …)``. It yields, for every parameter of the layer, its name and its gradients
    ``(samples, *shape)``. Samples must not depend on each other. A later rule for the same layer replaces the earlier.

    Args:
        layers: subclasses of ``nn.Module`` that take one tensor and return one.
        batch_norm: the mode of batch norm that the rule is for, "per-sample" or "eval"; default: both.

    Raises:
        InvalidInputError: something else than a class of layers was given, or there is no such mode.

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
    """The rule for a layer, None where there is none."""
    return _RULES.get((type(module), batch_norm))


def is_regular(module: nn.Module) -> bool:
    """Whether a layer computes what its class says."""
    # Parametrised or hooked layers compute something else than their class says.
    tables = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks)
    if "forward" in vars(module) or any(tables) or getattr(module, "scale_grad_by_freq", False):
        return False
    if any(p._backward_hooks for p in module.parameters(recurse=False)):
        return False
    return getattr(module, "padding_mode", "zeros") == "zeros"
