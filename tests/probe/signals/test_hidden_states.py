"""Hidden states of recurrent layers, beside loops over time."""

import pytest
import torch
from networks import convnet, images
from torch import nn

from zcbench.errors import UnsupportedModelError
from zcbench.probe import Probe
from zcbench.types import Batch


class Head(nn.Module):
    """A recurrent layer and a linear one."""

    def __init__(self, rnn, batch_first):
        super().__init__()
        self.rnn, self.batch_first, self.head = rnn, batch_first, nn.Linear(5, 3)

    def forward(self, x):
        out, _ = self.rnn(x if self.batch_first else x.transpose(0, 1))
        return self.head(out[:, -1] if self.batch_first else out[-1])


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_layers(kind, batch_first):
    torch.manual_seed(0)
    model, x = Head(kind(4, 5, batch_first=batch_first), batch_first), torch.randn(6, 6, 4)  # six samples of length six
    with Probe(model, Batch(x)) as probe:
        (found,) = probe.hidden_states
    expected = model.rnn(x)[0] if batch_first else model.rnn(x.transpose(0, 1))[0].transpose(0, 1)
    torch.testing.assert_close(found, expected.detach())


@pytest.mark.parametrize("cell", [nn.RNNCell, nn.GRUCell, nn.LSTMCell])
def test_cells(cell):
    class Steps(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.cell, self.head = cell(4, 5), nn.Linear(5, 3)

        def states(self, x):
            state, found = None, []
            for t in range(x.shape[1]):
                state = self.cell(x[:, t], state)
                found.append(state[0] if isinstance(state, tuple) else state)
            return torch.stack(found, 1)

        def forward(self, x):
            return self.head(self.states(x)[:, -1])

    model, x = Steps(), torch.randn(6, 3, 4)
    with Probe(model, Batch(x)) as probe:
        (found,) = probe.hidden_states
    torch.testing.assert_close(found, model.states(x).detach())


def test_networks_without_recurrence():
    with Probe(convnet(), Batch(*images())) as probe, pytest.raises(UnsupportedModelError, match="recurrent"):
        _ = probe.hidden_states
