"""The active ReLUs of each sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from zcbench.errors import NonFiniteError, UnsupportedModelError
from zcbench.probe._register import register_signal
from zcbench.probe.signals._watcher import FunctionWatcher, Watcher

if TYPE_CHECKING:
    from zcbench.probe import Probe


_RECTIFIERS = {F.relu, F.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_, F.relu6}
_CLIPS = {F.hardtanh, F.hardtanh_}


def rectifies(func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Return whether a call is that of a ReLU: zero for negative inputs."""
    if func in _CLIPS:  # nn.ReLU6 is a clip from 0 to 6
        return bool((args[1] if len(args) > 1 else kwargs.get("min_val", -1.0)) == 0)
    return func in _RECTIFIERS


class ReLUCodes(Watcher):
    """Records which inputs of every ReLU (and ReLU6) are positive, before an in-place one overwrites them."""

    of_samples = True

    def start(self) -> None:
        """Observe functions, so that modules and plain calls are recorded alike."""
        self.codes: list[Tensor] = []
        self.stack.enter_context(FunctionWatcher(self._before))

    def _before(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        if not rectifies(func, args, kwargs):
            return
        x: Tensor = args[0] if args else kwargs["input"]
        layout = self.samples(x)
        if layout is not None:
            with torch.no_grad():
                codes = layout.first(x) > 0
                self.codes.append(codes.flatten(1) if codes.dim() > 1 else codes[:, None])


@register_signal("relu_codes", watcher=ReLUCodes)
def relu_codes(probe: Probe) -> list[Tensor]:
    """Return, for every call of a ReLU, which of its inputs are positive: bool ``(batch, units)`` each.

    Modules and functions, in place or not, are all recorded, in the order in which they run.

    Raises:
        UnsupportedModelError: no ReLU ran, or one ran on something other than the batch.
    """
    watcher = probe.watched(ReLUCodes)
    if problem := watcher.problem("a ReLU runs on"):
        raise UnsupportedModelError(problem)
    if not watcher.codes and (problem := watcher.nothing("every ReLU runs on")):
        raise UnsupportedModelError(problem)
    if watcher.without:
        probe.note(f"ReLUs of tensors that depend on no sample were excluded ({watcher.without}).")
    if not watcher.codes:
        raise UnsupportedModelError(
            "no ReLU ran, and this proxy measures rectified linear networks. With activation=all it uses the signs "
            "of the inputs of other activations."
        )
    if watcher.outputs is not None and not watcher.outputs.isfinite().all():
        raise NonFiniteError("the network's outputs are not finite, so the active ReLUs have no meaning.")
    return watcher.codes
