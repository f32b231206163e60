"""Which modules are blocks, however they are nested."""

import itertools

import numpy as np
import pytest
import torch
from by_hand import cell, digits, value
from networks import Dead, convnet, images
from torch import nn
from torch.nn import functional as F

import zcbench
from zcbench.probe import Probe
from zcbench.probe.signals.blocks import elements_of
from zcbench.testing._zoo import Residual
from zcbench.types import Batch

X = images()[0]


def blocks(model, x=X):
    """Modules that are blocks, by name, seen with the graph and without."""
    found = []
    for name in ("blocks", "blocks_in_graph"):
        with Probe(model, Batch(x), wanted=frozenset({name})) as probe:
            features = probe.signal(name)
            kind = next(kind for kind in probe._shared)
            watcher = probe.watched(kind, graph=name != "blocks")
            names = [element.name for element, _ in watcher.left if watcher._is_block(element)]
            assert len(features) == len(names) + 1
            assert all((feature.edge is not None) == (name != "blocks") for feature in features[1:])
            found.append(names)
    assert found[0] == found[1]
    return found[0]


def layers(*channels):
    """Convolution, batch norm, ReLU for each pair."""
    found = []
    for a, b in itertools.pairwise(channels):
        found += [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU()]
    return found


class Path(nn.Module):
    """One container of two blocks, called and then changed or not."""

    def __init__(self, after="nothing", container=nn.Sequential, count=2):
        super().__init__()
        parts = [nn.Sequential(*layers(4, 4)) for _ in range(count)]
        self.path = container(*parts) if container is nn.Sequential else container(parts)
        self.after = after

    def forward(self, x):
        out = x
        if isinstance(self.path, nn.Sequential):
            out = self.path(x)
        else:
            for part in self.path:
                out = part(out)
        return {"nothing": lambda: out, "shortcut": lambda: x + out, "relu": lambda: F.relu_(out - 1)}[self.after]()


class Gated(nn.Module):
    """Layers with a gate among them in one container, and a shortcut where the size stays."""

    def __init__(self, c_in, c_out):
        super().__init__()
        gate = Gate(c_out)
        self.path = nn.Sequential(nn.Conv2d(c_in, c_out, 3, padding=1), gate, nn.Conv2d(c_out, c_out, 1))
        self.shortcut = c_in == c_out

    def forward(self, x):
        return x + self.path(x) if self.shortcut else self.path(x)


class Gate(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weigh = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, channels, 1), nn.Sigmoid())

    def forward(self, x):
        return x * self.weigh(x)


def whole(*parts):
    return nn.Sequential(nn.Conv2d(3, 4, 3), *parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))


def test_elements_of_the_outermost_container():
    net = cell()
    assert [element.module for element in elements_of(net)] == list(net.body)
    assert blocks(net, digits()[0]) == [name for name, module in net.named_modules() if module in list(net.body)]
    assert elements_of(convnet()) == []  # layers then
    assert value("az_expressivity", convnet(), images()[0]) > 0
    dead = zcbench.score(Dead(), images()[0], proxies=["az_*"])
    assert {dead[name].status for name in ("az_expressivity", "az_trainability")} == {"unsupported"}


def test_containers_in_containers_are_looked_into():
    nested = nn.Sequential(nn.Sequential(Residual(), Residual()), Residual())
    assert len(elements_of(nested)) == 3
    # Layers with a gate among them are a block; the gate is none.
    gated = nn.Sequential(nn.Conv2d(4, 4, 1), Gate(4), nn.Conv2d(4, 4, 1))
    assert blocks(whole(gated, nn.Sequential(*layers(4, 4)))) == ["1", "2"]


@pytest.mark.parametrize("container", [nn.Sequential, nn.ModuleList])
def test_an_element_is_looked_into_only_if_it_returns_what_its_container_returns(container):
    inner = ["1.path.0", "1.path.1", "2.path.0", "2.path.1"]
    assert blocks(whole(*(Path(container=container) for _ in range(2)))) == inner
    for after in ("shortcut", "relu"):
        assert blocks(whole(*(Path(after, container) for _ in range(2)))) == ["1", "2"]
        # One of its class is enough.
        assert blocks(whole(Path(container=container), Path(after, container))) == ["1", "2"]


