"""The tangent kernel, computed layer by layer without building the Jacobian."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from zcbench.probe.modes import BatchNorm
from zcbench.probe.per_sample._collector import Collector
from zcbench.probe.per_sample.rules.convolutions import convolution
from zcbench.probe.per_sample.rules.embedding import embedding
from zcbench.probe.per_sample.rules.linear import linear

if TYPE_CHECKING:
    from zcbench.probe import Probe

#: Largest temporary of a kernel, in numbers.
_LARGEST = 16_000_000


class Kernel(Collector):
    """Sums the inner products of the samples' gradients, layer by layer."""

    def __init__(self, probe: Probe, batch_norm: BatchNorm) -> None:
        super().__init__(probe, self.add_rows, batch_norm)
        self.total = torch.zeros(self.batch, self.batch, dtype=torch.float64, device=probe.device)

    def add(self, products: Tensor) -> None:
        self.total += products.double().to(self.total.device)

    def add_rows(self, _: str, gradients: Tensor) -> None:
        rows = gradients.flatten(1)
        self.add(rows @ rows.T)

    def finish(self) -> None:
        self.unseen.clear()  # these add zero
        super().finish()

    def take(self, module: nn.Module, x: Tensor, gradient: Tensor, names: dict[str, str]) -> None:
        rule = self.rule(module)
        if rule is embedding and isinstance(module, nn.Embedding) and not module.scale_grad_by_freq:
            same = x.flatten()[:, None] == x.flatten()[None, :]
            if module.padding_idx is not None:
                same &= (x != module.padding_idx).flatten()
            rows = gradient.flatten(0, -2)
            self.add(_by_sample((rows @ rows.T) * same, self.batch))
        elif rule is linear and isinstance(module, nn.Linear) and "weight" in names and _pairs_are_cheaper(module, x):
            entered, came_back = x.flatten(0, -2), gradient.flatten(0, -2)
            self.add(_by_sample((entered @ entered.T) * (came_back @ came_back.T), self.batch))
            if "bias" in names:
                self.add_rows("", gradient.flatten(1, -2).sum(1) if gradient.dim() > 2 else gradient)
        else:
            for channels in _channels(module, gradient) if rule in (linear, convolution) else [(slice(None),)]:
                found: dict[str, list[Tensor]] = {leaf: [] for leaf in names}
                for leaf, part in self.parts(module, x, gradient[channels]):
                    if leaf in found:
                        found[leaf].append(part)
                for parts in found.values():
                    self.add_rows("", torch.cat(parts))


def _by_sample(products: Tensor, batch: int) -> Tensor:
    return products.reshape(batch, -1, batch, products.shape[0] // batch).sum((1, 3))


def _pairs_are_cheaper(layer: nn.Linear, x: Tensor) -> bool:
    """Return whether all pairs of positions cost less than the gradient of each sample."""
    batch, positions = len(x), x[0].numel() // layer.in_features
    size = layer.in_features * layer.out_features
    pairs = (batch * positions) ** 2
    return pairs <= 4 * _LARGEST and pairs * (layer.in_features + layer.out_features) <= (
        batch * positions * size + batch * batch * size
    )


def _channels(module: nn.Module, gradient: Tensor) -> Iterator[tuple[slice, ...]]:
    """Yield slices of the output channels such that all samples' gradients of one slice fit in a temporary."""
    whole = (slice(None),)
    if isinstance(module, nn.Linear):
        axis, count, width = gradient.dim() - 1, module.out_features, module.in_features
    elif isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d)) and module.groups == 1:
        axis, count, width = 1, module.out_channels, module.weight[0].numel()
    else:
        yield whole
        return
    size = max(1, _LARGEST // (len(gradient) * width))
    for start in range(0, count, size):
        yield (slice(None),) * axis + (slice(start, start + size),)
