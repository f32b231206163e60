"""Hidden states of recurrent layers, however they are written, and their covariance by slow arithmetic."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import zcbench
from zcbench.probe import Probe
from zcbench.testing._zoo import Recurrent, specimens
from zcbench.types import Batch

TOKENS = torch.randint(17, (4, 6), generator=torch.Generator().manual_seed(0))


def states_of(model, inputs):
    with Probe(model, Batch(inputs)) as probe:
        return probe.hidden_states


def score_by_loops(states):
    rows = states.flatten(1).double().numpy()
    n = len(rows)
    matrix = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            a, b = rows[i] - rows[i].mean(), rows[j] - rows[j].mean()
            matrix[i, j] = a @ b / math.sqrt((a @ a) * (b @ b))
    eigenvalues = np.linalg.eigvals(matrix).real
    return -sum(math.log(v + 1e-5) + 1 / (v + 1e-5) for v in eigenvalues)


def lstm_by_hand(core, x, layer):
    """The equations of the LSTM, one position at a time."""
    w_ih, w_hh, b_ih, b_hh = (
        getattr(core, f"{name}_l{layer}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    h = c = torch.zeros(len(x), core.hidden_size)
    found = []
    for t in range(x.shape[1]):
        i, f, g, o = (x[:, t] @ w_ih.T + b_ih + h @ w_hh.T + b_hh).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        found.append(h)
    return torch.stack(found, 1)


def test_lstm_layer_by_layer():
    torch.manual_seed(0)
    model = Recurrent(nn.LSTM, layers=3)
    found = states_of(model, TOKENS)
    assert len(found) == 3
    x = model.words(TOKENS)
    for layer, states in enumerate(found):
        x = lstm_by_hand(model.core, x, layer)
        torch.testing.assert_close(states, x.detach(), atol=1e-6, rtol=1e-5)
        name = f"hidden_covariance:layer={layer + 1}" if layer else "hidden_covariance"
        (score,) = zcbench.score(model, TOKENS, proxies=[name]).values()
        assert float(score) == pytest.approx(score_by_loops(x.detach()), rel=1e-3)


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
@pytest.mark.parametrize(
    "options", [{}, {"bidirectional": True}, {"batch_first": True}, {"bias": False}], ids=lambda o: next(iter(o), "")
)
def test_layers_of_a_stack_are_those_of_single_layers(kind, options):
    """The last of the states found is what the layer itself returns."""
    torch.manual_seed(0)

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.core = kind(5, 7, num_layers=2, **options)

        def forward(self, x):
            x = x if options.get("batch_first") else x.transpose(0, 1)
            out = self.core(x)[0]
            return out if options.get("batch_first") else out.transpose(0, 1)

    model, x = Model(), torch.randn(4, 6, 5)
    found = states_of(model, x)
    assert len(found) == 2
    torch.testing.assert_close(found[1], model(x).detach())


@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_projections_and_given_states():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.core = nn.LSTM(5, 7, num_layers=2, proj_size=3, batch_first=True)

        def forward(self, x):
            h, c = torch.ones(2, len(x), 3), torch.ones(2, len(x), 7)
            return self.core(x, (h, c))[0]

    model, x = Model(), torch.randn(4, 6, 5)
    torch.testing.assert_close(states_of(model, x)[1], model(x).detach())


def test_cells():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.head = nn.GRUCell(5, 7), nn.LSTMCell(7, 7), nn.Linear(7, 2)

        def forward(self, x):
            h, state, outs = torch.zeros(len(x), 7), (torch.zeros(len(x), 7), torch.zeros(len(x), 7)), []
            self.seen = ([], [])
            for t in range(x.shape[1]):
                h = self.first(x[:, t], h)
                state = self.second(h, state)
                self.seen[0].append(h)
                self.seen[1].append(state[0])
                outs.append(self.head(state[0]))
            return torch.stack(outs, 1)

    model, x = Model(), torch.randn(4, 6, 5)
    found = states_of(model, x)
    model(x)
    assert len(found) == 2
    for states, expected in zip(found, model.seen, strict=True):
        torch.testing.assert_close(states, torch.stack(expected, 1).detach())


def test_the_zoo_s_hand_written_cell():
    (specimen,) = (s for s in specimens() if s.name == "hand-written cell")
    (states,) = states_of(specimen.make(), specimen.batch.inputs)
    assert states.shape == (10, 6, 12)


def test_what_has_no_score_says_why():
    model = Recurrent(nn.LSTM, layers=2)
    (third,) = zcbench.score(model, TOKENS, proxies=["hidden_covariance:layer=3"]).values()
    assert (third.status, third.detail) == ("unsupported", "the network has 2 recurrent layers, not a layer 3.")
    (one,) = zcbench.score(model, TOKENS[:1], proxies=["hidden_covariance"]).values()
    assert one.status == "unsupported"
    (none,) = zcbench.score(nn.Linear(3, 2), torch.randn(4, 3), proxies=["hidden_covariance"]).values()
    assert (none.status, "no recurrent layer" in none.detail) == ("unsupported", True)
    same = TOKENS[:1].expand(4, -1)
    (alike,) = zcbench.score(model, same, proxies=["hidden_covariance"]).values()
    assert float(alike) == pytest.approx(-3e5, rel=0.02)  # three eigenvalues are zero
