"""The base of neural predictors: batches, a training loop, separate random numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from zcbench import devices
from zcbench.errors import InvalidInputError
from zcbench.predictors._base import COUNT, RATE, STEPS, Predictor
from zcbench.predictors._losses import loss_named
from zcbench.predictors._targets import Floats, TargetScale, target_scale
from zcbench.probe._world import restore_torch, torch_states
from zcbench.types import Architecture

if TYPE_CHECKING:
    from zcbench.encodings import Encoding

#: Inputs of a network for ``n`` architectures; it can be indexed by rows, and has ``to(device)``.
Rows: TypeAlias = Any
#: number of architectures that are predicted at once
_BATCH = 1024


class NeuralPredictor(Predictor):
    """A predictor that is a network, trained by AdamW with a cosine schedule.

    A subclass implements :meth:`_prepare` (values that depend on the training set, e.g. the vocabulary),
    :meth:`_rows` and :meth:`_network`; the network maps rows to scores ``(n,)``.

    Args:
        encoding: its input.
        loss: "mse", "hinge" or "diffkendall"; with the last two predictions only rank.
        epochs: passes over the training set.
        batch_size: architectures in a step.
        learning_rate: initial learning rate.
        weight_decay: weight decay of AdamW.
        targets: "standard" or "ranks".
        seed: determines initial weights and the order of batches.
    """

    ranges: ClassVar = {"epochs": STEPS, "batch_size": COUNT, "learning_rate": RATE, "weight_decay": RATE}

    def __init__(
        self,
        encoding: str | Encoding = "graph",
        loss: str = "mse",
        epochs: int = 150,
        batch_size: int = 16,
        learning_rate: float = 1e-3,
        weight_decay: float = 1e-5,
        targets: str = "ranks",
        seed: int = 0,
    ) -> None:
        super().__init__(encoding, seed)
        self.loss = loss
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.targets = targets

    @property
    def calibrated(self) -> bool:  # type: ignore[override]
        """Whether predictions are in the targets' units."""
        return self.loss == "mse"

    def _prepare(self, architectures: Sequence[Architecture]) -> None:
        """Set the values that depend on the training set."""

    def _rows(self, architectures: Sequence[Architecture]) -> Rows:
        raise NotImplementedError

    def _network(self) -> nn.Module:
        raise NotImplementedError

    def _fit(self, architectures: Sequence[Architecture], targets: Floats) -> None:
        self.scale_: TargetScale = target_scale(self.targets, targets)
        values = torch.from_numpy(self.scale_.forward(targets)).float()
        place = devices.here()
        with seeded(self.seed):
            self._prepare(architectures)
            self.network_ = self._network()
            with on(place, self.network_):
                self._train(self.network_, self._rows(architectures).to(place), values.to(place))

    def _loss(self, network: Any, rows: Rows, values: Tensor) -> Tensor:
        """Compute the loss of a batch from its rows and the scaled targets ``(b,)``."""
        return loss_named(self.loss)(network(rows), values)

    def _train(self, network: nn.Module, rows: Rows, values: Tensor) -> None:
        train(
            network,
            lambda batch: self._loss(network, rows[batch], values[batch]),
            len(values),
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
        )

    def _predict(self, architectures: Sequence[Architecture]) -> Floats:
        score = self._scores(architectures)
        return self.scale_.backward(score) if self.calibrated else score

    def _scores(self, architectures: Sequence[Architecture]) -> Floats:
        self.network_.eval()
        found, place = [], devices.here()
        with on(place, self.network_), torch.no_grad():
            for start in range(0, len(architectures), _BATCH):
                rows = self._rows(architectures[start : start + _BATCH]).to(place)
                found.append(self.network_(rows).cpu().double().numpy())
        score: Floats = np.concatenate(found)
        return score


@contextmanager
def on(place: torch.device, *networks: nn.Module) -> Iterator[None]:
    """Move networks to a device in a block, and back to the processor, where they are kept and pickled."""
    try:
        for network in networks:
            network.to(place)
        yield
    finally:
        for network in networks:
            network.to(devices.CPU)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's global random numbers on all devices in a block, and restore them afterwards."""
    states = torch_states()
    try:
        torch.manual_seed(seed)
        yield
    finally:
        restore_torch(states)


def train(
    network: nn.Module,
    loss: Callable[[Tensor], Tensor],
    rows: int,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    weight_decay: float = 0.0,
    parameters: Sequence[nn.Parameter] | None = None,
) -> None:
    """Minimise a loss of batches with AdamW and a cosine schedule to zero; the network ends in eval mode.

    Args:
        network: the network.
        loss: maps numbers of rows ``(b,)``, on the device of the network, to a scalar.
        rows: number of rows.
        epochs: passes over them.
        batch_size: rows in a step. A last batch of one row joins the one before: a loss over pairs needs two.
        learning_rate: initial learning rate.
        weight_decay: weight decay of AdamW.
        parameters: the parameters to train; default all of the network.
    """
    if batch_size < 1 or epochs < 0:
        raise InvalidInputError(f"batch_size={batch_size} and epochs={epochs}: choose at least 1 and 0.")
    trained = list(network.parameters() if parameters is None else parameters)
    optimizer = torch.optim.AdamW(trained, learning_rate, weight_decay=weight_decay)
    sizes = [batch_size] * (rows // batch_size) + ([rows % batch_size] if rows % batch_size else [])
    if len(sizes) > 1 and sizes[-1] == 1:
        sizes[-2:] = [sizes[-2] + 1]
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(epochs * len(sizes), 1))
    network.train()
    place = trained[0].device
    for _ in range(epochs):
        for batch in torch.split(torch.randperm(rows).to(place), sizes):
            network.zero_grad()
            loss(batch).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(trained, 5.0)
            optimizer.step()
            schedule.step()
    network.eval()
