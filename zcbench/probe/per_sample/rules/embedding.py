"""Embeddings."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from zcbench.probe.per_sample.rules._register import per_sample_rule


@per_sample_rule(nn.Embedding)
def embedding(module: nn.Module, x: Tensor, gradient: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Sum gradients by token."""
    assert isinstance(module, nn.Embedding)
    tokens, gradient = x.flatten(1), gradient.flatten(1, -2)
    if module.padding_idx is not None:
        gradient = gradient * (tokens != module.padding_idx)[..., None]
    if module.scale_grad_by_freq:  # frequencies in the sample
        same = tokens[:, :, None] == tokens[:, None, :]
        gradient = gradient / same.sum(2)[..., None]
    result = gradient.new_zeros(len(x), module.num_embeddings, module.embedding_dim)
    yield "weight", result.scatter_add_(1, tokens[..., None].expand_as(gradient), gradient)
