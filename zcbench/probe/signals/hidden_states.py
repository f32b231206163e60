"""Hidden states of recurrent layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from zcbench.errors import UnsupportedModelError
from zcbench.probe import _walk
from zcbench.probe._axes import Layout
from zcbench.probe._register import register_signal
from zcbench.probe.signals._watcher import Watcher

if TYPE_CHECKING:
    from zcbench.probe import Probe


class HiddenStates(Watcher):
    """Records the hidden states of recurrent layers, ``(batch, length, width)`` each, in the order in which they run.

    Layers are those of ``nn.RNN``, ``nn.LSTM`` and ``nn.GRU``, the cells of PyTorch, and every module with children
    that runs once per position and returns its new state ``(batch, width)``, alone or first in a tuple.
    """

    of_samples = True

    def start(self) -> None:
        """Register hooks on every module that may be a cell."""
        self.whole: dict[nn.Module, list[Tensor]] = {}
        self.steps: dict[nn.Module, list[Tensor]] = {}
        self.order: dict[nn.Module, None] = {}
        for module in _walk.modules(self.probe.model):
            if isinstance(module, nn.RNNBase):
                self.hook(module.register_forward_hook(self._layers, with_kwargs=True))
            elif isinstance(module, nn.RNNCellBase) or next(module.children(), None) is not None:
                self.hook(module.register_forward_hook(self._step))

    def _layers(self, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> None:
        assert isinstance(module, nn.RNNBase)
        x, states = args[0], args[1] if len(args) > 1 else kwargs.get("hx")
        if not isinstance(x, Tensor) or x.dim() != 3 or not isinstance(output[0], Tensor):
            return
        layout = self.samples(output[0], "whole")
        if layout is None or layout.axis > 1 or layout.positions > 1:
            return
        found = [output[0].detach()]
        if module.num_layers > 1:
            with torch.no_grad():
                found = list(_layer_by_layer(module, x.detach(), states))
        found = [layout.first(states) for states in found]
        self.order.setdefault(module)
        self.whole.setdefault(module, []).extend(found)

    def _step(self, module: nn.Module, _: Any, output: Any) -> None:
        state = output[0] if isinstance(output, tuple) and output else output
        if not isinstance(state, Tensor) or state.dim() != 2:
            return
        if (layout := self.samples(state, "steps")) is not None and layout == Layout(0):
            self.order.setdefault(module)
            self.steps.setdefault(module, []).append(state.detach().clone())

    @property
    def layers(self) -> list[Tensor]:
        """Hidden states by layer."""
        repeated = {module for module, states in self.steps.items() if len(states) > 1}
        inside = {inner for module in repeated for inner in module.modules() if inner is not module}
        found: list[Tensor] = []
        for module in self.order:
            if module in self.whole:
                found += self.whole[module]
            elif module in repeated - inside and len({state.shape for state in self.steps[module]}) == 1:
                found.append(torch.stack(self.steps[module], 1))
        return found


def _layer_by_layer(module: nn.RNNBase, x: Tensor, states: Any) -> Iterator[Tensor]:
    run = getattr(torch._VF, module.mode.lower())
    directions = 2 if module.bidirectional else 1
    batch = x.shape[0 if module.batch_first else 1]
    for layer in range(module.num_layers):
        rows = slice(layer * directions, (layer + 1) * directions)
        weights = [tensor for group in module.all_weights[rows] for tensor in group]
        if states is None:
            width = module.proj_size or module.hidden_size
            first: Any = x.new_zeros(directions, batch, width)
            if module.mode == "LSTM":
                first = (first, x.new_zeros(directions, batch, module.hidden_size))
        else:
            first = tuple(part[rows] for part in states) if module.mode == "LSTM" else states[rows]
        x = run(x, first, weights, module.bias, 1, 0.0, False, module.bidirectional, module.batch_first)[0]
        yield x


@register_signal("hidden_states", watcher=HiddenStates)
def hidden_states(probe: Probe) -> list[Tensor]:
    """Return hidden states ``(batch, length, width)`` of every recurrent layer, in the order in which they run.

    Raises:
        UnsupportedModelError: there is no recurrent layer.
    """
    watcher = probe.watched(HiddenStates)
    if not watcher.layers:
        if problem := watcher.nothing("a recurrent layer returns"):
            raise UnsupportedModelError(problem)
        raise UnsupportedModelError(
            "the network has no recurrent layer: neither nn.LSTM or the like, nor a module that runs once per "
            "position and returns its state."
        )
    return watcher.layers
