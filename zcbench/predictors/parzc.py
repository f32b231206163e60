"""ParZC: statistics of proxies for each layer, mixed by a network whose weights are distributions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from zcbench import devices
from zcbench.encodings.layers import STATISTICS, LayerStatistics
from zcbench.predictors._base import COUNT, RATE, Uncertain
from zcbench.predictors._neural import NeuralPredictor, Rows, on, seeded
from zcbench.predictors._register import register_predictor
from zcbench.predictors._targets import Floats
from zcbench.types import Architecture

if TYPE_CHECKING:
    from zcbench.encodings import Encoding

#: number of draws of the weights for a prediction and its deviation
DRAWS = 32


class BayesianLinear(nn.Module):
    """A linear layer whose weights are independent normals; each sample of a batch draws its own outputs.

    The outputs' means and variances are linear in the inputs' values and squares (local reparameterisation, Kingma et
    al. 2015); the divergence to the prior N(0, 1/inputs) is exact.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.randn(outputs, inputs) / math.sqrt(inputs))
        self.log_deviation = nn.Parameter(torch.full((outputs, inputs), math.log(0.1 / math.sqrt(inputs))))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.prior = 1 / math.sqrt(inputs)
        #: weights to use instead of new draws
        self.fixed: Tensor | None = None

    def fix(self) -> None:
        """Draw the weights once, for all later inputs."""
        drawn = torch.randn(self.mean.shape).to(self.mean)  # the same on every device
        self.fixed = self.mean + self.log_deviation.exp() * drawn

    def forward(self, x: Tensor) -> Tensor:
        """Compute ``(…, outputs)`` from ``(…, inputs)``, drawn again at every call unless the weights are fixed."""
        if self.fixed is not None:
            return x @ self.fixed.T + self.bias
        mean = x @ self.mean.T + self.bias
        variance = x.square() @ (2 * self.log_deviation).exp().T
        return mean + (variance + 1e-12).sqrt() * torch.randn_like(mean)

    def divergence(self) -> Tensor:
        """Compute the Kullback-Leibler divergence from the prior to the weights' distribution."""
        ratio = self.log_deviation - math.log(self.prior)
        return ((2 * ratio).exp() + (self.mean / self.prior).square() - 1 - 2 * ratio).sum() / 2


class MixerBlock(nn.Module):
    """Mixes over layers, then over features; both with Bayesian layers and residual connections."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.over_tokens = nn.Sequential(
            BayesianLinear(tokens, 2 * width), nn.GELU(), BayesianLinear(2 * width, tokens)
        )
        self.over_features = nn.Sequential(
            BayesianLinear(width, 2 * width), nn.GELU(), BayesianLinear(2 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Compute ``(n, tokens, width)`` from the same shape."""
        x = x + self.over_tokens(self.norms[0](x).transpose(1, 2)).transpose(1, 2)
        mixed: Tensor = x + self.over_features(self.norms[1](x))
        return mixed