def test_what_is_written_to_is_not_what_was_returned():
    class Rectified(Path):
        def forward(self, x):
            return F.relu_(self.path(x))

    assert blocks(whole(Rectified(), Rectified())) == ["1", "2"]


def test_gates_do_not_stand_for_their_blocks():
    model = whole(nn.Sequential(*layers(4, 6)), Gated(6, 4), Gated(4, 4))
    assert blocks(model) == ["1", "2", "3"]
    assert blocks(whole(Gated(4, 6), Gated(6, 4))) == ["1", "2"]  # without any shortcut


def test_one_function_in_two_spellings_has_one_score():
    """Residual blocks with one container inside, and with two attributes."""

    class Spelled(nn.Module):
        def __init__(self, path):
            super().__init__()
            self.one, self.two = path

        def forward(self, x):
            return x + self.two(self.one(x))

    torch.manual_seed(0)
    first = whole(*(Path("shortcut") for _ in range(3)))
    second = nn.Sequential(*(Spelled(part.path) if isinstance(part, Path) else part for part in first))
    names = ["az_expressivity", "az_progressivity", "az_trainability"]
    one, other = (zcbench.score(model, X, proxies=names) for model in (first, second))
    assert {name: one[name].value for name in names} == {name: other[name].value for name in names}
    assert one["az_expressivity"].value is not None


def test_mobile_networks_have_their_blocks():
    space = zcbench.get_space("ofa-mbv3")
    model = space.build(space.sample(np.random.default_rng(0)))
    expected = [f"body.{name}" for name, module in model.body.named_children() if list(module.children())]
    assert len(expected) > 10
    assert blocks(model, torch.randn(2, 3, 64, 64)) == expected


def test_cells_that_hold_one_list_of_layers():
    """As the authors write NAS-Bench-201's: nothing but a list, whose outputs are added up node by node."""

    class Cell(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(nn.Sequential(nn.ReLU(), *layers(4, 4)[:2]) for _ in range(6))

        def forward(self, x):
            nodes, at = [x], iter(self.layers)
            for number in range(1, 4):
                nodes.append(sum(next(at)(nodes[i]) for i in range(number)))
            return nodes[-1]

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.cells, self.last = (
                nn.Conv2d(3, 4, 3),
                nn.ModuleList(Cell() for _ in range(3)),
                nn.Linear(4, 5),
            )

        def forward(self, x):
            x = self.stem(x)
            for one in self.cells:
                x = one(x)
            return self.last(x.mean((2, 3)))

    assert blocks(Network()) == ["cells.0", "cells.1", "cells.2"]


def test_entropies_need_no_graph():
    """Nothing that they hold requires a gradient."""
    with Probe(cell(), Batch(digits()[0]), wanted=frozenset({"blocks"})) as probe:
        assert not any(feature.values.requires_grad for feature in probe.blocks)
        assert "outputs" not in probe._measured


class Mixer(nn.Module):
    """A block of maps, channels first or last."""

    def __init__(self, *, last):
        super().__init__()
        torch.manual_seed(0)
        self.norm, self.a, self.b, self.last = nn.LayerNorm(6), nn.Linear(6, 9), nn.Linear(9, 6), last

    def forward(self, x):
        x = x if self.last else x.movedim(1, -1)
        x = x + self.b(torch.relu(self.a(self.norm(x))))
        return x if self.last else x.movedim(-1, 1)


class Maps(nn.Module):
    def __init__(self, *, last):
        super().__init__()
        self.blocks, self.last = nn.Sequential(*(Mixer(last=last) for _ in range(3))), last
        torch.manual_seed(1)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        x = self.blocks(x if self.last else x.movedim(-1, 1))
        return self.head(x.mean((1, 2) if self.last else (2, 3)))


def test_maps_with_channels_last():
    """As Swin's (batch, height, width, channels)."""
    x = torch.randn(7, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    names = ["az_expressivity", "az_progressivity"]
    found, expected = (zcbench.score(Maps(last=last), x, proxies=names) for last in (True, False))
    for name in names:
        assert found[name].value == pytest.approx(expected[name].value, rel=1e-4)
    with Probe(Maps(last=True), Batch(x)) as probe:
        features = probe.blocks
        assert [tuple(feature.values.shape) for feature in features] == [(7, 6, 4, 5)] * 4
        for feature in features:
            assert torch.equal(feature.in_order(feature.as_returned(feature.values)), feature.values)
