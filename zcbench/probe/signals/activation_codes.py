"""The sign of every activation's input, for each sample."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zcbench.errors import NonFiniteError, UnsupportedModelError
from zcbench.probe._register import register_signal
from zcbench.probe.signals._watcher import FunctionWatcher, Watcher
from zcbench.probe.signals.relu_codes import rectifies

if TYPE_CHECKING:
    from zcbench.probe import Probe

#: Activations that pass positive values and suppress negative ones, by the functions that compute them.
RECTIFIERS: dict[str, tuple[Callable[..., Any], ...]] = {
    "relu": (),  # see relu_codes
    "gelu": (F.gelu,),
    "silu": (F.silu,),
    "mish": (F.mish,),
    "hardswish": (F.hardswish,),
    "elu": (F.elu, F.elu_),
    "celu": (F.celu, F.celu_, torch.celu, torch.celu_),
    "selu": (F.selu, F.selu_, torch.selu, torch.selu_),
    "leaky_relu": (F.leaky_relu, F.leaky_relu_),
    "prelu": (F.prelu, torch.prelu, Tensor.prelu),
    "rrelu": (F.rrelu, F.rrelu_, torch.rrelu, torch.rrelu_),
    "softplus": (F.softplus,),
}
#: Activations with a bend at zero that are not rectifiers.
_OTHERS: dict[str, tuple[Callable[..., Any], ...]] = {
    "tanh": (F.tanh, torch.tanh, torch.tanh_, Tensor.tanh, Tensor.tanh_),
    "sigmoid": (F.sigmoid, torch.sigmoid, torch.sigmoid_, Tensor.sigmoid, Tensor.sigmoid_),
    "hardtanh": (F.hardtanh, F.hardtanh_),
    "hardsigmoid": (F.hardsigmoid,),
}
#: Names of all activations whose codes are recorded.
ACTIVATIONS = (*RECTIFIERS, *_OTHERS)

_KINDS = {function: kind for kind, functions in {**RECTIFIERS, **_OTHERS}.items() for function in functions}
#: Modules that write out an activation, by parts of their class names.
_NAMES = (
    (re.compile(r"hard_?swish|h_?swish", re.I), "hardswish"),
    (re.compile(r"gelu", re.I), "gelu"),
    (re.compile(r"swish|silu", re.I), "silu"),
    (re.compile(r"mish", re.I), "mish"),
)


class ActivationCodes(Watcher):
    """Records which inputs of every activation are positive, before an in-place one overwrites them."""

    of_samples = True

    def start(self) -> None:
        """Observe functions, and modules that compute an activation by several functions."""
        self.codes: list[tuple[str, Tensor]] = []
        self.stack.enter_context(FunctionWatcher(self._before))
        for module in self.probe.model.modules():
            kind = _written_out(module)
            if kind:
                entered: list[tuple[int, torch.Size, Tensor | None]] = []
                self.hook(module.register_forward_pre_hook(self._enters(entered)))
                self.hook(module.register_forward_hook(self._leaves(entered, kind)))

    def _before(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        kind = "relu" if rectifies(func, args, kwargs) else _KINDS.get(func)
        if kind is not None:
            code = self._code(args[0] if args else kwargs["input"])
            if code is not None:
                self.codes.append((kind, code))

    def _enters(self, entered: list[tuple[int, torch.Size, Tensor | None]]) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[Any, ...]) -> None:
            if args and isinstance(args[0], Tensor):
                entered.append((len(self.codes), args[0].shape, self._code(args[0])))

        return hook

    def _leaves(self, entered: list[tuple[int, torch.Size, Tensor | None]], kind: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[Any, ...], output: object) -> None:
            if not entered:
                return
            since, shape, code = entered.pop()
            if code is not None and isinstance(output, Tensor) and output.shape == shape:
                self.codes[since:] = [(kind, code)]  # in place of the codes of the functions that it calls

        return hook

    def _code(self, x: Tensor) -> Tensor | None:
        layout = self.samples(x)
        if layout is None:
            return None
        with torch.no_grad():
            code = layout.first(x) > 0
        return code.flatten(1) if code.dim() > 1 else code[:, None]


def _written_out(module: nn.Module) -> str:
    """Return the activation that a module without parts or weights is named after; "" for any other module."""
    if next(module.children(), None) is not None or next(module.parameters(), None) is not None:
        return ""
    name = type(module).__name__
    return next((kind for pattern, kind in _NAMES if pattern.search(name)), "")


@register_signal("activation_codes", watcher=ActivationCodes)
def activation_codes(probe: Probe) -> list[tuple[str, Tensor]]:
    """Return, for every call of an activation, its name and which inputs are positive: bool ``(batch, units)``.

    Functions and modules are recorded alike, in the order in which they run, and so are modules without weights that
    write out GELU, SiLU, Mish or Hardswish and are named after it.

    Raises:
        UnsupportedModelError: no activation ran, or one ran on something other than the batch.
    """
    watcher = probe.watched(ActivationCodes)
    if problem := watcher.problem("an activation runs on"):
        raise UnsupportedModelError(problem)
    if watcher.without:
        probe.note(f"activations of tensors that depend on no sample were excluded ({watcher.without}).")
    if not watcher.codes:
        raise UnsupportedModelError(f"no activation ran; known: {', '.join(ACTIVATIONS)}.")
    if watcher.outputs is not None and not watcher.outputs.isfinite().all():
        raise NonFiniteError(
            "the network's outputs are not finite, so the signs of the activations' inputs have no meaning."
        )
    return watcher.codes