class Mixer(nn.Module):
    """A score from statistics of layers: an embedding per layer, mixer blocks, the mean over layers, a linear layer."""

    def __init__(self, tokens: int, statistics: int, width: int, blocks: int) -> None:
        super().__init__()
        self.embed = nn.Linear(statistics + 1, width)
        self.place = nn.Parameter(0.02 * torch.randn(tokens, width))
        self.blocks = nn.Sequential(*[MixerBlock(tokens, width) for _ in range(blocks)])
        self.norm = nn.LayerNorm(width)
        self.head = BayesianLinear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Compute scores ``(n,)`` from ``(n, tokens, statistics + 1)``, drawn again at every call."""
        score: Tensor = self.head(self.norm(self.blocks(self.embed(x) + self.place)).mean(1)).squeeze(-1)
        return score

    def divergence(self) -> Tensor:
        """Compute the divergence of all Bayesian layers together."""
        parts = [module.divergence() for module in self.modules() if isinstance(module, BayesianLinear)]
        return torch.stack(parts).sum()


@register_predictor(
    "parzc",
    reference="P. Dong et al., 'ParZC: Parametric Zero-Cost Proxies for Efficient NAS', AAAI 2025, arXiv:2402.02105, "
    "sections 3.2-3.4",
)
class ParZC(Uncertain, NeuralPredictor):
    """A mixer with Bayesian layers over the layers' zero-cost statistics, trained by DiffKendall, with deviations.

    A layer is identified in another network by the name of its weights; a network without the layer has zeros and a
    flag. The score is the mean over 32 draws of the weights, mapped to the targets by the least-squares line through
    the training networks; the deviation combines that of the draws and that of the residuals.

    Args:
        encoding: statistics of layers.
        loss: "diffkendall" (the paper's), "hinge" or "mse".
        hidden: width.
        blocks: number of mixer blocks.
        divergence: weight of the divergence to the prior, per training network.
        epochs: passes over the training set.
        batch_size: architectures in a step.
        learning_rate: initial learning rate.
        weight_decay: weight decay of AdamW.
        targets: "standard" or "ranks".
        seed: determines initial weights, draws and the order of batches.
    """

    ranges: ClassVar = {"hidden": COUNT, "blocks": COUNT, "divergence": RATE}
    kind = "layers"

    def __init__(
        self,
        encoding: str | Encoding = "layers",
        loss: str = "diffkendall",
        hidden: int = 32,
        blocks: int = 2,
        divergence: float = 0.5,
        epochs: int = 150,
        batch_size: int = 32,
        learning_rate: float = 2e-3,
        weight_decay: float = 1e-3,
        targets: str = "ranks",
        seed: int = 0,
    ) -> None:
        super().__init__(encoding, loss, epochs, batch_size, learning_rate, weight_decay, targets, seed)
        self.hidden = hidden
        self.blocks = blocks
        self.divergence = divergence

    @property
    def calibrated(self) -> bool:  # type: ignore[override]
        """Whether predictions are in the targets' units: always, by the line through the training networks."""
        return True

    def _prepare(self, architectures: Sequence[Architecture]) -> None:
        rows: list[LayerStatistics] = self._encoding.rows(architectures)
        names = dict.fromkeys(name for row in rows for name in row.names)
        self.place_ = {name: i for i, name in enumerate(names)}
        values = np.concatenate([row.values for row in rows])
        self.mean_, self.deviation_ = values.mean(0), np.maximum(values.std(0), 1e-6)

    def _rows(self, architectures: Sequence[Architecture]) -> Rows:
        table = np.zeros((len(architectures), len(self.place_), len(STATISTICS) + 1), np.float32)
        for i, row in enumerate(self._encoding.rows(architectures)):
            known = [j for j, name in enumerate(row.names) if name in self.place_]
            places = [self.place_[row.names[j]] for j in known]
            table[i, places, :-1] = (row.values[known] - self.mean_) / self.deviation_
            table[i, places, -1] = 1
        return torch.from_numpy(table)

    def _network(self) -> nn.Module:
        return Mixer(len(self.place_), len(STATISTICS), self.hidden, self.blocks)

    def _loss(self, network: Mixer, rows: Rows, values: Tensor) -> Tensor:
        return super()._loss(network, rows, values) + self.divergence * network.divergence() / self.trained_

    def _train(self, network: nn.Module, rows: Rows, values: Tensor) -> None:
        self.trained_ = len(values)
        super()._train(network, rows, values)
        score, y = self._draws(rows).mean(0), values.cpu().double().numpy()
        spread = float(score.var())
        self.slope_ = float(np.cov(score, y, bias=True)[0, 1]) / spread if spread > 0 else 0.0
        self.slope_ = max(self.slope_, 1e-6)  # the training determines only the order
        self.offset_ = float(y.mean() - self.slope_ * score.mean())
        self.residual_ = float((y - self.slope_ * score - self.offset_).std())

    def _draws(self, rows: Tensor) -> Floats:
        """Compute scores ``(draws, n)``; the draws do not depend on the other networks of the request."""
        # Weights are drawn, not outputs as in training: a prediction must not depend on its place in a batch.
        layers = [module for module in self.network_.modules() if isinstance(module, BayesianLinear)]
        found = []
        with seeded(self.seed), torch.no_grad():
            for _ in range(DRAWS):
                for layer in layers:
                    layer.fix()
                found.append(
                    torch.cat([self.network_(part) for part in torch.split(rows, 1024)]).cpu().double().numpy()
                )
        for layer in layers:
            layer.fixed = None
        return np.stack(found)

    def _moments(self, architectures: Sequence[Architecture]) -> tuple[Floats, Floats]:
        place = devices.here()
        with on(place, self.network_):
            draws = self._draws(self._rows(architectures).to(place))
        mean = self.slope_ * draws.mean(0) + self.offset_
        return mean, np.sqrt((self.slope_ * draws.std(0)) ** 2 + self.residual_**2)

    def _predict(self, architectures: Sequence[Architecture]) -> Floats:
        return self.scale_.backward(self._moments(architectures)[0])
