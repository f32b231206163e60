"""Gradients of samples: as zcbench takes them, and by one network call per sample."""

from __future__ import annotations

from unittest import mock

import torch
from torch import nn

from zcbench.probe import Probe, as_tensor, default_loss, invoke
from zcbench.probe.per_sample import _gradients
from zcbench.types import Batch


class Tokens(nn.Module):
    """Embedded tokens, and a function of the network that makes the output of them."""

    def __init__(self, rest, **options):
        super().__init__()
        self.embedding, self.layer = nn.Embedding(9, 5, **options), nn.Linear(5, 5)
        self.rest = rest

    def forward(self, tokens):
        return self.rest(self, self.embedding(tokens).mean(1))


def gather(model: nn.Module, inputs, targets, **options) -> dict[str, torch.Tensor]:
    parts: dict[str, list[torch.Tensor]] = {}
    with Probe(model, Batch(inputs, targets), **options) as probe:
        probe.each_sample_gradient(lambda name, gradients: parts.setdefault(name, []).append(gradients.clone()))
    return {name: torch.cat(chunks) for name, chunks in parts.items()}


def one_at_a_time(model: nn.Module, inputs, targets, loss=default_loss) -> dict[str, torch.Tensor]:
    """A batch of one in train mode, dropout frozen, for every sample."""
    batch = Batch(inputs, targets)
    model.eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.train()
    rows = {name: [] for name, p in model.named_parameters() if p.requires_grad}
    for i in range(len(batch)):
        sample = batch[i : i + 1]
        model.zero_grad()
        value = loss(as_tensor(invoke(model, sample.inputs)), sample.targets)
        value.backward()
        for name, parameter in model.named_parameters():
            if name in rows:
                rows[name].append(torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.clone())
    return {name: torch.stack(r) for name, r in rows.items()}


def check(model, inputs, targets, *, by_hooks: bool, **options) -> None:
    """Compare both; and whether hooks on the layers sufficed, or the network ran once for every sample."""
    with mock.patch.object(_gradients, "one_by_one", wraps=_gradients.one_by_one) as slow:
        found = gather(model, inputs, targets, **options)
    assert slow.called is not by_hooks
    expected = one_at_a_time(model, inputs, targets, options.get("loss_fn", default_loss))
    assert found.keys() == expected.keys()
    for name, gradients in expected.items():
        torch.testing.assert_close(found[name], gradients, atol=1e-6, rtol=2e-4)
