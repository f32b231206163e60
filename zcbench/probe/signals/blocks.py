"""What passes from block to block of a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from zcbench.errors import UnsupportedModelError
from zcbench.probe._register import register_signal
from zcbench.probe.signals._watcher import Keeper, Kept, Watcher

if TYPE_CHECKING:
    from zcbench.probe import Probe
    from zcbench.probe._axes import Layout


@dataclass
class Feature:
    """What passes between two blocks: its values, and its place in the graph."""

    kept: Kept
    layout: Layout
    edge: Any  # torch.autograd.graph.GradientEdge; None where the graph does not reach

    @property
    def values(self) -> Tensor:
        """As it left the block, however it was overwritten later."""
        return self.in_order(self.kept.tensor)

    def in_order(self, x: Tensor) -> Tensor:
        """A tensor of its shape, a gradient say, as :attr:`values` are: rows of a sample together, samples first."""
        return self.layout.first(x) if x.dim() == 2 else self.layout.rows(x)

    def as_returned(self, x: Tensor) -> Tensor:
        """The inverse of :meth:`in_order`."""
        if self.layout.positions > 1 and self.kept.tensor.dim() > 2:
            x = x.reshape(-1, self.layout.positions, *x.shape[1:])
        return self.layout.back(x)


class Blocks(Watcher):
    """What enters the first block of a network and what leaves every block, in the order in which they run.

    Blocks are the elements of the outermost ``nn.Sequential`` and ``nn.ModuleList`` that have children of their own;
    an element that is such a container, or has nothing but one, is looked into. A network without any has its
    convolutional and linear layers for blocks.
    """

    of_samples = True

    def start(self) -> None:
        """Hook the blocks."""
        self.features: list[Feature] = []
        self.keeper = self.stack.enter_context(Keeper())
        for block in blocks_of(self.probe.model) or self._layers():
            self.hook(block.register_forward_pre_hook(self._before, with_kwargs=True))
            self.hook(block.register_forward_hook(self._after))

    def _layers(self) -> list[nn.Module]:
        return [
            module
            for module in self.probe.model.modules()
            if not isinstance(module, (nn.Embedding, nn.EmbeddingBag))
            and any("weight" in name and p.dim() > 1 for name, p in module.named_parameters(recurse=False))
        ]

    def _before(self, _: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        if not self.features:
            self._add(next(iter((*args, *kwargs.values())), None))

    def _after(self, _: nn.Module, __: Any, output: Any) -> None:
        self._add(output[0] if isinstance(output, tuple) and output else output)

    def _add(self, x: Any) -> None:
        if not isinstance(x, Tensor) or not x.is_floating_point():
            return
        layout = self.samples(x)
        if layout is not None and x.dim() + (layout.positions > 1) > 2:
            on_graph = x.requires_grad and (x.grad_fn is not None or torch.is_grad_enabled())
            edge = torch.autograd.graph.get_gradient_edge(x) if on_graph else None
            self.features.append(Feature(self.keeper.keep(x), layout, edge))


def blocks_of(module: nn.Module) -> list[nn.Module]:
    """The blocks of a network; see :class:`Blocks`."""
    if not _is_container(module):
        return [block for child in module.children() for block in blocks_of(child)]
    found: list[nn.Module] = []
    for element in module.children():
        inner = blocks_of(element) if _is_container(element) or _only_container(element) else []
        if inner:
            found += inner
        elif next(element.children(), None) is not None:
            found.append(element)
    return found


def _is_container(module: nn.Module) -> bool:
    return type(module) in (nn.Sequential, nn.ModuleList)


def _only_container(module: nn.Module) -> bool:
    trained = [child for child in module.children() if next(child.parameters(), None) is not None]
    return len(trained) == 1 and _is_container(trained[0])


@register_signal("blocks", watcher=Blocks, graph=True)
def blocks(probe: Probe) -> list[Feature]:
    """What enters the first block and what leaves every block of the network, in the order in which they run.

    Values ``(batch, channels, *positions)`` or ``(batch, *positions, channels)``, and places in the graph of
    :attr:`outputs`. Which modules are blocks: see ``zcbench.probe._watchers.Blocks``.

    Raises:
        UnsupportedModelError: there are fewer than two features to compare.
    """
    watcher = probe.watched(Blocks, graph=True)
    if len(watcher.features) < 2:
        if problem := watcher.nothing("a block returns"):
            raise UnsupportedModelError(problem)
        raise UnsupportedModelError("the network has no two blocks in a row that return maps or sequences.")
    return watcher.features
