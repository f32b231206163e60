"""Measurements of a ranking of subnets, saved line by line: inherited losses, scores of proxies, predictions.

The name of each file depends on everything that its numbers depend on, except the folder's plan: more rules, seeds,
subnets, proxies or predictors add lines and change none.
"""

from __future__ import annotations

import functools
import hashlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from torch import Tensor, nn

from zcbench import devices
from zcbench._code import code_digest
from zcbench._foreign import Foreign
from zcbench.predictors import get_predictor, predictor_info
from zcbench.proxies import get_proxy, score_architecture
from zcbench.scorers.inherited import subnets_of, weights_digest
from zcbench.supernets._budget import steps_for
from zcbench.supernets._register import training_rule_info
from zcbench.supernets._samples import taken
from zcbench.supernets._steps import Augment
from zcbench.supernets._story_folder import StoryFolder
from zcbench.supernets.evaluation import measured
from zcbench.supernets.sharing import WeightSharing
from zcbench.supernets.training import Training
from zcbench.types import Architecture, Batch, Inputs, SearchSpace, Status, Supernet

#: the clock of all times: CPU seconds of all threads, so that other programs do not count
_clock = time.process_time
#: called with a step's name, the number of items done, their total, and their kind
Progress = Callable[[str, int, int, str], object]
#: lines of a file by key
Lines = dict[str, dict[str, Any]]
#: seconds between two checkpoints
_SAVED = 5.0
#: targets of predictors, and whether high is good
TARGETS = {"loss": False, "accuracy": True}


@dataclass(frozen=True)
class Task:
    """The common part of all measurements.

    Attributes:
        space: the subnets' space.
        subnets: architectures to rank, in a fixed order.
        train: inputs and classes for trainings and proxies.
        valid: inputs and classes for inherited losses.
        augment: augmentation in trainings.
        optimizer: optimizer of trainings.
        rate: highest learning rate of trainings.
        batch: samples of a training's step.
        images: number of training samples for proxies.
        build: from an architecture to a network with new weights.
        tell: called with the progress.
    """

    space: SearchSpace
    subnets: tuple[Architecture, ...]
    train: tuple[Inputs, Tensor]
    valid: tuple[Inputs, Tensor]
    augment: Augment | None
    optimizer: str
    rate: float
    batch: int
    images: int
    build: Callable[[Architecture], nn.Module]
    tell: Progress

    @property
    def keys(self) -> list[str]:
        """The subnets' strings."""
        return [one.key for one in self.subnets]


class Weights(Protocol):
    """Supernets by seed.

    Attributes:
        label: their label in rows of the table.
    """

    label: str

    def stem(self, seed: int) -> str:
        """Return the beginning of names of files that depend on the supernet."""
        ...

    def supernet(self, seed: int) -> Supernet:
        """Return the trained supernet."""
        ...

    def seconds(self, seed: int) -> float:
        """Return the seconds of its training; nan if unknown."""
        ...

    def release(self) -> None:
        """Remove supernets that can be made again from memory."""
        ...


@dataclass
class Trained:
    """Supernets that a rule trains.

    Attributes:
        label: the rule with settings.
        subnet_steps: total budget, in which each subnet that learns from a batch counts as one.
        make: from a seed to an untrained supernet.
        task: the common part.
        kept: the folder.
        first_seed: seed of the supernet with which subnet-steps are counted.
    """

    label: str
    subnet_steps: int
    make: Callable[[int], WeightSharing]
    task: Task
    kept: StoryFolder
    first_seed: int = 0
    _last: tuple[int, WeightSharing] | None = None

    def stem(self, seed: int) -> str:
        """Return the name for rule, budget and seed."""
        info = training_rule_info(self.label.partition(":")[0])
        return stem_of(f"{self.label}-s{seed}", info.version, info.code, self.subnet_steps)

    def supernet(self, seed: int) -> WeightSharing:
        """Return the fully trained supernet, resumed from a checkpoint if possible; the last one stays in memory."""
        if self._last is None or self._last[0] != seed:
            self._last = None
            self._last = seed, self._trained(seed)
        return self._last[1]

    def seconds(self, seed: int) -> float:
        """Return the seconds of the training's steps."""
        if self._of(seed) not in self.kept.results:
            self.supernet(seed)
        return float(self.kept.results[self._of(seed)]["seconds"])

    def release(self) -> None:
        """Remove the last supernet from memory; a checkpoint contains it."""
        self._last = None

    def _of(self, seed: int) -> str:
        return f"train {self.stem(seed)}"

    def _steps(self) -> int:
        name = f"steps {stem_of(self.label, self.stem(0))}"
        if name not in self.kept.results:
            self.task.tell(f"count steps of {self.label}", 0, 1, "trials")
            steps = steps_for(self.make(self.first_seed), *self.task.train, self.label, self.subnet_steps)
            self.kept.keep(name, {"steps": steps})
        return int(self.kept.results[name]["steps"])

    def _trained(self, seed: int) -> WeightSharing:
        task, path = self.task, self.kept.path / f"supernet-{self.stem(seed)}.safetensors"
        spent = f"spent {self.stem(seed)}"
        steps, net = self._steps(), self.make(seed).to(devices.here())
        training = Training(
            net, *task.train, self.label, steps=steps, batch=task.batch, rate=task.rate, augment=task.augment,
            optimizer=task.optimizer, seed=seed,
        )  # fmt: skip
        if path.exists():
            training.restore(path)
        before = float(self.kept.results.get(spent, {"seconds": 0.0})["seconds"])
        saved, began = time.monotonic(), _clock()
        for done in training.run():
            if time.monotonic() - saved > _SAVED or done == steps:
                training.save(path)
                self.kept.keep(spent, {"seconds": before + _clock() - began})
                saved = time.monotonic()
            task.tell(f"train by {self.label}, seed {seed}", done, steps, "steps")
        if self._of(seed) not in self.kept.results:
            facts = {name: getattr(training, name) for name in ("learned", "steps", "skipped")}
            self.kept.keep(self._of(seed), {"seconds": self.kept.results[spent]["seconds"], **facts})
        return net


