"""Train a supernet by a rule: one loop, with checkpoints from which it goes on exactly."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from zcbench._files import whole
from zcbench.errors import InvalidInputError
from zcbench.supernets._register import get_training_rule
from zcbench.supernets._rule import TrainingRule
from zcbench.supernets._steps import Augment, optimizer_of, rate_at, rows_of
from zcbench.supernets.sharing import WeightSharing
from zcbench.types import Architecture


@dataclass
class _Step:
    """See :class:`zcbench.supernets._rule.Step`."""

    supernet: WeightSharing
    number: int
    progress: float
    rng: np.random.Generator
    inputs: Tensor
    targets: Tensor
    smoothing: float
    learned: int = 0
    loss: float = 0.0

    def learn(
        self, architecture: Architecture, teacher: Tensor | None = None, *, share: float = 1.0, weight: float = 1.0
    ) -> Tensor:
        """Add a subnet's gradient."""
        self.supernet.activate(architecture)
        logits: Tensor = self.supernet(self.inputs)
        share = 0.0 if teacher is None else share
        loss = logits.new_zeros(())
        if share < 1:
            loss = (1 - share) * F.cross_entropy(logits, self.targets, label_smoothing=self.smoothing)
        if teacher is not None and share > 0:
            loss = loss + share * F.cross_entropy(logits, teacher.softmax(-1))
        (weight * loss).backward()  # type: ignore[no-untyped-call]
        self.learned += 1
        self.loss += float(loss.detach())
        return logits.detach()


