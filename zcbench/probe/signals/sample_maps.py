"""Feature maps of all modules for the first sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from zcbench.errors import UnsupportedModelError
from zcbench.probe import _walk
from zcbench.probe._register import register_signal
from zcbench.probe.signals._watcher import Watcher

if TYPE_CHECKING:
    from zcbench.probe import Probe


#: layers that produce maps; other tensors with four dimensions may be attention, (batch, heads, queries, keys)
_CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


class SampleMaps(Watcher):
    """Records the output of every module without children for the first sample, if it is a map with channels first."""

    of_samples = True

    def start(self) -> None:
        """Register hooks on the modules."""
        self.maps: list[Tensor] = []
        for module in _walk.modules(self.probe.model):
            if next(module.children(), None) is None:
                self.hook(module.register_forward_hook(self._hook))

    def _hook(self, _: nn.Module, __: Any, output: Any) -> None:
        if not isinstance(output, Tensor) or output.dim() != 4:
            return
        layout = self.samples(output)
        if layout is not None and layout.axis == 0:
            maps = layout.first(output.detach())[0]
            self.maps.append((maps if maps.dim() == 3 else maps.movedim(1, 0)).flatten(1).clone())


@register_signal("sample_maps", watcher=SampleMaps)
def sample_maps(probe: Probe) -> list[Tensor]:
    """Return the outputs ``(channels, positions)`` of every module without children for the first sample.

    Raises:
        UnsupportedModelError: no module returns maps, or the network has no convolution of images.
    """
    if not any(isinstance(module, _CONVOLUTIONS) for module in _walk.modules(probe.model)):
        raise UnsupportedModelError("the network has no convolution of images, so it produces no maps.")
    watcher = probe.watched(SampleMaps)
    if not watcher.maps:
        if problem := watcher.nothing("a module returns"):
            raise UnsupportedModelError(problem)
        raise UnsupportedModelError("no module returns maps (batch, channels, height, width).")
    return watcher.maps
