"""Fine-tuning of an extracted subnet."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zcbench import _arguments as rules
from zcbench._foreign import Foreign
from zcbench.errors import InvalidInputError
from zcbench.probe.calling import invoke
from zcbench.supernets._samples import (
    IGNORED,
    arguments,
    check_classes,
    checked_both,
    checked_inputs,
    checked_pair,
    count,
    flat,
    logits_of,
    placed,
    taken,
)
from zcbench.supernets._steps import Augment, augmented, check_settings, optimizer_of, rate_at, rows_of
from zcbench.supernets.calibration import batch_norms, calibrate
from zcbench.supernets.evaluation import NotFiniteError, measured
from zcbench.types import Batch, Inputs, Supernet

#: largest norm of gradients
_CLIP = 5.0
#: samples of a calibration batch, and default number of batches
_SAMPLES, _BATCHES = 250, 8


@dataclass(frozen=True)
class FineTuned:
    """The result of :func:`fine_tune`.

    Attributes:
        network: the best network, in evaluation mode; a copy with separate weights.
        before: accuracy and nll of the given network on ``valid``; empty without it.
        after: those of :attr:`network`.
        step: number of steps after which it was the best; 0 for the given network.
        skipped: number of steps whose loss or gradient was not finite; they changed nothing.
        losses: loss of each step; nan if it was skipped.
    """

    network: nn.Module
    before: dict[str, float]
    after: dict[str, float]
    step: int
    skipped: int
    losses: list[float] = field(repr=False)


def fine_tune(
    network: nn.Module,
    inputs: Inputs,
    targets: Tensor,
    *,
    steps: int = 200,
    rate: float = 0.03,
    batch: int = 64,
    momentum: float = 0.9,
    decay: float = 1e-4,
    teacher: nn.Module | Callable[..., Any] | None = None,
    share: float = 0.5,
    augment: Augment | None = None,
    optimizer: str = "sgd",
    seed: int = 0,
    valid: tuple[Inputs, Tensor] | None = None,
    every: int | None = None,
    calibration: Sequence[Inputs] | None = None,
) -> FineTuned:
    """Train a copy of a network, and return the best on ``valid`` of its intermediate states.

    The optimizer is SGD or AdamW as in :class:`zcbench.supernets.Training`. Batch norms learn and update statistics as
    in any training. With ``valid`` the result is never worse there than the given network, which is returned if no
    state has a higher accuracy, or the same accuracy and a lower nll. The same arguments give the same network; global
    random generators are not changed.

    Args:
        network: from inputs to logits ``(batch, …, classes)``; neither it nor its supernet is changed.
        inputs: inputs of the training set: a tensor ``(n, …)``, a tuple of positional or a mapping of keyword
            arguments.
        targets: classes ``(n,)``, or ``(n, length)`` for a class at each position; -100 for no class.
        steps: number of steps.
        rate: highest learning rate.
        batch: samples of a step.
        momentum: momentum of SGD; the first beta of AdamW.
        decay: weight decay of parameters with two axes or more.
        teacher: returns logits for a step's inputs, whose probabilities the network learns (G. Hinton et al.,
            "Distilling the Knowledge in a Neural Network", 2015, arXiv:1503.02531, section 2, at temperature 1).
        share: share of the teacher in the loss; the targets have the rest.
        augment: changes the inputs of a step, with the step's random numbers.
        optimizer: "sgd", or "adamw", whose rates are smaller.
        seed: determines batches, augmentation and dropout.
        valid: inputs and targets for choosing the best state; do not report results on them. Without them the network
            after the last step is returned, unless its weights are not finite.
        every: steps between two evaluations on ``valid``; by default a tenth of the steps.
        calibration: batches of inputs, as for :func:`zcbench.supernets.calibrate`; by default up to 2,000 training
            inputs without augmentation. With none, ``()``, batch norms keep the statistics of the training.

    Raises:
        InvalidInputError: inputs and targets do not fit together, a number is out of range, or nothing can be trained.
    """
    inputs, targets = _check(network, inputs, targets, batch)
    if valid is not None:
        valid = checked_both("validation data", valid)
    steps = rules.whole("steps", steps, 1)
    seed = rules.seed("the seed", seed)
    every = max(1, steps // 10) if every is None else rules.whole("every", every, 1)
    given = copy.deepcopy(network).eval()
    state = _State(copy.deepcopy(network), _taught(teacher), rules.number("share", share, 0, 1))
    check_settings(rate, momentum, decay)
    like = next(state.network.parameters())
    trained = [p for p in state.network.parameters() if p.requires_grad]
    descent = optimizer_of(optimizer, trained, rate, momentum, decay)
    batches = _batches(inputs, like) if calibration is None else _checked(calibration, like)
    best = _Best(given, valid, batches if batch_norms(given) else ())
    for done in range(steps):
        rng = np.random.default_rng([seed, 2, done])
        rows = torch.as_tensor(rows_of(done, len(targets), batch, seed))
        part = placed(augmented(augment, taken(inputs, rows), rng), like)
        classes = targets[rows.to(targets.device)].to(like.device)
        for group in descent.param_groups:
            group["lr"] = rate * rate_at(done, steps)
        with torch.enable_grad(), torch.random.fork_rng(devices=[like.device] if like.is_cuda else []):
            torch.manual_seed(int(rng.integers(2**62)))  # dropout
            state.step(descent, part, classes)
        if ((done + 1) % every == 0 or done + 1 == steps) and state.skipped <= done:  # at least one step was taken
            best.look(state.network, done + 1)
    return FineTuned(best.network, best.before, best.values, best.step, state.skipped, state.losses)


class _State:
    """The state of the training."""

    def __init__(self, network: nn.Module, teacher: Callable[..., Any] | None, share: float) -> None:
        self.network, self.teacher = network, teacher
        self.share = share if teacher is not None else 0.0
        self.skipped = 0
        self.losses: list[float] = []

    def step(self, optimizer: torch.optim.Optimizer, inputs: Inputs, targets: Tensor) -> None:
        """Take one step, or none if a number is not finite."""
        self.network.train()
        buffers = [(one, one.clone()) for one in self.network.buffers()]
        loss = self._loss(inputs, targets)
        finite = bool(torch.isfinite(loss.detach()))
        if finite:
            loss.backward()  # type: ignore[no-untyped-call]
            norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), _CLIP)
            finite = bool(torch.isfinite(norm))
        if finite:
            optimizer.step()
        else:  # the batch has changed statistics, too
            self.skipped += 1
            with torch.no_grad():
                for one, before in buffers:
                    one.copy_(before)
        self.losses.append(float(loss.detach()) if finite else math.nan)
        optimizer.zero_grad(set_to_none=True)

    def _loss(self, inputs: Inputs, targets: Tensor) -> Tensor:
        logits, targets = flat(logits_of(invoke(self.network, inputs)), targets)
        loss = logits.new_zeros(())
        if self.share < 1:
            loss = (1 - self.share) * F.cross_entropy(logits, targets, ignore_index=IGNORED)
        if self.teacher is not None and self.share > 0:
            with torch.no_grad():
                positional, named = arguments(inputs)
                taught = logits_of(self.teacher(*positional, **named)).flatten(0, -2)
            if taught.shape != logits.shape:
                raise InvalidInputError(
                    f"the teacher returns {tuple(taught.shape)} and the network {tuple(logits.shape)}: give a teacher "
                    "with the same classes."
                )
            counted = targets != IGNORED
            loss = loss + self.share * F.cross_entropy(logits[counted], taught[counted].softmax(-1))
        return loss


class _Best:
    """The best network so far."""

    def __init__(self, network: nn.Module, valid: tuple[Inputs, Tensor] | None, calibration: Sequence[Inputs]) -> None:
        self.network, self.valid, self.step, self.calibration = network, valid, 0, calibration
        self.before = self.values = {} if valid is None else _measured(network, valid)

    def look(self, network: nn.Module, step: int) -> None:
        """Keep a copy of a network if it is better."""
        if any(not bool(one.isfinite().all()) for one in network.parameters()):
            return
        copied = copy.deepcopy(network).eval()
        if self.calibration:
            try:
                calibrate(copied, self.calibration)
            except InvalidInputError:  # the statistics are not finite
                return
        values = self.values
        if self.valid is not None:
            values = _measured(copied, self.valid)
            if not (math.isfinite(values["nll"]) and _rank(values) > _rank(self.values)):
                return
        self.network, self.values, self.step = copied, values, step


def _batches(inputs: Inputs, like: Tensor) -> list[Inputs]:
    """Return training inputs for calibration, without samples that are not finite and without a batch of one sample."""
    finite = torch.ones(count(inputs), dtype=torch.bool)
    for one in Batch(inputs).tensors():
        if one.ndim and one.is_floating_point():
            finite &= one.flatten(1).isfinite().all(1).cpu() if one.ndim > 1 else one.isfinite().cpu()
    rows = finite.nonzero()[: _SAMPLES * _BATCHES, 0]
    return [placed(taken(inputs, part), like) for part in torch.split(rows, _SAMPLES) if len(part) > 1]


def _checked(calibration: Sequence[Inputs], like: Tensor) -> list[Inputs]:
    found = [placed(checked_inputs("inputs for calibration", one), like) for one in calibration]
    tensors = [one for part in found for one in Batch(part).tensors()]
    if any(count(part) < 2 for part in found) or not all(bool(one.isfinite().all()) for one in tensors):
        raise InvalidInputError("calibration must be a list of batches of finite inputs, each of two samples or more.")
    return found


def _rank(values: dict[str, float]) -> tuple[bool, float, float]:
    """Return a sort key, higher is better; a network whose nll is not finite ranks below all others."""
    finite = math.isfinite(values["nll"])
    return finite, values["accuracy"] if finite else 0.0, -values["nll"] if finite else 0.0


def _measured(network: nn.Module, valid: tuple[Inputs, Tensor]) -> dict[str, float]:
    """Return accuracy and nll, which are nan if outputs are not finite."""
    try:
        return measured(network, *valid)
    except NotFiniteError:
        return {"accuracy": math.nan, "nll": math.nan}


def _taught(teacher: Any) -> Callable[..., Any] | None:
    """Return the teacher as a function; a network is copied in evaluation mode, so that it is not changed."""
    if teacher is None:
        return None
    if isinstance(teacher, Supernet):
        raise InvalidInputError("the teacher is a supernet: give one of its networks,  supernet.subnet(largest).")
    if isinstance(teacher, nn.Module):
        return copy.deepcopy(teacher).eval()
    if not callable(teacher):
        raise InvalidInputError(f"teacher {rules.shown(teacher)}: give a network, or a function from inputs to logits.")
    return teacher  # type: ignore[no-any-return]


def _check(network: nn.Module, inputs: Any, targets: Any, batch: int) -> tuple[Inputs, Tensor]:
    if isinstance(network, Supernet):
        raise InvalidInputError("this is a supernet: give one of its networks,  supernet.subnet(architecture).")
    if not isinstance(network, nn.Module):
        raise InvalidInputError(f"the network is {rules.shown(network)}: give a torch.nn.Module.")
    inputs, targets = checked_pair("training data", inputs, targets)
    rules.whole("batch", batch, 1)
    if not any(one.requires_grad for one in network.parameters()):
        raise InvalidInputError(
            "no parameter of the network can be trained: call  network.requires_grad_(True)  first."
        )
    if batch_norms(network) and min(batch, len(targets)) < 2:
        raise InvalidInputError("a batch of one sample has no statistics for batch norm: give batches of two or more.")
    with Foreign() as call, torch.no_grad():
        copied = copy.deepcopy(network).eval()
        part = placed(taken(inputs, slice(2)), next(copied.parameters()))
        output = invoke(copied, part)
    if call.kind is not None:
        raise InvalidInputError(f"the network cannot compute the inputs: {call.said}")
    logits, _ = flat(logits_of(output), targets[:2])
    check_classes(targets, logits.shape[1])
    return inputs, targets
