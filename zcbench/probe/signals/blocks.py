"""What passes from block to block of a network."""

from __future__ import annotations

import functools
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
    channels_last: bool  # of a map as it was returned
    edge: Any  # torch.autograd.graph.GradientEdge; None where the graph does not reach

    @property
    def values(self) -> Tensor:
        """As it left the block, however it was overwritten later."""
        return self.in_order(self.kept.tensor)

    def in_order(self, x: Tensor) -> Tensor:
        """A tensor of its shape, a gradient say, as :attr:`values` are.

        Samples first, rows of a sample together; of maps, channels second.
        """
        x = self.layout.first(x) if x.dim() == 2 else self.layout.rows(x)
        return x.movedim(-1, 1) if self.channels_last else x

    def as_returned(self, x: Tensor) -> Tensor:
        """The inverse of :meth:`in_order`."""
        x = x.movedim(1, -1) if self.channels_last else x
        if self.layout.positions > 1 and self.kept.tensor.dim() > 2:
            x = x.reshape(-1, self.layout.positions, *x.shape[1:])
        return self.layout.back(x)


@dataclass(eq=False)
class _Element:
    """What may be a block, or may be looked into where :attr:`inner` is not empty."""

    name: str
    module: nn.Module
    inner: list[_Element]
    container: nn.Module | None = None  # the one that it holds
    within: _Element | None = None
    returned: tuple[Tensor, int] | None = None  # by what it holds last, with its version


