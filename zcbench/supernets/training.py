"""Training of a supernet by a rule: one loop, with checkpoints from which it resumes exactly."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from zcbench import _arguments as rules
from zcbench._code import called_digest
from zcbench._display import brief
from zcbench._files import whole
from zcbench.errors import DataCorruptError, InvalidInputError, first_line
from zcbench.probe.calling import invoke
from zcbench.supernets._register import get_training_rule
from zcbench.supernets._rule import TrainingRule
from zcbench.supernets._samples import IGNORED, check_classes, checked_pair, digest, flat, logits_of, placed, taken
from zcbench.supernets._sealed import opened, sealed
from zcbench.supernets._steps import Augment, augmented, check_settings, optimizer_of, rate_at, rows_of
from zcbench.supernets.sharing import WeightSharing
from zcbench.types import Architecture, Inputs

#: consecutive steps without a finite gradient after which a training is stopped
_FUTILE = 100


@dataclass
class _Step:
    """See :class:`zcbench.supernets._rule.Step`."""

    supernet: WeightSharing
    number: int
    progress: float
    rng: np.random.Generator
    inputs: Inputs
    targets: Tensor
    smoothing: float
    learned: int = 0
    loss: float = 0.0

    def learn(
        self, architecture: Architecture, teacher: Tensor | None = None, *, share: float = 1.0, weight: float = 1.0
    ) -> Tensor:
        """Add a subnet's gradient."""
        self.supernet.activate(architecture)
        logits = logits_of(invoke(self.supernet, self.inputs))
        scores, targets = flat(logits, self.targets)
        check_classes(targets, scores.shape[1])
        share = 0.0 if teacher is None else share
        loss = logits.new_zeros(())
        if share < 1:
            loss = (1 - share) * F.cross_entropy(scores, targets, ignore_index=IGNORED, label_smoothing=self.smoothing)
        if teacher is not None and share > 0:
            taught = teacher.flatten(0, -2)
            if taught.shape != scores.shape:
                raise InvalidInputError(
                    f"the teacher returns {tuple(teacher.shape)} and the subnet {tuple(logits.shape)}: give a teacher "
                    "with the same classes."
                )
            counted = targets != IGNORED
            if not bool(counted.all()):
                scores, taught = scores[counted], taught[counted]
            loss = loss + share * F.cross_entropy(scores, taught.softmax(-1))
        (weight * loss).backward()  # type: ignore[no-untyped-call]
        self.learned += 1
        self.loss += float(loss.detach())
        return logits.detach()


