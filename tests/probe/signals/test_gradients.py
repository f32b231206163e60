"""Gradients of the loss, as a beginner would take them."""

import pytest
import torch
from networks import Dead, images, zoo
from torch import nn
from torch.nn import functional as F

import zcbench
from zcbench.probe import Probe
from zcbench.types import Batch


def naive_gradients(model: nn.Module, inputs, labels) -> dict[str, torch.Tensor]:
    """Gradients as a beginner would take them: train mode (no dropout here), backward, read .grad."""
    model.train()
    output = model(**inputs) if isinstance(inputs, dict) else model(inputs)
    F.cross_entropy(output, labels).backward()
    return {name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in model.named_parameters()}


@pytest.mark.parametrize("name", ["convnet", "in-place", "no running statistics", "module twice", "dead", "mlp"])
def test_gradients(name):
    model, inputs, labels = zoo()[name]
    with Probe(model, Batch(inputs, labels)) as probe:
        found = dict(probe.gradients)
    expected = naive_gradients(model, inputs, labels)
    assert found.keys() == expected.keys()
    for key, gradient in expected.items():
        torch.testing.assert_close(found[key], gradient)


def test_gradients_leave_frozen_parameters_out():
    model, inputs, labels = zoo()["frozen stem"]
    with Probe(model, Batch(inputs, labels)) as probe:
        assert "0.weight" not in probe.gradients
        assert "3.weight" in probe.gradients


def test_dead_network_has_zero_gradients():
    model, (inputs, labels) = Dead(), images()
    with Probe(model, Batch(inputs, labels)) as probe:
        assert not probe.gradients["conv.weight"].any()
        assert probe.gradients["head.bias"].any()
        assert not probe.input_gradients.any()


def test_gradients_of_sparse_embeddings_and_of_outputs_of_one_dimension():
    tokens, labels = torch.arange(24).reshape(8, 3), torch.arange(8) % 5
    torch.manual_seed(0)
    sparse = nn.Sequential(nn.Embedding(50, 4, sparse=True), nn.Flatten(), nn.Linear(12, 5))
    dense = nn.Sequential(nn.Embedding(50, 4), nn.Flatten(), nn.Linear(12, 5))
    dense.load_state_dict(sparse.state_dict())
    names = ["ntk_cond", "ntk_norm", "grad_norm_all", "gradsign"]
    scores = [zcbench.score(model, tokens, labels, names) for model in (sparse, dense)]
    for name in names:
        assert scores[0][name].value == pytest.approx(scores[1][name].value, rel=1e-5)
    flat = nn.Sequential(nn.Linear(10, 1), nn.Flatten(0))
    x = torch.randn(8, 10)
    kernel = (x @ x.T + 1).double()  # by hand: gradients of w x + b
    found = zcbench.score(flat, x, torch.randn(8), ["ntk_norm", "ntk_trace"])
    assert found["ntk_norm"].value is not None
    with Probe(flat, Batch(x)) as probe:
        torch.testing.assert_close(probe.tangent_kernel(), kernel, rtol=1e-5, atol=1e-5)
