"""The features between the blocks of a network."""

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
    """The output of a block: its values, and its place in the graph."""

    kept: Kept
    layout: Layout
    channels_last: bool  # for a map in its returned layout
    edge: Any  # torch.autograd.graph.GradientEdge; None for a tensor outside the graph

    @property
    def values(self) -> Tensor:
        """The values at the output of the block, even if they were overwritten later."""
        return self.in_order(self.kept.tensor)

    def in_order(self, x: Tensor) -> Tensor:
        """Convert a tensor of the same shape, for example a gradient, to the layout of :attr:`values`.

        Samples first, rows of a sample adjacent; in maps, channels second.
        """
        x = self.layout.first(x) if x.dim() == 2 else self.layout.rows(x)
        return x.movedim(-1, 1) if self.channels_last else x

    def as_returned(self, x: Tensor) -> Tensor:
        """Invert :meth:`in_order`."""
        x = x.movedim(1, -1) if self.channels_last else x
        if self.layout.positions > 1 and self.kept.tensor.dim() > 2:
            x = x.reshape(-1, self.layout.positions, *x.shape[1:])
        return self.layout.back(x)


@dataclass(eq=False)
class _Element:
    """A possible block, which may be replaced by its elements if :attr:`inner` is not empty."""

    name: str
    module: nn.Module
    inner: list[_Element]
    container: nn.Module | None = None  # the single container that it holds
    within: _Element | None = None
    returned: tuple[Tensor, int] | None = None  # the output of its last part, with its version


class Blocks(Watcher):
    """Records the input of the first block of a network and the output of every block, in the order in which they run.

    Blocks are the elements of the outermost ``nn.Sequential`` and ``nn.ModuleList`` that have children. An element that
    is itself such a container is replaced by its elements, unless it consists of layers with a single such element
    among them. An element that holds only one container of blocks is replaced by the container's elements if it returns
    the container's output, and so are all elements of its class; with a shortcut around the container, for example, it
    is a block. In a network without blocks, convolutional and linear layers are the blocks.
    """

    of_samples = True

    def start(self) -> None:
        """Register hooks on the blocks, and on the elements that may be replaced."""
        self.first: Feature | None = None
        self.left: list[tuple[_Element, Feature]] = []
        self.passes: dict[type[nn.Module], bool] = {}  # whether elements return the output of their container
        self.keeper = self.stack.enter_context(Keeper())
        for element in _flat(elements_of(self.probe.model)) or self._layers():
            before = functools.partial(self._before, element)
            self.hook(element.module.register_forward_pre_hook(before, with_kwargs=True))
            self.hook(element.module.register_forward_hook(functools.partial(self._after, element)))
            if element.container is not None:
                self.hook(element.container.register_forward_hook(functools.partial(self._returned, element)))

    @property
    def features(self) -> list[Feature]:
        """The input of the first block, and the output of each."""
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
    """Return whether the last axis of a map is that of channels.

    Then layers of the block use it, and no convolution uses axis 1.
    """
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
    """Return the possible blocks of a network; see :class:`Blocks`."""
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
    """Return whether everything in it that is trained has children."""
    return all(_has_children(child) for child in container.children() if next(child.parameters(), None) is not None)


def _has_children(module: nn.Module) -> bool:
    return next(module.children(), None) is not None


@register_signal("blocks", watcher=Blocks)
def blocks(probe: Probe) -> list[Feature]:
    """Return the input of the first block and the output of every block, in the order in which they run.

    Values ``(batch, channels, *positions)`` or ``(batch, *positions, channels)``.
    ``zcbench.probe.signals.blocks.Blocks`` defines which modules are blocks.

    Raises:
        UnsupportedModelError: there are fewer than two features to compare.
    """
    return _found(probe.watched(Blocks))


@register_signal("blocks_in_graph", watcher=Blocks, graph=True)
def blocks_in_graph(probe: Probe) -> list[Feature]:
    """Return the features of :func:`blocks` with their places in the graph of :attr:`outputs`.

    Raises:
        UnsupportedModelError: there are fewer than two features to compare.
    """
    return _found(probe.watched(Blocks, graph=True))


def _found(watcher: Blocks) -> list[Feature]:
    if len(watcher.features) < 2:
        if problem := watcher.nothing("a block returns"):
            raise UnsupportedModelError(problem)
        raise UnsupportedModelError("the network has no two consecutive blocks that return maps or sequences.")
    return watcher.features
