"""Hidden activations of the feed-forward blocks of a transformer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from zcbench.errors import UnsupportedModelError
from zcbench.probe._register import register_signal
from zcbench.probe.roles import Role
from zcbench.probe.signals._watcher import Keeper, Kept, Watcher

if TYPE_CHECKING:
    from zcbench.probe import Probe
    from zcbench.probe._axes import Layout


class LinearOutputs(Watcher):
    """Records the outputs of layers with two-dimensional weights before they are overwritten, by name of weight."""

    of_weights = True
    of_samples = True

    def start(self) -> None:
        """Register hooks on the layers."""
        self.kept: dict[str, list[tuple[Kept, Layout]]] = {}
        self.keeper = self.stack.enter_context(Keeper())
        for name, weight in self.weights.items():
            if weight.dim() == 2:
                module = self.probe.model.get_submodule(name.rpartition(".")[0])
                self.hook(module.register_forward_hook(self._hook(name)))

    def _hook(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        def forward(_: nn.Module, __: Any, output: Any) -> None:
            if isinstance(output, Tensor) and (layout := self.samples(output, name)) is not None:
                self.kept.setdefault(name, []).append((self.keeper.keep(output), layout))

        return forward


@register_signal("feed_forward", watcher=LinearOutputs, graph=True)
def feed_forward(probe: Probe) -> list[Tensor]:
    """Return hidden activations of feed-forward blocks before the non-linearity, each ``(batch, positions, width)``.

    Raises:
        UnsupportedModelError: there is no feed-forward block.
    """
    names = probe.weights_for(Role.FFN_IN)
    watcher = probe.watched(LinearOutputs, graph=True)
    found = [layout.first(kept.tensor) for name in names for kept, layout in watcher.kept.get(name, ())]
    if not found:
        problem = watcher.nothing("a feed-forward layer returns")
        raise UnsupportedModelError(problem or "the feed-forward layers are not called as modules.")
    return [x.reshape(len(x), -1, x.shape[-1]) for x in found]