@dataclass(repr=False)
class Training:
    """A supernet's training; :meth:`run` continues from its current step.

    The optimizer is SGD with Nesterov momentum or AdamW, with a learning rate that rises over the first twentieth and
    falls as a cosine. Batches, subnets and augmentation of a step depend only on the seed and the step's number.

    Args:
        supernet: the supernet; it is trained on its device.
        inputs: inputs of the training set: a tensor ``(n, …)``, a tuple of positional or a mapping of keyword
            arguments.
        targets: classes ``(n,)``, or ``(n, length)`` for a class at each position; -100 for no class.
        rule: name of a training rule, with settings, or an object.
        steps: number of steps.
        batch: samples of a step.
        rate: highest learning rate.
        momentum: momentum of SGD; the first beta of AdamW.
        decay: weight decay of parameters with two axes or more.
        smoothing: label smoothing.
        clip: largest norm of gradients.
        augment: changes the inputs of a step, with the step's random numbers.
        optimizer: "sgd", or "adamw", whose rates are smaller (.004).
        seed: determines batches, subnets and augmentation.

    Attributes:
        done: number of completed steps.
        skipped: number of steps whose gradient was not finite; they change nothing. A training stops after a hundred
            consecutive skipped steps, or if all are skipped.
        learned: number of subnets that learned from a batch.
        losses: mean loss of each step's subnets.

    Raises:
        InvalidInputError: inputs and targets do not fit together, or a number is out of range.
    """

    supernet: WeightSharing
    inputs: Inputs
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
    done: int = field(default=0, init=False)
    skipped: int = field(default=0, init=False)
    learned: int = field(default=0, init=False)
    losses: list[float] = field(default_factory=list, init=False)
    seconds: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        if not isinstance(self.supernet, WeightSharing):
            raise InvalidInputError(
                f"the supernet is {rules.shown(self.supernet)}: give a zcbench.supernets.WeightSharing."
            )
        self.inputs, self.targets = checked_pair("training data", self.inputs, self.targets)
        self.steps, self.batch = (rules.whole(name, getattr(self, name), 1) for name in ("steps", "batch"))
        self.seed = rules.seed("the seed", self.seed)
        check_settings(self.rate, self.momentum, self.decay)
        if not 0 <= rules.number("smoothing", self.smoothing) < 1:
            raise InvalidInputError(f"smoothing {self.smoothing!r}: choose a number from 0 on and below 1.")
        if self.clip != math.inf and not rules.number("clip", self.clip) > 0:  # infinity means no clipping
            raise InvalidInputError(f"clip {rules.shown(self.clip)}: choose a number above 0.")
        for name in ("rate", "momentum", "decay", "smoothing", "clip"):  # JSON does not support numbers of NumPy
            setattr(self, name, float(getattr(self, name)))
        if not isinstance(self.rule, str | TrainingRule):
            raise InvalidInputError(f"the rule is {rules.shown(self.rule)}: give its name, or a TrainingRule.")
        if not any(one.requires_grad for one in self.supernet.parameters()):
            raise InvalidInputError(
                "no parameter of the supernet can be trained: call  supernet.requires_grad_(True)  first."
            )
        self._futile = 0
        self._rule = get_training_rule(self.rule) if isinstance(self.rule, str) else self.rule
        self._rule.begin(self.supernet)
        self._optimizer = optimizer_of(self.optimizer, self.supernet.parameters(), self.rate, self.momentum, self.decay)

    def __repr__(self) -> str:
        rule = getattr(self._rule, "label_", type(self._rule).__name__)
        return brief(f"<Training of {self.supernet!r}, {rule}, {self.done} of {self.steps} steps>")

    def run(self) -> Iterator[int]:
        """Train, one step for each item; yield the number of completed steps.

        Raises:
            InvalidInputError: no gradient is finite any more, or inputs, targets and outputs do not fit together.
        """
        while self.done < self.steps:
            began = time.perf_counter()
            self._step()
            self.seconds += time.perf_counter() - began
            if self._futile == min(_FUTILE, self.steps):
                raise InvalidInputError(
                    f"the last {self._futile} steps had no finite gradient and changed nothing: check weights and "
                    "inputs for nan, or choose a lower rate."
                )
            yield self.done

    def _step(self) -> None:
        rng = np.random.default_rng([self.seed, 2, self.done])
        rows, like = torch.as_tensor(self._rows(self.done)), next(self.supernet.parameters())
        inputs = placed(augmented(self.augment, taken(self.inputs, rows), rng), like)
        targets = self.targets[rows.to(self.targets.device)].to(like.device)
        self._optimizer.zero_grad(set_to_none=True)  # gradients of other code, and of a step that raised
        step = _Step(self.supernet, self.done, self.done / self.steps, rng, inputs, targets, self.smoothing)
        factor = self._rule.factor(step.progress)
        for group in self._optimizer.param_groups:
            group["lr"] = self.rate * (rate_at(self.done, self.steps) if factor is None else factor)
        self.supernet.train()
        with torch.random.fork_rng(devices=[like.device] if like.is_cuda else []):
            torch.manual_seed(int(rng.integers(2**62)))  # dropout
            self._rule.step(step)
        if not step.learned:
            raise InvalidInputError(f"the rule trained no subnet in step {self.done}: call  step.learn(architecture).")
        norm = torch.nn.utils.clip_grad_norm_(self.supernet.parameters(), self.clip)
        if bool(torch.isfinite(norm)):
            self._optimizer.step()
            self._futile = 0
        else:
            self.skipped += 1
            self._futile += 1
        self._optimizer.zero_grad(set_to_none=True)
        self.done += 1
        self.learned += step.learned
        self.losses.append(step.loss / step.learned)

    def _rows(self, step: int) -> np.ndarray[Any, np.dtype[np.intp]]:
        return rows_of(step, len(self.targets), self.batch, self.seed)

    # -- on disk -----------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write weights, optimizer and rule in one step, so that :meth:`restore` can continue from here.

        Raises:
            StoreError: there is no room or no permission.
        """
        tensors = {f"weights/{name}": value for name, value in self.supernet.whole.state_dict().items()}
        for row, entry in self._optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{row}/{name}": value for name, value in entry.items() if isinstance(value, Tensor)}
        tensors |= {f"rule/{name}": value for name, value in self._rule.tensors().items()}
        about = {
            "plan": self._plan(),
            "rule": self._rule.state(),
            **{name: getattr(self, name) for name in ("done", "skipped", "learned", "losses", "seconds")},
        }
        content = sealed(tensors, {"about": json.dumps(about)})
        with whole(Path(rules.path("the checkpoint", path)), "choose another file for the checkpoint.") as fresh:
            fresh.write_bytes(content)

    def restore(self, path: str | os.PathLike[str]) -> None:
        """Continue from a checkpoint of :meth:`save`.

        Raises:
            InvalidInputError: the file is not a checkpoint, is damaged, or belongs to another supernet or plan.
        """
        try:
            tensors, texts = opened(Path(rules.path("the checkpoint", path)).read_bytes(), strict=True)
            about = json.loads(texts["about"])
            plan = about["plan"]
        except (OSError, KeyError, TypeError, ValueError, DataCorruptError) as error:
            said = str(error) if isinstance(error, DataCorruptError) else first_line(error)
            reason = (getattr(error, "strerror", None) or said).rstrip(".")
            raise InvalidInputError(
                f"{path} is not a checkpoint of a supernet's training ({reason}): choose another file, or start a new "
                "training."
            ) from None
        different = [name for name, value in self._plan().items() if plan.get(name) != value]
        if different:
            raise InvalidInputError(
                f"{path} is of another training ({', '.join(different)} differ): choose another file, or use the same "
                "settings."
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
        device = next(self.supernet.parameters()).device
        self._rule.restore(about["rule"], {name: value.to(device) for name, value in kept.items()})
        for name in ("done", "skipped", "learned", "losses", "seconds"):
            setattr(self, name, about[name])

    def _plan(self) -> dict[str, Any]:
        """Return the settings that must be equal to resume a training."""
        state = self.supernet.whole.state_dict()
        shapes = {name: [*value.shape, str(value.dtype)] for name, value in state.items() if isinstance(value, Tensor)}
        names = ("steps", "batch", "rate", "momentum", "decay", "smoothing", "clip", "optimizer", "seed")
        return {
            "space": self.supernet.space.name,
            "weights": shapes,
            "rule": getattr(self._rule, "label_", type(self._rule).__name__),
            "augment": _called(self.augment),
            "samples": f"{len(self.targets)}, {digest(self.inputs)}, {digest(self.targets)}",
            **{name: getattr(self, name) for name in names},
        }


def _called(augment: Augment | None) -> str | None:
    """Return name and code digest of a user's function."""
    if augment is None:
        return None
    name = getattr(augment, "__qualname__", type(augment).__qualname__)
    return f"{name} {called_digest(augment)}".strip()
