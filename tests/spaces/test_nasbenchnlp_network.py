"""Networks of NAS-Bench-NLP: parameters as published, equations written out."""

import json

import pytest
import torch
from published import count, weightless
from torch.nn import functional as F

from zcbench.probe import Probe
from zcbench.spaces._nasbenchnlp_network import Cell, LanguageModel
from zcbench.types import Batch

LSTM = {
    **{gate: {"op": "linear", "input": ["x", "h_prev_0"]} for gate in "ijfo"},
    "i_act": {"op": "activation_tanh", "input": ["i"]},
    **{f"{gate}_act": {"op": "activation_sigm", "input": [gate]} for gate in "jfo"},
    "kept": {"op": "elementwise_prod", "input": ["f_act", "h_prev_1"]},
    "new": {"op": "elementwise_prod", "input": ["i_act", "j_act"]},
    "h_new_1": {"op": "elementwise_sum", "input": ["kept", "new"]},
    "h_new_1_act": {"op": "activation_tanh", "input": ["h_new_1"]},
    "h_new_0": {"op": "elementwise_prod", "input": ["h_new_1_act", "o_act"]},
}


def test_nas_bench_nlp_s_published_parameters(data_folder):
    pq = pytest.importorskip("pyarrow.parquet")
    rows = pq.read_table(data_folder / "nasbenchnlp" / "wt2_runs.parquet").to_pylist()
    for row in rows[::10]:
        with weightless():
            model = LanguageModel(json.loads(row["recepie"]), words=33_278)
        assert count(model) == int(row["num_params"])


def test_a_recipe_is_run_as_it_is_written():
    torch.manual_seed(0)
    cell = Cell(LSTM, 5, 7)
    x, h, c = torch.randn(3, 5), torch.randn(3, 7), torch.randn(3, 7)
    found = cell(x, h, c)
    both = torch.cat([x, h], 1)
    i, j, f, o = (cell.linear[gate](both) for gate in "ijfo")
    new = torch.sigmoid(f) * c + torch.tanh(i) * torch.sigmoid(j)
    torch.testing.assert_close(found, (torch.tanh(new) * torch.sigmoid(o), new))


def test_blend_leaky_relu_and_the_order_of_nodes():
    recipe = {
        "h_new_0": {"op": "blend", "input": ["z", "h_prev_0", "n"]},
        "n": {"op": "activation_leaky_relu", "input": ["z"]},
        "z": {"op": "linear", "input": ["x"]},
    }
    cell = Cell(recipe, 2, 3)
    x, h = torch.randn(4, 2), torch.randn(4, 3)
    z = cell.linear["z"](x)
    torch.testing.assert_close(cell(x, h)[0], z * h + (1 - z) * torch.where(z > 0, z, 0.01 * z))
    with pytest.raises(ValueError, match="a cycle or an unknown input among a, b"):
        Cell({"a": {"op": "linear", "input": ["b"]}, "b": {"op": "linear", "input": ["a"]}}, 2, 3)


def test_the_language_model():
    torch.manual_seed(0)
    model = LanguageModel(LSTM, words=11, width_in=4, width=6, layers=2)
    tokens = torch.randint(11, (3, 5))
    logits = model(tokens)
    assert logits.shape == (3, 5, 11)
    x = model.encoder(tokens)
    for cell, width in zip(model.cells, (6, 4), strict=True):
        h = c = torch.zeros(3, width)
        outputs = []
        for t in range(5):
            h, c = cell(x[:, t], h, c)
            outputs.append(h)
        x = torch.stack(outputs, 1)
    torch.testing.assert_close(logits, F.linear(x, model.encoder.weight, model.decoder.bias))
    logits.sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    with Probe(model, Batch(tokens)) as probe:
        assert [tuple(states.shape) for states in probe.hidden_states] == [(3, 5, 6), (3, 5, 4)]
        torch.testing.assert_close(probe.hidden_states[1], x.detach())
