"""Maps that all modules make of the first sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from zcbench.errors import UnsupportedModelError
from zcbench.probe._register import register_signal
from zcbench.probe.signals._watcher import Watcher

if TYPE_CHECKING:
    from zcbench.probe import Probe


class SampleMaps(Watcher):
    """Output of every module without children for the first sample, where it is a map with channels first."""

    def start(self) -> None:
        """Hook the modules."""
        self.maps: list[Tensor] = []
        for module in self.probe.model.modules():
            if next(module.children(), None) is None:
                self.hook(module.register_forward_hook(self._hook))

    def _hook(self, _: nn.Module, __: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.dim() == 4 and output.shape[0] == self.batch:
            self.maps.append(output[0].detach().flatten(1).clone())


@register_signal("sample_maps", watcher=SampleMaps)
def sample_maps(probe: Probe) -> list[Tensor]:
    """Outputs ``(channels, positions)`` of every module without children for the first sample.

    Raises:
        UnsupportedModelError: no module returns maps.
    """
    watcher = probe.watched(SampleMaps)
    if not watcher.maps:
        raise UnsupportedModelError("no module returns maps (batch, channels, height, width).")
    return watcher.maps
