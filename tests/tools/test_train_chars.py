"""Training of chars-rnn and chars-bert: deterministic, side by side as good as alone, honest where it diverges."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
import train_chars as trainer
from _rows import rows_of

import zcbench
from zcbench.datasets._text import load_text
from zcbench.types import Architecture

SHORT = {kind: dataclasses.replace(recipe, steps=8, evaluations=2) for kind, recipe in trainer.RECIPES.items()}
RECIPE = {
    "a": {"op": "linear", "input": ["x", "h_prev_0"]},
    "z": {"op": "linear", "input": ["x", "h_prev_0", "a"]},
    "gate": {"op": "activation_sigm", "input": ["z"]},
    "new": {"op": "activation_tanh", "input": ["a"]},
    "h_new_0": {"op": "blend", "input": ["gate", "h_prev_0", "new"]},
}
#: doubles its state at every step and squares it
EXPLODING = {
    "a": {"op": "linear", "input": ["x", "h_prev_0"]},
    "b": {"op": "elementwise_sum", "input": ["a", "h_prev_0"]},
    "h_new_0": {"op": "elementwise_prod", "input": ["b", "a"]},
}


@pytest.fixture(autouse=True)
def numbers_as_they_were():
    """Training rounds the smallest numbers to zero, for the whole process."""
    yield
    torch.set_flush_denormal(False)


@pytest.fixture
def few_tests(monkeypatch):
    """A text of a few blocks: evaluation is most of what these tests would cost."""
    text = load_text()
    parts = {part: blocks[: 6 if part == "train" else 1] for part, blocks in text.parts.items()}
    monkeypatch.setattr(trainer, "load_text", lambda: dataclasses.replace(text, parts=parts))


def architecture(kind):
    if kind == "rnn":
        return zcbench.get_space("chars-rnn").parse(json.dumps(RECIPE))
    return zcbench.get_space("chars-bert").parse("32|SA-SDP-2-64x1|DSC-5-4-128x3")


@pytest.mark.parametrize("kind", ["rnn", "bert"])
def test_training_is_deterministic_and_seeds_differ(few_tests, kind):
    first = trainer.Chars(kind, SHORT[kind]).row(architecture(kind))
    again = trainer.Chars(kind, SHORT[kind]).row(architecture(kind))
    assert first["valid_nll"] == again["valid_nll"]
    assert first["test_nll"] == again["test_nll"]
    assert first["test_nll"][0] != first["test_nll"][1]
    assert np.asarray(first["valid_nll"]).shape == (2, 2)
    assert first["test_nll"][0] < math.log(90)  # less than knowing nothing


def test_seeds_trained_side_by_side_are_seeds_trained_alone(few_tests):
    together = trainer.Chars("rnn", SHORT["rnn"]).row(architecture("rnn"))
    for seed in (0, 1):
        alone = trainer.Chars("rnn", SHORT["rnn"]).row(architecture("rnn"), (seed,))
        np.testing.assert_allclose(alone["test_nll"][0], together["test_nll"][seed], rtol=1e-3)


def test_stacked_networks_compute_what_each_computes():
    space, networks = zcbench.get_space("chars-rnn"), []
    for seed in range(3):
        torch.manual_seed(seed)
        networks.append(space.build(architecture("rnn")))
    tokens = torch.randint(90, (3, 4, 7))
    stacked = trainer.language_models(networks)
    assert stacked.decoder.weight is stacked.encoder.weight
    for network, x, out in zip(networks, tokens, stacked(tokens), strict=True):
        torch.testing.assert_close(network(x), out, rtol=1e-4, atol=1e-5)


def test_gradients_are_clipped_seed_by_seed():
    a, b = torch.nn.Parameter(torch.zeros(2, 3)), torch.nn.Parameter(torch.zeros(2, 1))
    a.grad, b.grad = torch.tensor([[3.0, 0, 0], [0.1, 0, 0]]), torch.tensor([[4.0], [0.0]])
    trainer._clip([a, b], 1.0, 2)
    torch.testing.assert_close(a.grad, torch.tensor([[0.6, 0, 0], [0.1, 0, 0]]), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(b.grad, torch.tensor([[0.8], [0.0]]), rtol=1e-5, atol=1e-6)
    a.grad, b.grad = torch.tensor([[torch.inf, 0, 0], [3.0, 0, 0]]), torch.tensor([[1.0], [4.0]])
    trainer._clip([a, b], 1.0, 2)
    assert a.grad[0].tolist() == [0, 0, 0]
    torch.testing.assert_close(b.grad, torch.tensor([[0.0], [0.8]]), rtol=1e-5, atol=1e-6)


def test_cells_that_explode_are_left_out_of_the_pool_or_said_to_have_diverged(few_tests):
    space = zcbench.get_space("chars-rnn")
    assert trainer.runs(architecture("rnn"))
    recipe = dataclasses.replace(SHORT["rnn"], lr=1e4, clip=1e9, steps=40)
    row = trainer.Chars("rnn", recipe).row(space.parse(json.dumps(EXPLODING)))
    assert np.isnan(row["test_nll"]).all()
    assert np.asarray(row["valid_nll"]).shape == (2, 2)


def test_hidden_characters_are_all_that_counts():
    text = load_text()
    network = zcbench.get_space("chars-bert").build(architecture("bert"), num_classes=text.words)
    tokens = torch.from_numpy(text.parts["test"][:1, :24].copy())
    hidden = torch.zeros(1, 24, dtype=torch.bool)
    hidden[0, [3, 10]] = True
    loss = trainer.losses("bert", network, tokens[None], hidden[None], text.mask)
    masked = tokens.clone()
    masked[hidden] = text.mask
    log_p = network(masked).log_softmax(2)
    expected = -sum(log_p[0, place, tokens[0, place]] for place in (3, 10)) / 2
    torch.testing.assert_close(loss[0], expected)


def test_what_is_trained_is_packed(few_tests, tmp_path):
    maker = trainer.Chars("bert", SHORT["bert"], tmp_path / "chars-bert.npz")
    maker.train_rest(tmp_path / "work", 2)
    maker.pack(tmp_path / "work")
    rows = maker.committed()
    assert list(rows) == [architecture.key for architecture in maker.order()[:2]]
    for key, row in rows_of(tmp_path / "work").items():
        np.testing.assert_allclose(rows[key]["test_nll"], row["test_nll"], rtol=1e-6)
        assert np.shape(rows[key]["valid_nll"]) == (2, 2)


# -- what was committed ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["rnn", "bert"])
def test_the_embedded_tables_are_whole(kind):
    table = zcbench.get_benchmark(f"chars-{kind}")
    assert len(table) >= 300
    assert len({table.space.canonical(a) for a in table.architectures}) == len(table)
    nll = table.values["test_nll"]
    assert nll.shape == (len(table), 2)
    assert np.isfinite(nll).all()
    assert (nll[:, 0] != nll[:, 1]).all()
    assert np.median(nll) < 3.3  # the entropy of single characters
    assert table.curves["valid_nll"].shape == (len(table), 2, 10)
    np.testing.assert_allclose(table.values["test_perplexity"], np.exp(np.minimum(nll, 700)))
    assert table.noise_ceiling().value > 0.7
    maker = trainer.Chars(kind)
    rows = maker.committed()  # none if the recipe is another
    assert {a.key for a in table.architectures} <= rows.keys()
    if kind == "bert":  # the other takes half a minute
        assert rows.keys() <= {a.key for a in maker.order()[: -maker.selection]}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["rnn", "bert"])
def test_a_row_can_be_trained_again(kind):
    maker = trainer.Chars(kind)
    row = next(iter(maker.committed().values()))
    fresh = maker.row(Architecture(f"chars-{kind}", row["arch"]))
    np.testing.assert_allclose(fresh["test_nll"], row["test_nll"], rtol=2e-2)
