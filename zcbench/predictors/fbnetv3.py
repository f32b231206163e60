"""FBNetV3's predictor: pre-trained on free statistics, then trained on few accuracies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from zcbench import devices
from zcbench.encodings import Encoder, get_encoding
from zcbench.errors import InvalidInputError
from zcbench.predictors._base import COUNT, STEPS, Predictor
from zcbench.predictors._features import Scaling
from zcbench.predictors._neural import on, seeded, train
from zcbench.predictors._register import register_predictor
from zcbench.predictors._targets import Floats, TargetScale, target_scale
from zcbench.spaces import get_space
from zcbench.types import Architecture

if TYPE_CHECKING:
    from zcbench.encodings import Encoding


class TwoHeads(nn.Module):
    """An encoder of the architecture (and its training recipe), a head for statistics and a head for accuracy."""

    def __init__(self, columns: int, hidden: int, statistics: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(columns, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.statistics = nn.Linear(hidden, statistics)
        self.accuracy = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Compute accuracies ``(n,)`` from ``(n, columns)``."""
        score: Tensor = self.accuracy(self.encoder(x)).squeeze(-1)
        return score


@register_predictor(
    "fbnetv3",
    reference="X. Dai et al., 'FBNetV3: Joint Architecture-Recipe Search using Predictor Pretraining', CVPR 2021, "
    "arXiv:2006.02049, sections 3.2-3.3",
)
class FBNetV3(Predictor):
    """A network with two heads: one learns free statistics of many architectures, the other the accuracy of few.

    First the encoder and the head of statistics are trained on architectures without accuracies: ``free`` of them,
    drawn from the search space, or the training set if the space cannot be sampled. Then the head of accuracy is
    trained with the encoder frozen, then both, with the Huber loss. Recipes are columns of the encoding like others,
    so architecture and recipe are learned jointly if a table has both (for example with "columns").

    Args:
        encoding: vectors, the input of the network.
        statistics: vectors without training cost: the space's own numbers ("stats"), or "proxies(params+flops)" and
            others that are cheap enough for ``free`` networks.
        hidden: width.
        free: number of architectures without accuracy for the first stage.
        epochs: passes over the training set, half of them with the encoder frozen.
        pretraining: passes over the free ones.
        targets: "standard" or "ranks".
        seed: decides initial weights, free architectures and the order of batches.
    """

    encoding_settings: ClassVar = ("encoding", "statistics")
    ranges: ClassVar = {"hidden": COUNT, "free": STEPS, "epochs": STEPS, "pretraining": STEPS}

    def __init__(
        self,
        encoding: str | Encoding = "onehot+path",
        statistics: str | Encoding = "stats",
        hidden: int = 128,
        free: int = 1000,
        epochs: int = 100,
        pretraining: int = 60,
        targets: str = "ranks",
        seed: int = 0,
    ) -> None:
        super().__init__(encoding, seed)
        self.statistics = statistics
        self.hidden = hidden
        self.free = free
        self.epochs = epochs
        self.pretraining = pretraining
        self.targets = targets

    def _fit(self, architectures: Sequence[Architecture], targets: Floats) -> None:
        untrained = [*self._draw(architectures), *architectures]
        self.encoder_: Encoder = self._encoding.fit(untrained)
        raw = self.encoder_.transform(untrained)
        self.scaling_ = Scaling(raw, self.encoder_.groups)
        self.scale_: TargetScale = target_scale(self.targets, targets)
        statistics = get_encoding(self.statistics)
        if statistics.kind != "vector":
            raise InvalidInputError(f"statistics={self.statistics}: choose an encoding that gives vectors.")
        columns = statistics.fit(untrained)
        numbers = columns.transform(untrained)
        wanted = torch.from_numpy(Scaling(numbers, columns.groups)(numbers)).float()
        place = devices.here()
        wanted = wanted.to(place)
        x = torch.from_numpy(self.scaling_(raw)).float().to(place)
        y = torch.from_numpy(self.scale_.forward(targets)).float().to(place)
        own = x[len(untrained) - len(architectures) :]
        with seeded(self.seed):
            network = TwoHeads(x.shape[1], self.hidden, wanted.shape[1])
            with on(place, network):
                if wanted.shape[1]:
                    train(
                        network,
                        lambda rows: ((network.statistics(network.encoder(x[rows])) - wanted[rows]) ** 2).mean(),
                        len(x),
                        epochs=self.pretraining,
                        batch_size=64,
                        learning_rate=1e-3,
                    )
                self._learn(network, own, y)
        self.network_ = network

    def _learn(self, network: TwoHeads, x: Tensor, y: Tensor) -> None:
        def loss(rows: Tensor) -> Tensor:
            return nn.functional.huber_loss(network(x[rows]), y[rows])

        for parameters, rate in ((list(network.accuracy.parameters()), 1e-3), (list(network.parameters()), 5e-4)):
            train(
                network,
                loss,
                len(y),
                epochs=self.epochs // 2,
                batch_size=16,
                learning_rate=rate,
                weight_decay=1e-3,
                parameters=parameters,
            )

    def _draw(self, architectures: Sequence[Architecture]) -> list[Architecture]:
        """Draw architectures without accuracies; none if the space is a table of names or an encoding needs a table."""
        encoding = self._encoding
        if encoding.from_table or get_encoding(self.statistics).from_table:
            return []
        space = encoding.parts[0].space or get_space(architectures[0].space)
        if not space.domains:
            return []
        random = np.random.default_rng(self.seed)
        return [space.sample(random) for _ in range(self.free)]

    def _predict(self, architectures: Sequence[Architecture]) -> Floats:
        place = devices.here()
        x = torch.from_numpy(self.scaling_(self.encoder_.transform(architectures))).float().to(place)
        with on(place, self.network_), torch.no_grad():
            score = self.network_(x).cpu().double().numpy()
        return self.scale_.backward(score)
