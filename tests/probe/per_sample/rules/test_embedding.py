"""Embeddings."""

import torch
from samples import Tokens, check
from torch import nn


def test_gradients_scaled_by_frequency():
    model = Tokens(lambda network, x: network.layer(x), scale_grad_by_freq=True)
    check(model, torch.randint(3, (4, 6)), torch.tensor([0, 1, 2, 3]), by_hooks=True)


def test_positions_are_no_samples():
    """An embedding of positions gets as many rows as there are positions, be that the batch size or not."""

    class Positions(nn.Module):
        def __init__(self, lead):
            super().__init__()
            torch.manual_seed(0)
            self.lead = lead
            self.words, self.places, self.head = nn.Embedding(9, 4), nn.Embedding(6, 4), nn.Linear(4, 3)

        def forward(self, tokens):
            places = torch.arange(tokens.shape[1])
            x = self.words(tokens) + self.places(places[None] if self.lead else places)
            return self.head(torch.tanh(x).mean(1))

    for lead in (False, True):
        for batch in (3, 6):  # six samples of six words
            tokens = torch.randint(9, (batch, 6), generator=torch.Generator().manual_seed(batch))
            check(Positions(lead), tokens, torch.arange(batch) % 3, by_hooks=True)