@dataclass
class Given:
    """Supernets that were trained elsewhere, in the order of seeds.

    Attributes:
        supernets: one for each seed.
        spent: seconds of one training; nan if unknown.
        label: their label in rows of the table.
    """

    supernets: Sequence[Supernet]
    spent: float
    label: str = "given"
    _digests: dict[int, str] = field(default_factory=dict)

    def stem(self, seed: int) -> str:
        """Return a name with a digest of the weights."""
        if seed not in self._digests:
            self._digests[seed] = weights_digest(self.supernets[seed])
        return stem_of(f"{self.label}-{seed}", self._digests[seed])

    def supernet(self, seed: int) -> Supernet:
        """Return the given supernet."""
        return self.supernets[seed]

    def seconds(self, seed: int) -> float:
        """Return the given seconds."""
        return self.spent

    def release(self) -> None:
        """Do nothing, because the user owns the supernets."""


def stem_of(words: str, *depends: object) -> str:
    """Return a name for files: words, and a digest of these and of everything else that they depend on."""
    digest = hashlib.sha256(repr((words, *map(str, depends))).encode()).hexdigest()[:8]
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in words)[:60] + f"-{digest}"


class Measures:
    """Reads saved measurements and makes the missing ones.

    Args:
        task: the task.
        kept: the folder.
    """

    def __init__(self, task: Task, kept: StoryFolder) -> None:
        self.task, self.kept = task, kept
        inputs, targets = task.train
        first = slice(task.images)
        self.batch = Batch(taken(inputs, first), targets[first], f"{task.images} of the training set")

    def losses(self, weights: Weights, seed: int) -> Lines:
        """Return loss and accuracy of every subnet on held-out data, with inherited weights, and seconds."""
        task = self.task

        def line(key: str) -> dict[str, Any]:
            net = weights.supernet(seed)
            found: Mapping[str, float] = {}
            began = _clock()
            with Foreign() as call:
                found = measured(net.subnet(task.space.parse(key)), *task.valid)
            seconds = _clock() - began
            if call.kind is not None:
                return {"status": Status.FAILED, "detail": call.said, "seconds": seconds}
            if not all(map(math.isfinite, found.values())):
                return {"status": Status.NON_FINITE, "detail": "its loss is not finite.", "seconds": seconds}
            values = {"loss": found["nll"], "accuracy": found["accuracy"]}
            return {"status": Status.OK, **values, "seconds": seconds}

        tell = self._teller(f"evaluate {weights.label}, seed {seed}", len(task.keys), "subnets")
        return self.kept.lines(f"losses-{weights.stem(seed)}.jsonl", task.keys, line, tell)

    def scores(self, proxies: Sequence[str], count: int, weights: Weights | None, seed: int) -> Lines:
        """Return scores of proxies by label for every subnet, with inherited weights or, for None, with new ones.

        Args:
            proxies: labels.
            count: number of subnets, the first ones.
            weights: the supernets.
            seed: seed of the supernet, or of new weights.
        """
        named = {proxy_id(label): label for label in proxies}
        keys = self.task.keys[:count]

        def line(key: str, missing: list[str]) -> dict[str, Any]:
            return self._scored(key, [named[one] for one in missing], weights, seed)

        where = "fresh weights" if weights is None else weights.label
        tell = self._teller(f"score {where}, seed {seed}", len(keys), "subnets")
        file = f"scores-fresh-s{seed}.jsonl" if weights is None else f"scores-{weights.stem(seed)}.jsonl"
        found = self.kept.parts(file, keys, list(named), line, tell)
        return {key: {label: line[one] for one, label in named.items()} for key, line in found.items()}

    def _scored(self, key: str, labels: list[str], weights: Weights | None, seed: int) -> dict[str, Any]:
        """Score one network with all of these proxies, which share its passes; each is charged its cost alone."""
        space: Any = _Builds(self.task.build) if weights is None else subnets_of(weights.supernet(seed))
        began, wall, built = _clock(), time.perf_counter(), 0.0

        def begin(part: str) -> None:
            nonlocal built
            if part and not built:
                built = time.perf_counter() - wall

        scored = list(
            score_architecture(
                lambda: space, self.task.space.parse(key), labels, self.batch, seed=seed,
                training_data=Batch(*self.task.train), begin=begin,
            )
        )  # fmt: skip
        share = (_clock() - began) / (time.perf_counter() - wall)  # scores are timed by the wall clock
        found: dict[str, Any] = {}
        for label, score in scored:
            seconds = share * ((score.seconds if math.isfinite(score.seconds) else 0.0) + built)
            found[proxy_id(label)] = {"value": score.value, "status": score.status, "seconds": seconds}
            if score.value is None:
                found[proxy_id(label)]["detail"] = score.detail
        return found

    def predictions(
        self, predictors: Sequence[str], sizes: Sequence[int], draws: int, weights: Weights, seed: int
    ) -> Lines:
        """Return predictions for the subnets that were not used in the fit, by "predictor|target|size|draw".

        Args:
            predictors: labels.
            sizes: numbers of subnets in the fit.
            draws: number of draws of these subnets; a larger size includes the subnets of a smaller one.
            weights: supernets whose inherited losses and accuracies are the targets.
            seed: seed of the supernet.
        """
        losses = self.losses(weights, seed)
        usable = [key for key in self.task.keys if losses[key]["status"] == Status.OK]
        fits = {
            f"{label}|{target}|{size}|{draw}": (label, target, size, draw)
            for label in predictors
            for target in TARGETS
            for size in sizes
            for draw in range(draws)
        }
        digest = hashlib.sha256(" ".join(usable).encode()).hexdigest()
        ids = [predictor_id(label) for label in predictors]
        which = dict(zip(predictors, ids, strict=True))
        named = {f"{which[fit[0]]}|{'|'.join(map(str, fit[1:]))}": fit for fit in fits.values()}

        def line(key: str) -> dict[str, Any]:
            label, target, size, draw = named[key]
            order = np.random.default_rng([4, draw]).permutation(len(usable))
            return self._predicted(label, target, [usable[k] for k in order], size, losses)

        tell = self._teller(f"predict from {weights.label}, seed {seed}", len(named), "fits")
        file = f"predictions-{stem_of(weights.stem(seed), digest)}.jsonl"
        found = self.kept.lines(file, named, line, tell)
        return {name: found[key] for name, key in zip(fits, named, strict=True)}

    def _predicted(self, label: str, target: str, order: list[str], size: int, losses: Lines) -> dict[str, Any]:
        space, sign = self.task.space, 1 if TARGETS[target] else -1
        known, others = ([space.parse(key) for key in part] for part in (order[:size], order[size:]))
        values: list[float] = []
        fitted = began = _clock()
        with Foreign(tidy=True) as call:
            made = get_predictor(label).with_encodings(lambda encoding: encoding, space)
            made.fit(known, [sign * losses[key][target] for key in order[:size]])
            fitted = _clock()
            values = made.predict(others).tolist()
        ended = _clock()
        spent = {"fit_seconds": fitted - began, "predict_seconds": ended - fitted}
        if call.kind is not None:
            return {"status": Status.FAILED, "detail": call.said, **spent}
        if not np.isfinite(values).all():
            return {"status": Status.NON_FINITE, "detail": "a prediction is not finite.", **spent}
        return {"status": Status.OK, "predicted": dict(zip(order[size:], values, strict=True)), **spent}

    def _teller(self, step: str, total: int, what: str) -> Callable[[int], None]:
        return functools.partial(_tell, self.task.tell, step, total, what)


def _tell(progress: Progress, step: str, total: int, what: str, done: int) -> None:
    progress(step, done, total, what)


class _Builds:
    """Builds new networks in place of a search space, with as many outputs as the supernet's."""

    def __init__(self, build: Callable[[Architecture], nn.Module]) -> None:
        self._build = build

    def build(self, architecture: Architecture, *, num_classes: int = 10) -> nn.Module:
        """Return the network, newly initialised."""
        return self._build(architecture)


def proxy_id(label: str) -> str:
    """Return label, version and digest of user-defined code of a proxy."""
    info = get_proxy(label)
    return info.identifier + (f"#{info.code}" if info.code else "")


def predictor_id(label: str) -> str:
    """Return label, version and digest of user-defined code of a predictor."""
    code = get_predictor(label).code
    return f"{label}@{predictor_info(label.partition(':')[0]).version}" + (f"#{code}" if code else "")


def code_of(*things: object) -> str:
    """Return digests of user-defined code; "" if there is none."""
    return " ".join(code_digest(one) for one in things if one is not None).strip()
