"""Products of activations and their gradients, by channel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from zcbench.errors import UnsupportedModelError
from zcbench.probe import _walk
from zcbench.probe._differentiate import gradients_of
from zcbench.probe._register import register_signal
from zcbench.probe.signals._watcher import Keeper, Watcher

if TYPE_CHECKING:
    from zcbench.probe import Probe
    from zcbench.probe._axes import Layout


class ChannelProducts(Watcher):
    """Sums a * dL/da over positions for every convolutional and linear layer's output a."""

    of_weights = True
    of_samples = True

    def start(self) -> None:
        """Register hooks on the layers with weights."""
        self.products: dict[str, Tensor] = {}
        self.active = False
        self.keeper = self.stack.enter_context(Keeper())
        names = {name.rpartition(".")[0] for name in self.weights}
        for name, module in _walk.named_modules(self.probe.model):
            if name in names:
                self.hook(module.register_forward_hook(self._hook(name)))

    def _hook(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        def forward(module: nn.Module, _: Any, output: Any) -> None:
            if not isinstance(output, Tensor):
                return
            layout = self.samples(output, name)
            if layout is None or not output.requires_grad:
                return
            channels = 1 if channels_first(module, output) else output.dim() - 1
            if layout.axis == channels:
                return
            kept = [self.keeper.keep(output)]

            def backward(gradient: Tensor) -> None:
                if self.active:  # once: the stored tensor is released, so that its memory is reused
                    found = _by_channel(kept.pop().tensor * gradient, layout, channels)
                    self.products[name] = self.products[name] + found if name in self.products else found

            output.register_hook(backward)  # type: ignore[no-untyped-call]

        return forward

    @contextmanager
    def loss_pass(self) -> Iterator[None]:
        """Enable the products for gradients of the loss only, and not for other passes through the graph."""
        self.active = True
        try:
            yield
        finally:
            self.active = False


def _by_channel(product: Tensor, layout: Layout, channels: int) -> Tensor:
    """Sum over all dimensions except samples and channels, ``(batch, channels)``."""
    if layout.axis == 0 and layout.positions == 1 and channels == 1:
        return product.flatten(2).sum(2) if product.dim() > 2 else product
    product = product.movedim(channels, -1)
    if layout.axis > channels:
        layout = replace(layout, axis=layout.axis - 1)
    product = layout.first(product)
    return product.flatten(1, -2).sum(1) if product.dim() > 2 else product


def channels_first(module: nn.Module, output: Tensor) -> bool:
    """Return whether dimension 1 is that of channels, as in convolutions; in other layers it is the last."""
    return "Conv" in type(module).__name__ and output.dim() > 2 and hasattr(module, "kernel_size")


@register_signal("channel_products", watcher=ChannelProducts, graph=True)
def channel_products(probe: Probe) -> dict[str, Tensor]:
    """Sum activation times gradient over positions, by name of the convolutional or linear layer.

    ``(batch, channels)``: sum over positions of a * dL/da, with a the layer's output before anything overwrites it and
    L the mean loss. If one layer is used in several places, the sums are added.
    """
    if "channel_products" in probe._wanted:
        _ = probe.gradients
        watcher = probe.watched(ChannelProducts, graph=True)
    else:
        watcher = probe.watched(ChannelProducts, graph=True)
        assert watcher.outputs is not None
        with watcher.loss_pass():
            gradients_of(probe.loss_of(watcher.outputs, probe.targets), probe.parameters)
    if not watcher.products and (problem := watcher.nothing("a layer returns")):
        raise UnsupportedModelError(problem)
    return watcher.products
