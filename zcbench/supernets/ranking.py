"""The ranking report: which scorer ranks a supernet's subnets best, and at what cost?

Subnets with known stand-alone results are ranked by inherited losses of several training rules, by proxies on new and
on inherited weights, and by predictors that are fitted to a few inherited losses.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from zcbench import _arguments as rules
from zcbench import devices
from zcbench.datasets import Benchmark, get_benchmark
from zcbench.errors import InvalidInputError
from zcbench.predictors import resolve_predictors
from zcbench.proxies import resolve
from zcbench.supernets._ranking_columns import Columns
from zcbench.supernets._ranking_measures import (
    Given,
    Measures,
    Progress,
    Task,
    Trained,
    Weights,
    code_of,
    stem_of,
)
from zcbench.supernets._ranking_report import SubnetRanking
from zcbench.supernets._ranking_run import BASELINES, Asked, judged, measured_columns
from zcbench.supernets._ranking_truth import Truth
from zcbench.supernets._register import resolve_training_rules
from zcbench.supernets._samples import checked_pair, digest
from zcbench.supernets._steps import OPTIMIZERS, Augment
from zcbench.supernets._story_folder import StoryFolder
from zcbench.supernets.digits import digits_parts, digits_supernet, shifted
from zcbench.supernets.sharing import WeightSharing
from zcbench.types import Inputs, Supernet

#: default training rules
RULES = ("single_path:subnets=4", "sandwich", "delayed", "progressive:subnets=4")
#: predictors that are fast with a few dozen networks
PREDICTORS = ("gp", "bayesian_ridge", "random_forest", "lightgbm")
#: version of a folder's content; raised whenever a run could not resume from it
_VERSION = 1
Makes = Callable[[int], WeightSharing]


@devices.on_device
def rank_subnets(
    folder: str | os.PathLike[str],
    supernet: Makes | Supernet | Sequence[Supernet],
    truth: Benchmark | str | Mapping[Any, Sequence[float]],
    *,
    train: tuple[Inputs, Tensor],
    valid: tuple[Inputs, Tensor],
    training_rules: str | Iterable[str] = RULES,
    subnet_steps: int = 1_200,
    seeds: int = 4,
    subnets: int | None = None,
    proxies: str | Iterable[str] = "all",
    few: str | Iterable[str] = (),
    few_subnets: int = 40,
    predictors: str | Iterable[str] = PREDICTORS,
    sizes: Iterable[int] = (20, 50, 100),
    draws: int = 5,
    weights: str | Iterable[str] = (),
    weight_seeds: int = 2,
    target: str | None = None,
    higher_is_better: bool = False,
    train_seconds: float | None = None,
    supernet_seconds: float | None = None,
    augment: Augment | None = None,
    optimizer: str = "sgd",
    rate: float = 0.1,
    batch: int = 64,
    images: int = 64,
    seed: int = 0,
    quick: bool = False,
    progress: Progress | None = None,
    device: str | None = None,
) -> SubnetRanking:
    """Rank subnets by all kinds of scorers, and compare the rankings with stand-alone trainings.

    The same call resumes an interrupted run, and gives the same numbers, except for times. More rules, seeds, subnets,
    proxies, predictors or draws in the same folder add their measurements, and nothing is measured twice.

    Each rule gets the same number of subnet-steps. The weights of the supernets of seed ``s``, and its batches, depend
    only on ``s``. Scores with inherited weights are those of the scorer ``inherited(proxy)``.

    Args:
        folder: folder for checkpoints and all measurements; it is created.
        supernet: a function from a seed to an untrained supernet, which the rules train; or trained supernets, one for
            each seed, or a single one.
        truth: stand-alone results of each subnet: a benchmark of the supernet's space or its name, or a mapping from
            architectures, or their strings, to values by seed.
        train: inputs (a tensor, or a tuple or mapping of tensors) and classes of the training set. Proxies use the
            first ``images`` of them.
        valid: held-out inputs and classes, for inherited losses and accuracies.
        training_rules: names, with settings; not used with trained supernets.
        subnet_steps: budget of each training, in which each subnet that learns from a batch counts as one.
        seeds: number of supernets of each rule.
        subnets: number of subnets, drawn at random from a benchmark, or the first of a mapping; None for all.
        proxies: names and patterns, "all" or "standard"; params and flops are always included.
        few: proxies among these that are too slow for all subnets, and are measured on some of them.
        few_subnets: number of subnets for these.
        predictors: names and patterns; none with ``()``.
        sizes: numbers of subnets to which predictors are fitted; sizes that leave fewer than ten others are skipped.
        draws: number of draws of these subnets.
        weights: rules whose supernets proxies and predictors use; default the first.
        weight_seeds: number of supernets of each, and of draws of new weights.
        target: column of the benchmark; default its own choice. For a mapping, the name of its values.
        higher_is_better: direction of a mapping's values.
        train_seconds: seconds of one stand-alone training of one subnet; default the benchmark's.
        supernet_seconds: seconds of the training of one of the given supernets.
        augment: changes the inputs of a training's step.
        optimizer: optimizer of trainings, "sgd" or "adamw".
        rate: highest learning rate.
        batch: samples of a step.
        images: number of training samples for proxies.
        seed: seed of the first supernet; the others have the following seeds.
        quick: whether the report says that this is a quick form.
        progress: called with a step's name, the number of items done, their total, and their kind.
        device: device on which supernets made by ``supernet`` are trained, and proxies computed; see
            :mod:`zcbench.devices`.

    Returns:
        A row for each scorer: tau and rho with intervals, tau in the better half, the difference to the number of
        parameters, seconds, and how many subnets had no score and why.

    Raises:
        InvalidInputError: an argument is out of range, fewer than four subnets have results, an architecture is given
            twice, or the folder contains a run with other settings.
        InvalidArchitectureError: an architecture does not belong to the supernet's space.
        UnknownNameError: there is no such training rule, proxy, predictor or column.
        StoreError: the folder cannot be written, or another process is using it.
        DataCorruptError: a file in it is damaged.
    """
    del device  # the decorator uses it
    given = _given(supernet, supernet_seconds, seed)
    make: Any = None if given is not None else supernet
    first: Any = given.supernets[0] if given is not None else make(rules.seed("the seed", seed))
    labels = [given.label] if given is not None else resolve_training_rules(training_rules)
    known = Truth.of(first.space, truth, subnets, target, higher_is_better, train_seconds)
    train, valid = _pair("training samples", train), _pair("validation samples", valid)
    task = Task(
        space=first.space,
        subnets=known.architectures,
        train=train,
        valid=valid,
        augment=augment,
        optimizer=OPTIMIZERS("the optimizer", optimizer),
        rate=rules.number("rate", rate, 0),
        batch=rules.whole("batch", batch, 1),
        images=min(rules.whole("images", images, 1), len(train[1])),
        build=getattr(first, "build", None) or first.space.build,
        tell=progress or (lambda *_: None),
    )
    count = len(given.supernets) if given is not None else rules.whole("seeds", seeds, 1, 1_000)
    asked = Asked(
        proxies=_proxies(proxies),
        few=tuple(info.label for info in resolve(few)) if rules.all_text("few", few) else (),
        few_subnets=rules.whole("few subnets", few_subnets, 4),
        predictors=tuple(resolve_predictors(predictors)) if rules.all_text("predictors", predictors) else (),
        sizes=tuple(rules.whole("size", one, 2) for one in sizes),
        draws=rules.whole("draws", draws, 1, 1_000),
        weights=_chosen(labels, rules.all_text("weights", weights)),
        weight_seeds=min(count, rules.whole("weight seeds", weight_seeds, 1)),
        seeds=count,
        first_seed=seed,
    )
    steps = rules.whole("subnet-steps", subnet_steps, 1)
    plan = _plan(task, first, make)
    with StoryFolder.held(Path(rules.path("the folder", folder)), plan) as kept:
        sources: list[Weights] = [Trained(label, steps, make, task, kept, seed) for label in labels]
        sources = sources if given is None else [given]
        columns = measured_columns(Measures(task, kept), Columns(task.keys, known.values), known, asked, sources)
        facts = {name: one for name, one in kept.results.items() if name.startswith("train ")}
    settings = {**plan, "subnet_steps": steps, **asked._asdict(), "rules": labels, "quick": quick, "trainings": facts}
    return judged(os.fspath(folder), known, columns, settings, sources[0])


@devices.on_device
def digits_ranking(
    folder: str | os.PathLike[str], space: str = "elastic-mobilenet", *, quick: bool = False, **settings: Any
) -> SubnetRanking:
    """Call :func:`rank_subnets` for an embedded benchmark of an elastic space, on the digits.

    Args:
        folder: see :func:`rank_subnets`.
        space: name of a benchmark whose space has ``largest`` and ``smallest``, trained on the digits.
        quick: much less of everything, to see that it works.
        **settings: see :func:`rank_subnets`; by default 150 subnets, and AdamW at .02 for transformers.

    Raises:
        InvalidInputError: the space is not elastic; see also :func:`rank_subnets`.
        UnknownNameError: there is no such benchmark.
        MissingDependencyError: scikit-learn is not installed.
    """
    table = get_benchmark(space)
    digits_supernet(0, space)  # refuses a space that is not elastic
    usual: dict[str, Any] = {"subnets": 150}
    if "transformer" in table.space.domains:
        usual |= {"optimizer": "adamw", "rate": 0.02}  # chosen by inherited losses of seed 1000, from .004, .01 and .02
    if rules.flag("quick", quick):
        usual |= {
            "subnets": 24, "subnet_steps": 40, "seeds": 2, "proxies": ("naswot", "logsynflow", "grad_norm"),
            "predictors": ("bayesian_ridge",), "sizes": (8,), "draws": 2, "images": 16, "weight_seeds": 1,
        }  # fmt: skip
    parts = digits_parts()
    return rank_subnets(
        folder,
        _DigitsSupernets(space),
        table,
        train=parts["train"],
        valid=parts["valid"],
        augment=shifted,
        quick=quick,
        **{**usual, **{name: value for name, value in settings.items() if value is not None}},
    )


class _DigitsSupernets:
    """A function from a seed to an untrained supernet."""

    def __init__(self, space: str) -> None:
        self.space = space

    def __call__(self, seed: int) -> WeightSharing:
        return digits_supernet(seed, self.space)


def _given(supernet: Any, seconds: float | None, seed: int) -> Given | None:
    """Return trained supernets; None for a function that makes them."""
    if isinstance(supernet, Supernet):
        supernet = [supernet]
    if isinstance(supernet, Sequence) and not isinstance(supernet, str):
        supernets = list(supernet)
        if not supernets or not all(isinstance(one, Supernet) for one in supernets):
            raise InvalidInputError("supernets are objects with a space and subnet(architecture): give one or more.")
        if len({one.space.name for one in supernets}) > 1:
            raise InvalidInputError(
                "the supernets are of different spaces: give those of one space, trained with different seeds."
            )
        if seed:
            raise InvalidInputError(f"seed={seed}: trained supernets have no other seeds: remove this argument.")
        return Given(supernets, math.nan if seconds is None else rules.number("supernet seconds", seconds, 0))
    if not callable(supernet):
        raise InvalidInputError(
            f"the supernet is {rules.shown(supernet)}: give a function from a seed to an untrained supernet, or "
            "trained ones."
        )
    return None


def _proxies(given: str | Iterable[str]) -> tuple[str, ...]:
    """Return labels, with the baselines first."""
    named = [info.label for info in resolve(given)] if rules.all_text("proxies", given) else []
    return tuple(dict.fromkeys([*BASELINES, *named]))


def _chosen(labels: Sequence[str], weights: Sequence[str]) -> tuple[str, ...]:
    """Return the rules whose supernets proxies and predictors use."""
    chosen = resolve_training_rules(weights) if weights else labels[:1]
    for one in chosen:
        if one not in labels:
            raise InvalidInputError(f"weights of {one}: choose among the training rules, {', '.join(labels)}.")
    return tuple(chosen)


def _pair(what: str, pair: Any) -> tuple[Inputs, Tensor]:
    """Check that inputs and targets fit together."""
    if not (isinstance(pair, tuple | list) and len(pair) == 2):
        raise InvalidInputError(f"the {what} are {rules.shown(pair)}: give inputs and targets, (inputs, targets).")
    return checked_pair(what, *pair)


def _plan(task: Task, first: Any, make: Any) -> dict[str, Any]:
    """Return the settings that must be equal to resume from a folder."""
    augment = task.augment
    return {
        "version": _VERSION,
        "space": task.space.name,
        "supernet": _described(first, make),
        "data": " ".join(digest(part) for part in (*task.train, *task.valid)),
        "batch": task.batch,
        "optimizer": task.optimizer,
        "rate": task.rate,
        "augment": "" if augment is None else getattr(augment, "__qualname__", "") + code_of(augment),
        "images": task.images,
    }


def _described(supernet: Any, make: Any) -> str:
    """Return a text that identifies a user's supernet: a digest of the shapes of its weights and of code."""
    shapes = []
    if isinstance(supernet, nn.Module):
        shapes = [(name, tuple(value.shape)) for name, value in supernet.named_parameters()]
    return stem_of("", shapes, code_of(supernet.space, make, getattr(supernet, "build", None)))