@dataclass
class Training:
    """A supernet's training; :meth:`run` goes on from wherever it is.

    SGD with Nesterov momentum or AdamW, a learning rate that rises over the first twentieth and falls as a cosine.
    Batches, subnets and augmentation of a step follow from the seed and the step's number alone.

    Args:
        supernet: what is trained; on its device.
        inputs: of the training set ``(n, …)``.
        targets: classes ``(n,)``.
        rule: name of a training rule, with settings, or one.
        steps: how many.
        batch: samples of a step.
        rate: highest learning rate.
        momentum: of SGD; the first beta of AdamW.
        decay: weight decay of parameters with two axes or more.
        smoothing: of labels.
        clip: norm to which gradients are clipped.
        augment: changes the inputs of a step.
        optimizer: "sgd", or "adamw", whose rates are smaller (.004).
        seed: decides batches, subnets and augmentation.

    Attributes:
        done: steps that are over.
        skipped: steps whose gradient was not finite; they change nothing.
        learned: subnets that learned from a batch.
        losses: mean loss of each step's subnets.

    Raises:
        InvalidInputError: inputs and targets do not go together, or a number is out of range.
    """

    supernet: WeightSharing
    inputs: Tensor
    targets: Tensor
    rule: str | TrainingRule = "sandwich"
    steps: int = 1_000
    batch: int = 64
    rate: float = 0.1
    momentum: float = 0.9
    decay: float = 1e-4
    smoothing: float = 0.0
    clip: float = 5.0
    augment: Augment | None = None
    optimizer: str = "sgd"
    seed: int = 0
    done: int = 0
    skipped: int = 0
    learned: int = 0
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.targets) or not len(self.inputs):
            raise InvalidInputError(
                f"{len(self.inputs)} inputs and {len(self.targets)} targets: give a target for each input."
            )
        for name in ("steps", "batch"):
            if type(getattr(self, name)) is not int or getattr(self, name) < 1:
                raise InvalidInputError(f"{name}={getattr(self, name)!r}: give a number from 1 on.")
        if not (math.isfinite(self.rate) and self.rate > 0):
            raise InvalidInputError(f"rate={self.rate!r}: give a learning rate above 0.")
        self._rule = get_training_rule(self.rule) if isinstance(self.rule, str) else self.rule
        self._rule.begin(self.supernet)
        self._optimizer = optimizer_of(self.optimizer, self.supernet.parameters(), self.rate, self.momentum, self.decay)

    def run(self) -> Iterator[int]:
        """Train, one step for each item; yields how many are done."""
        while self.done < self.steps:
            began = time.perf_counter()
            self._step()
            self.seconds += time.perf_counter() - began
            yield self.done

    def _step(self) -> None:
        rng = np.random.default_rng([self.seed, 2, self.done])
        rows = torch.as_tensor(self._rows(self.done), device=self.inputs.device)
        inputs, targets = self.inputs[rows], self.targets[rows]
        if self.augment is not None:
            inputs = self.augment(inputs, torch.Generator(inputs.device).manual_seed(int(rng.integers(2**62))))
        step = _Step(self.supernet, self.done, self.done / self.steps, rng, inputs, targets, self.smoothing)
        factor = self._rule.factor(step.progress)
        for group in self._optimizer.param_groups:
            group["lr"] = self.rate * (rate_at(self.done, self.steps) if factor is None else factor)
        self.supernet.train()
        with torch.random.fork_rng(devices=[inputs.device] if inputs.is_cuda else []):
            torch.manual_seed(int(rng.integers(2**62)))  # dropout
            self._rule.step(step)
        norm = torch.nn.utils.clip_grad_norm_(self.supernet.parameters(), self.clip)
        if bool(torch.isfinite(norm)):
            self._optimizer.step()
        else:
            self.skipped += 1
        self._optimizer.zero_grad(set_to_none=True)
        self.done += 1
        self.learned += step.learned
        self.losses.append(step.loss / max(1, step.learned))

    def _rows(self, step: int) -> np.ndarray[Any, np.dtype[np.intp]]:
        return rows_of(step, len(self.inputs), self.batch, self.seed)

    # -- on disk -----------------------------------------------------------------------------------

    def save(self, path: Path) -> None:
        """Write weights, optimizer and rule, so that :meth:`restore` goes on from here."""
        from safetensors.torch import save

        tensors = {f"weights/{name}": value for name, value in self.supernet.whole.state_dict().items()}
        for row, entry in self._optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{row}/{name}": value for name, value in entry.items() if isinstance(value, Tensor)}
        tensors |= {f"rule/{name}": value for name, value in self._rule.tensors().items()}
        about = {
            "plan": self._plan(),
            "rule": self._rule.state(),
            **{name: getattr(self, name) for name in ("done", "skipped", "learned", "losses", "seconds")},
        }
        texts = {"about": json.dumps(about)}
        with whole(path, "Choose another file for the checkpoint.") as fresh:
            fresh.write_bytes(
                save({name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}, texts)
            )

    def restore(self, path: Path) -> None:
        """Go on from what :meth:`save` wrote.

        Raises:
            InvalidInputError: the file is no checkpoint, or one of another supernet or plan.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="pt") as file:
                about = json.loads(file.metadata()["about"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            plan = about["plan"]
        except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
            raise InvalidInputError(f"{path} is no checkpoint of a supernet's training ({error}).") from None
        different = [name for name, value in self._plan().items() if plan.get(name) != value]
        if different:
            raise InvalidInputError(
                f"{path} is of another training ({', '.join(different)} differ): choose another file, or train as it "
                "says."
            )
        weights = {name.partition("/")[2]: value for name, value in tensors.items() if name.startswith("weights/")}
        self.supernet.whole.load_state_dict(weights)
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith("optimizer/"):
                _, row, name = key.split("/")
                state.setdefault(int(row), {})[name] = value
        self._optimizer.load_state_dict({**self._optimizer.state_dict(), "state": state})
        kept = {name.partition("/")[2]: value for name, value in tensors.items() if name.startswith("rule/")}
        device = self.inputs.device
        self._rule.restore(about["rule"], {name: value.to(device) for name, value in kept.items()})
        for name in ("done", "skipped", "learned", "losses", "seconds"):
            setattr(self, name, about[name])

    def _plan(self) -> dict[str, Any]:
        """What must be equal for two trainings to be one."""
        shapes = {name: list(value.shape) for name, value in self.supernet.whole.named_parameters()}
        names = ("steps", "batch", "rate", "momentum", "decay", "smoothing", "clip", "optimizer", "seed")
        return {
            "space": self.supernet.space.name,
            "weights": shapes,
            "rule": getattr(self._rule, "label_", type(self._rule).__name__),
            "samples": f"{len(self.inputs)}, {_digest(self.inputs)}, {_digest(self.targets)}",
            **{name: getattr(self, name) for name in names},
        }


def _digest(values: Tensor) -> str:
    """Of a tensor's numbers, wherever they lie."""
    data = values.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()
    return hashlib.blake2b(data.tobytes(), digest_size=8).hexdigest()
