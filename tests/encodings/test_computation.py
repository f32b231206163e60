"""Computation graphs: of any module, with the numbers that other counters give."""

import numpy as np
import pytest
import torch
from torch import nn

import zcbench
from zcbench.encodings import get_encoding
from zcbench.encodings.computation import ATOM_NUMBERS, ATOMS, atom_numbers, computation_graph
from zcbench.errors import UnsupportedModelError

BUILDABLE = [
    "digits-201",
    "nasbench101",
    "nasbench201",
    "nasbenchmacro",
    "ofa-mbv3",
    "transnasbench101-micro",
    "nats-size",
]


def names(graph):
    return [ATOMS[i] for i in graph.atoms]


def test_a_network_reckoned_by_hand():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False)
            self.norm = nn.BatchNorm2d(8)
            self.deep = nn.Conv2d(8, 8, 3, padding=1, groups=8)
            self.unused = nn.Linear(3, 3)
            self.head = nn.Linear(8, 5)

        def forward(self, x):
            x = self.norm(self.conv(x)).relu_()
            dead = self.deep(x)  # noqa: F841 - computed, and then not used
            x = x + self.deep(x)
            return self.head(x.mean((2, 3)))

    model = Net().train()
    graph = computation_graph(model, torch.zeros(2, 3, 8, 8))
    assert model.training
    assert model.norm.num_batches_tracked == 0
    assert names(graph) == ["input", "conv", "batch_norm", "relu", "depthwise", "add", "mean", "linear", "output"]
    assert graph.edges.T.tolist() == [[0, 1], [1, 2], [2, 3], [3, 4], [3, 5], [4, 5], [5, 6], [6, 7], [7, 8]]
    assert graph.params == sum(p.numel() for p in model.parameters())
    conv = graph.numbers[1]
    assert conv[:5].tolist() == [np.log2(3), 3.0, 3.0, 2.0, 3.0]
    assert graph.numbers[7, :3].tolist() == [3.0, 0.0, np.log2(5)]  # what goes into the linear layer is not its bias
    assert conv[5] == np.log2(1 + 8 * 3 * 9)
    assert conv[6] == pytest.approx(np.log2(1 + 8 * 16 * 27))


def test_flops_are_of_one_sample():
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Flatten(), nn.Linear(4 * 64, 10))
    wanted = 4 * 64 * 27 + 4 * 64 * 10
    for samples in (1, 5):
        assert computation_graph(model, torch.zeros(samples, 3, 8, 8)).flops == wanted


@pytest.mark.parametrize("name", BUILDABLE)
def test_multiply_adds_and_parameters_agree_with_the_proxies(name):
    space = zcbench.get_space(name)
    architecture = space.sample(np.random.default_rng(1))
    graph = get_encoding("computation").rows([architecture])[0]
    network = space.build(architecture).eval()
    scores = zcbench.score(network, torch.randn(2, *space.input_shape), None, ["params", "flops"])
    assert graph.params == float(scores["params"])
    assert 2 * graph.flops == float(scores["flops"])  # the proxy counts multiplications and additions


def test_without_data_it_is_the_same_graph():
    space = zcbench.get_space("nasbench201")
    architecture = space.sample(np.random.default_rng(5))
    recorded = get_encoding("computation").rows([architecture])[0]
    computed = computation_graph(space.build(architecture), torch.randn(1, 3, 32, 32))
    for a, b in zip(recorded, computed, strict=True):
        assert np.array_equal(a, b)


def test_hugging_face_models_from_a_configuration():
    transformers = pytest.importorskip("transformers")
    published = {  # parameters and multiply-adds at 224 pixels that their authors print
        "ResNet": (25.6e6, 4.1e9),
        "ConvNext": (28.6e6, 4.5e9),
        "Swin": (28.3e6, 4.5e9),
    }
    for name, (params, flops) in published.items():
        with torch.device("meta"):
            config = getattr(transformers, f"{name}Config")(num_labels=1000)
            model = getattr(transformers, f"{name}ForImageClassification")(config)
            graph = computation_graph(model, {"pixel_values": torch.zeros(1, 3, 224, 224)})
        assert graph.params == pytest.approx(params, rel=0.01)
        assert graph.flops == pytest.approx(flops, rel=0.02)
        assert "other" not in set(names(graph)) or name == "Swin"


def test_transformers_and_recurrent_cells():
    for name, atoms in (("flexibert", {"embedding", "linear", "layer_norm", "add"}), ("chars-rnn", {"tanh", "cat"})):
        space = zcbench.get_space(name)
        graph = get_encoding("computation").rows([space.sample(np.random.default_rng(3))])[0]
        assert atoms <= set(names(graph))


def test_what_cannot_be_run():
    with pytest.raises(UnsupportedModelError, match="cannot be recorded: RuntimeError"):
        computation_graph(nn.Linear(3, 4), torch.zeros(1, 5))


def test_numbers_against_enumerated_paths():
    space = zcbench.get_space("digits-201")
    weights = {"conv", "depthwise", "linear", "matmul", "attention"}
    for seed in range(5):
        graph = get_encoding("computation").rows([space.sample(np.random.default_rng(seed))])[0]
        labels, targets = names(graph), {}
        for source, target in graph.edges.T.tolist():
            targets.setdefault(source, []).append(target)

        last = len(labels) - 1

        def onward(node, targets=targets, last=last):
            if node == last:
                yield (node,)
            for target in targets.get(node, []):
                for rest in onward(target):
                    yield (node, *rest)

        paths = list(onward(0))
        counts = [sum(labels[i] in weights for i in path) for path in paths] or [0]
        pools = [sum("pool" in labels[i] for i in path) for path in paths] or [0]
        found = dict(zip(ATOM_NUMBERS, atom_numbers(graph), strict=True))
        assert found["weighted"] == sum(label in weights for label in labels)
        if paths:
            assert found["longest weighted"] == max(counts)
            assert found["shortest weighted"] == min(counts)
            assert found["mean weighted"] == pytest.approx(np.mean(counts))
            assert found["mean pooling"] == pytest.approx(np.mean(pools))
            assert found["log paths"] == pytest.approx(np.log(len(paths)))