class Blocks(Watcher):
    """What enters the first block of a network and what leaves every block, in the order in which they run.

    Blocks are the elements of the outermost ``nn.Sequential`` and ``nn.ModuleList`` that have children of their own.
    An element that is such a container is looked into, unless it is layers with a single such element among them. One
    that holds nothing but one container of blocks is looked into if it returns what that container returns, and so do
    all elements of its class; a shortcut around it, say, makes it a block. A network without blocks has its
    convolutional and linear layers for blocks.
    """

    of_samples = True

    def start(self) -> None:
        """Hook the blocks, and what may be looked into."""
        self.first: Feature | None = None
        self.left: list[tuple[_Element, Feature]] = []
        self.passes: dict[type[nn.Module], bool] = {}  # whether elements return what they hold returns
        self.keeper = self.stack.enter_context(Keeper())
        for element in _flat(elements_of(self.probe.model)) or self._layers():
            before = functools.partial(self._before, element)
            self.hook(element.module.register_forward_pre_hook(before, with_kwargs=True))
            self.hook(element.module.register_forward_hook(functools.partial(self._after, element)))
            if element.container is not None:
                self.hook(element.container.register_forward_hook(functools.partial(self._returned, element)))

    @property
    def features(self) -> list[Feature]:
        """What enters the first block, and what leaves each."""
        blocks = [feature for element, feature in self.left if self._is_block(element)]
        return blocks if self.first is None else [self.first, *blocks]

    def _is_block(self, element: _Element) -> bool:
        outer = element.within
        return not self._is_looked_into(element) and (outer is None or self._is_within(outer))

    def _is_within(self, element: _Element) -> bool:
        return self._is_looked_into(element) and (element.within is None or self._is_within(element.within))

    def _is_looked_into(self, element: _Element) -> bool:
        return bool(element.inner) and self.passes.get(type(element.module), False)

    def _layers(self) -> list[_Element]:
        return [
            _Element(name, module, [])
            for name, module in self.probe.model.named_modules()
            if not isinstance(module, (nn.Embedding, nn.EmbeddingBag))
            and any("weight" in leaf and p.dim() > 1 for leaf, p in module.named_parameters(recurse=False))
        ]

    def _before(self, element: _Element, _: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        element.returned = None
        found = self._read(element, next(iter((*args, *kwargs.values())), None), f"into {element.name}")
        self.first = self.first or found

    def _after(self, element: _Element, module: nn.Module, _: Any, output: Any) -> None:
        x = _leading(output)
        if found := self._read(element, x, f"out of {element.name}"):
            self.left.append((element, found))
        if element.inner:
            same = element.returned is not None and element.returned[0] is x and element.returned[1] == x._version
            self.passes[type(module)] = self.passes.get(type(module), True) and same
            element.returned = None
        if element.within is not None:
            self._returned(element.within, module, _, output)

    def _returned(self, element: _Element, _: nn.Module, __: Any, output: Any) -> None:
        x = _leading(output)
        element.returned = (x, x._version) if isinstance(x, Tensor) and not x.is_inference() else None

    def _read(self, element: _Element, x: Any, key: str) -> Feature | None:
        if not isinstance(x, Tensor) or not x.is_floating_point():
            return None
        layout = self.samples(x, key)
        if layout is None or x.dim() + (layout.positions > 1) <= 2:
            return None
        on_graph = x.requires_grad and (x.grad_fn is not None or torch.is_grad_enabled())
        edge = torch.autograd.graph.get_gradient_edge(x) if on_graph else None
        return Feature(self.keeper.keep(x), layout, x.dim() == 4 and _ends_with_channels(element.module, x), edge)


def _ends_with_channels(block: nn.Module, x: Tensor) -> bool:
    """Whether the last axis of a map counts channels: layers of the block work on it, and no convolution on axis 1."""
    sizes = {module.weight.shape[0] for module in block.modules() if isinstance(module, _ON_AXIS_1)}
    sizes |= {module.in_channels for module in block.modules() if isinstance(module, nn.Conv2d)}
    last = {module.normalized_shape[-1] for module in block.modules() if isinstance(module, nn.LayerNorm)}
    last |= {size for m in block.modules() if isinstance(m, nn.Linear) for size in (m.in_features, m.out_features)}
    return x.shape[1] not in sizes and x.shape[-1] in last


#: layers whose channels are on axis 1
_ON_AXIS_1 = (nn.Conv2d, nn.BatchNorm2d, nn.GroupNorm)


def _leading(output: Any) -> Any:
    return output[0] if isinstance(output, tuple) and output else output


def elements_of(module: nn.Module, name: str = "") -> list[_Element]:
    """What may be blocks of a network; see :class:`Blocks`."""
    children = [(f"{name}.{key}" if name else key, child) for key, child in module.named_children()]
    if not _is_container(module):
        return [element for key, child in children for element in elements_of(child, key)]
    found: list[_Element] = []
    for key, child in children:
        inner = elements_of(child, key) if _is_container(child) else []
        if len(inner) > 1 or (inner and _holds_blocks_alone(child)):
            found += inner
        elif _has_children(child):
            found.append(_element(key, child))
    return found


def _element(name: str, module: nn.Module) -> _Element:
    trained = [(key, child) for key, child in module.named_children() if next(child.parameters(), None) is not None]
    if len(trained) == 1 and not _is_container(module):
        ((key, container),) = trained
        if _is_container(container) and _holds_blocks_alone(container):
            found = _Element(name, module, elements_of(container, f"{name}.{key}"), container)
            for element in found.inner:
                element.within = found
            return found
    return _Element(name, module, [])


def _flat(elements: list[_Element]) -> list[_Element]:
    return [one for element in elements for one in (element, *_flat(element.inner))]


def _is_container(module: nn.Module) -> bool:
    return type(module) in (nn.Sequential, nn.ModuleList)


def _holds_blocks_alone(container: nn.Module) -> bool:
    """Whether everything in it that is trained has children."""
    return all(_has_children(child) for child in container.children() if next(child.parameters(), None) is not None)


def _has_children(module: nn.Module) -> bool:
    return next(module.children(), None) is not None


@register_signal("blocks", watcher=Blocks)
def blocks(probe: Probe) -> list[Feature]:
    """What enters the first block and what leaves every block of the network, in the order in which they run.

    Values ``(batch, channels, *positions)`` or ``(batch, *positions, channels)``. Which modules are blocks: see
    ``zcbench.probe.signals.blocks.Blocks``.

    Raises:
        UnsupportedModelError: there are fewer than two features to compare.
    """
    return _found(probe.watched(Blocks))


@register_signal("blocks_in_graph", watcher=Blocks, graph=True)
def blocks_in_graph(probe: Probe) -> list[Feature]:
    """The same, with their places in the graph of :attr:`outputs`.

    Raises:
        UnsupportedModelError: there are fewer than two features to compare.
    """
    return _found(probe.watched(Blocks, graph=True))


def _found(watcher: Blocks) -> list[Feature]:
    if len(watcher.features) < 2:
        if problem := watcher.nothing("a block returns"):
            raise UnsupportedModelError(problem)
        raise UnsupportedModelError("the network has no two blocks in a row that return maps or sequences.")
    return watcher.features
