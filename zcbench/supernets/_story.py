"""All steps of a supernet on the embedded digits: training, evaluation, ranking, search, extraction, export.

All decisions use validation images, and test images are only reported.
"""

from __future__ import annotations

import functools
import math
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from zcbench import _arguments as rules
from zcbench import devices
from zcbench.datasets import Benchmark, get_benchmark
from zcbench.errors import InvalidInputError, ZcbenchError
from zcbench.metrics import Estimate, hypervolume_ratio, hypervolumes, kendall_tau, noise_ceiling, pareto_front
from zcbench.proxies import resolve, score
from zcbench.scorers import FunctionScorer
from zcbench.search import SearchResult, search
from zcbench.supernets._export import Exported, export
from zcbench.supernets._exportable import KINDS
from zcbench.supernets._latency import Latency, latencies
from zcbench.supernets._register import get_training_rule
from zcbench.supernets._samples import placed
from zcbench.supernets._story_folder import StoryFolder
from zcbench.supernets._story_report import DigitsStory
from zcbench.supernets.calibration import calibrate
from zcbench.supernets.card import write_card
from zcbench.supernets.digits import digits_parts, digits_supernet, shifted
from zcbench.supernets.evaluation import measured
from zcbench.supernets.fine_tuning import FineTuned, fine_tune
from zcbench.supernets.sharing import WeightSharing
from zcbench.supernets.training import Training
from zcbench.types import Architecture

#: called with a step's name, the number of items done, their total, and their kind
Progress = Callable[[str, int, int, str], object]
SPACE = "elastic-mobilenet"
#: version of a folder's content; raised whenever a run could not resume from it
_VERSION = 3
#: seconds between two checkpoints
_SAVED = 5.0
#: searcher for the front, chosen with supernets of other seeds
_FRONT = "ehvi"
#: share of the space that the search for a front may evaluate
_SHARE = 0.05


@dataclass(frozen=True)
class _Sizes:
    """The amount of work of each step."""

    steps: int = 1_200
    subnets: int | None = None  # all
    search: int = 50
    front: int = 64  # at most a twentieth of 1,296
    tune: int = 200
    images: int = 64  # for proxies
    latency: Mapping[str, float] | None = None


_WHOLE = _Sizes(latency={"seconds": 2.0, "rounds": 10, "processes": 3})
_QUICK = _Sizes(30, 32, 8, 16, 20, 16, {"seconds": 0.05, "rounds": 2, "processes": 1})


@devices.on_device
def digits_story(
    folder: str | os.PathLike[str],
    *,
    rule: str = "sandwich",
    steps: int | None = None,
    flops: float | None = None,
    proxies: str | Iterable[str] = ("params", "logsynflow"),
    seed: int = 0,
    quick: bool = False,
    progress: Progress | None = None,
    device: str | None = None,
) -> DigitsStory:
    """Train a supernet on the embedded digits, and rank, search, extract, fine-tune and export its subnets.

    The same call resumes an interrupted run and gives the same numbers, except for times. Completed steps are not
    repeated.

    Args:
        folder: folder for checkpoint, ledgers, exported files, card and results; it is created.
        rule: name of a training rule, with settings.
        steps: steps of the supernet's training; 1,200 by default.
        flops: largest FLOPs of one image in the search under a constraint; by default a quarter of the largest
            subnet's.
        proxies: proxies that rank subnets in addition to the inherited validation loss.
        seed: determines weights, batches and searches.
        quick: fewer steps, and 32 subnets instead of the whole space: this only shows that everything works.
        progress: called with a step's name, the number of items done, their total, and their kind.
        device: device of trainings and scores, see :mod:`zcbench.devices`; latency is measured on the CPU.

    Returns:
        A table of each step's results, with all numbers.

    Raises:
        InvalidInputError: an argument is out of range, no subnet has so few FLOPs, or the folder contains a run with
            other settings.
        UnknownNameError: there is no such training rule or proxy.
        MissingDependencyError: scikit-learn is not installed.
        StoreError: the folder cannot be written, or another process is using it.
        DataCorruptError: a file in it is damaged.
    """
    del device  # the decorator uses it
    rules.flag("quick", quick)
    sizes = _QUICK if quick else _WHOLE
    plan = {
        "version": _VERSION,
        "rule": rule,
        "steps": sizes.steps if steps is None else rules.whole("steps", steps, 1),
        "flops": None if flops is None else rules.number("flops", flops, 0),
        "proxies": resolve(rules.all_text("proxies", proxies)) and rules.all_text("proxies", proxies),
        "seed": rules.seed("the seed", seed),
        "quick": quick,
    }
    get_training_rule(rule)  # before anything is written
    if flops is not None:
        _check_reach(flops)
    place = Path(rules.path("the folder", folder))
    with StoryFolder.held(place, plan) as kept:
        story = _Story(kept, plan, sizes, progress or (lambda *_: None))
        for name in _STEPS:
            if name not in kept.results:
                kept.keep(name, getattr(story, name)())
        return DigitsStory(str(place), plan, dict(kept.results))


_STEPS = ("train", "evaluate", "rank", "search", "front", "extract", "tune", "export")


class _Story:
    """The steps; results of other steps that a step needs are computed again if another process computed them."""

    def __init__(self, kept: StoryFolder, plan: dict[str, Any], sizes: _Sizes, progress: Progress) -> None:
        self.kept, self.plan, self.sizes, self.progress = kept, plan, sizes, progress
        self.parts = digits_parts()
        self.seed: int = plan["seed"]

    # -- the supernet ------------------------------------------------------------------------------

    @functools.cached_property
    def untrained(self) -> WeightSharing:
        """The supernet before its training, with known FLOPs."""
        net = digits_supernet(self.seed).to(devices.here())
        limit = self.plan["flops"]
        self.limit = self.costs(net.cut(net.largest).eval())["flops"] / 4 if limit is None else limit
        return net

    @functools.cached_property
    def supernet(self) -> WeightSharing:
        """The trained supernet."""
        self.training()
        return self.untrained

    def training(self) -> Training:
        """Return the completed training, from the checkpoint or by resuming."""
        path = self.kept.path / "supernet.safetensors"
        training = Training(
            self.untrained, *self.parts["train"], rule=self.plan["rule"], steps=self.plan["steps"], augment=shifted,
            seed=self.seed,
        )  # fmt: skip
        if path.exists():
            training.restore(path)
        saved = time.monotonic()
        for done in training.run():
            if time.monotonic() - saved > _SAVED or done == training.steps:
                training.save(path)
                saved = time.monotonic()
            self.progress("train", done, training.steps, "steps")
        return training

    def train(self) -> dict[str, Any]:
        """Train the supernet."""
        training = self.training()
        net = self.untrained
        return {
            "seconds": training.seconds,
            "learned": training.learned,
            "skipped": training.skipped,
            "parameters": sum(one.numel() for one in net.parameters()),
            "largest": self.both(net.subnet(net.largest)),
            "smallest": self.both(net.subnet(net.smallest)),
        }

    def both(self, network: nn.Module) -> dict[str, float]:
        """Return a network's results on validation and test images."""
        found = {part: measured(network, *self.parts[part]) for part in ("valid", "test")}
        return {f"{part}_{name}": value for part, values in found.items() for name, value in values.items()}

    @staticmethod
    def costs(network: nn.Module) -> dict[str, float]:
        """Return FLOPs of one image, and the number of parameters."""
        images = digits_parts()["train"][0][:2]
        found = score(network, images, proxies=["flops", "params"], device=devices.chosen())
        return {name: float(one) for name, one in found.items()}

    # -- the whole space ---------------------------------------------------------------------------

    def evaluate(self) -> dict[str, Any]:
        """Evaluate all subnets with inherited weights."""
        space = self.supernet.space
        everything = [one.key for one in space]
        keys = everything
        if self.sizes.subnets is not None:
            rows = np.random.default_rng([self.seed, 3]).permutation(len(keys))[: self.sizes.subnets]
            keys = [keys[row] for row in sorted(rows)]

        def line(key: str) -> dict[str, Any]:
            began = time.perf_counter()
            network = self.supernet.subnet(space.parse(key))
            values = self.both(network)
            seconds = time.perf_counter() - began
            return {**values, **self.costs(network), "seconds": seconds}

        tell = functools.partial(self.tell, "evaluate", len(keys), "subnets")
        found = self.kept.lines("subnets.jsonl", keys, line, tell)
        columns = ["flops", "params", "valid_accuracy", "valid_nll", "test_accuracy", "test_nll"]
        values = {name: [row[name] for row in found.values()] for name in columns}
        points = np.column_stack([values["valid_accuracy"], values["flops"]])
        return {
            "seconds": sum(row["seconds"] for row in found.values()),
            "space": len(everything),
            "subnets": keys,
            **values,
            "front": [keys[row] for row in np.flatnonzero(pareto_front(points, (True, False)))],
        }

    def tell(self, step: str, total: int, what: str, done: int) -> None:
        """Report progress."""
        self.progress(step, done, total, what)

    # -- ranking -----------------------------------------------------------------------------------

    def rank(self) -> dict[str, Any]:
        """Compute Kendall's tau of the scorers with the stand-alone trainings."""
        known, table, trouble = self.kept.results["evaluate"], *_stand_alone()
        if table is None:
            return {"seconds": 0.0, "trouble": trouble, "n": 0, "scorers": {}}
        rows = {one.key: row for row, one in enumerate(table.architectures)}
        keys = [key for key in known["subnets"] if key in rows]
        chosen = [rows[key] for key in keys]
        truth = -table.truth("test_nll")[chosen]
        began = time.perf_counter()
        scorers = {
            name: self.scored(name, number, keys, len(self.plan["proxies"]))
            for number, name in enumerate(self.plan["proxies"])
        }
        losses = dict(zip(known["subnets"], known["valid_nll"], strict=True))
        each = known["seconds"] / len(known["subnets"])
        scorers["inherited loss"] = {"values": [-losses[key] for key in keys], "each": each}
        for one in scorers.values():
            usable = np.isfinite(np.array(one["values"], np.float64))
            one["tau"] = _numbers(kendall_tau(np.array(one["values"], np.float64)[usable], truth[usable]))
            one["without"] = int((~usable).sum())
        return {
            "seconds": time.perf_counter() - began,
            "trouble": "",
            "n": len(keys),
            "subnets": keys,
            "truth": (-truth).tolist(),
            "ceiling": _numbers(noise_ceiling(-table.values["test_nll"][chosen])),
            "scorers": scorers,
        }

    def scored(self, name: str, number: int, keys: list[str], count: int) -> dict[str, Any]:
        """Return a proxy's scores of newly initialised subnets, high is good; null if there is none."""
        inputs, targets = (part[: self.sizes.images] for part in self.parts["train"])
        space, (info,) = self.supernet.space, resolve([name])

        def line(key: str) -> dict[str, Any]:
            began = time.perf_counter()
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.seed)
                network = space.build(space.parse(key))
            found = float(score(network, inputs, targets, [name], seed=self.seed)[name])
            value = (found if info.higher_is_better else -found) if math.isfinite(found) else None
            return {"value": value, "seconds": time.perf_counter() - began}

        tell = functools.partial(self.tell, f"rank by {name}", len(keys), "subnets")
        lines = self.kept.lines(f"scores-{number}.jsonl", keys, line, tell)
        seconds = sum(one["seconds"] for one in lines.values())
        return {"values": [one["value"] for one in lines.values()], "each": seconds / max(1, len(lines))}

    # -- search ------------------------------------------------------------------------------------

    def searched(self, step: str, budget: int, **settings: Any) -> SearchResult:
        """Return a search on validation images, which resumes from its ledger."""
        net = self.supernet

        def tell(clock: Any, _: int) -> None:
            self.progress(step, min(int(clock.evaluations), budget), budget, "evaluations")

        return search(
            net, budget=budget, seed=self.seed, ledger=self.kept.path / f"{step}.jsonl", progress=tell, **settings
        )

    def search(self) -> dict[str, Any]:
        """Search for the lowest validation loss under a bound on FLOPs."""
        net = self.supernet
        result = self.searched("search", self.sizes.search, objectives="-nll", constraints={"flops": self.limit})
        if result.best is None:
            raise InvalidInputError(f"the search found nothing: {result.ended}")
        found = result.best.architecture
        known = self.kept.results["evaluate"]
        allowed = [row for row, flops in enumerate(known["flops"]) if flops <= self.limit]
        losses = [known["valid_nll"][row] for row in allowed]
        network = net.subnet(found)
        best = allowed[int(np.argmin(losses))] if allowed else None
        return {
            "seconds": sum(result.spent.values()),
            "limit": self.limit,
            "evaluations": len(result),
            "searcher": result.searcher,
            "found": found.key,
            **self.costs(network),
            **self.both(network),
            "allowed": len(allowed),
            "better": sum(loss < result.best.values["nll"] for loss in losses),
            "best": None if best is None else {name: known[name][best] for name in _COLUMNS},
            "alone": self.alone(found, [known["subnets"][row] for row in allowed], sum(result.spent.values())),
        }

    def alone(self, found: Architecture, allowed: list[str], seconds: float) -> dict[str, Any] | None:
        """Return the cost and result of stand-alone trainings of all allowed subnets; None without their table."""
        table, _ = _stand_alone()
        if table is None:
            return None
        rows = {one.key: row for row, one in enumerate(table.architectures)}
        chosen = [rows[key] for key in allowed if key in rows]
        if found.key not in rows or not chosen:
            return None
        accuracy, valid = table.truth("test_accuracy"), table.truth("valid_nll")
        each = table.facts["train_seconds"]  # for one seed
        return {
            "found": float(accuracy[rows[found.key]]),
            "best": float(accuracy[chosen[int(np.argmin(valid[chosen]))]]),
            "trainings": len(chosen),
            "seconds": float(each[chosen].sum()),
            "one": float(each[rows[found.key]]),
            "cheaper": float(each[chosen].sum()) / (self.kept.results["train"]["seconds"] + seconds),
        }

    def front(self) -> dict[str, Any]:
        """Search for the front of accuracy and FLOPs; the known front is that of all evaluated subnets."""
        known = self.kept.results["evaluate"]
        flops = dict(zip(known["subnets"], known["flops"], strict=True))

        def was_evaluated(architecture: Architecture) -> bool:
            return architecture.key in flops

        result = self.searched(
            "front",
            self.sizes.front,
            searcher=_FRONT,
            objectives="accuracy",
            scorer=FunctionScorer(lambda one: flops[one.key], "flops", higher_is_better=False),  # already counted
            role="objective",
            constraints=None if len(flops) == known["space"] else was_evaluated,
        )
        points = np.column_stack([result.values["accuracy"], result.values["flops"]])
        whole = np.column_stack([known["valid_accuracy"], known["flops"]])
        reference, ways = (float(whole[:, 0].min()), float(whole[:, 1].max())), (True, False)
        every = hypervolumes(points, reference, ways)
        share = hypervolume_ratio(points, whole, reference, ways)
        return {
            "seconds": sum(result.spent.values()),
            "evaluations": len(result),
            "searcher": result.searcher,
            "subnets": [one.key for one in result.architectures],
            "accuracy": points[:, 0].tolist(),
            "flops": points[:, 1].tolist(),
            "front": [one.architecture.key for one in result.front],
            "reference": list(reference),
            "share": share,
            "shares": (every * (share / every[-1] if every[-1] > 0 else 0.0)).tolist(),
        }

    # -- extraction and export ---------------------------------------------------------------------

    @functools.cached_property
    def found(self) -> Architecture:
        """The subnet that the search under a constraint found."""
        return self.supernet.space.parse(self.kept.results["search"]["found"])

    @functools.cached_property
    def tuned(self) -> FineTuned:
        """The subnet after its fine-tuning."""
        self.progress("fine-tune", 0, 1, "networks")
        tuned = fine_tune(
            self.supernet.subnet(self.found),
            *self.parts["train"],
            steps=self.sizes.tune,
            augment=shifted,
            teacher=self.supernet.subnet(self.supernet.largest),
            seed=self.seed,
            valid=self.parts["valid"],
        )
        self.progress("fine-tune", 1, 1, "networks")
        return tuned

    def extract(self) -> dict[str, Any]:
        """Extract the subnet; return its results before and after calibration, and its difference from the supernet."""
        net, test = self.supernet, self.parts["test"][0]
        assert isinstance(test, torch.Tensor)
        images = test.to(devices.here())
        bare = net.cut(self.found).eval()
        before = self.both(bare)
        began = time.perf_counter()
        network = net.cut(self.found)
        batches = (placed(one, next(network.parameters())) for one in net.calibration)
        network = calibrate(network, batches).eval()
        seconds = time.perf_counter() - began
        net.activate(self.found)
        with torch.no_grad():
            difference = float((net.eval()(images) - network(images)).abs().max())
        return {"seconds": seconds, "before": before, "after": self.both(network), "difference": difference}

    def tune(self) -> dict[str, Any]:
        """Fine-tune the subnet alone, with the largest subnet as teacher."""
        began = time.perf_counter()
        tuned = self.tuned
        seconds = time.perf_counter() - began
        return {"seconds": seconds, "steps": self.sizes.tune, "best": tuned.step, "after": self.both(tuned.network)}

    def export(self) -> dict[str, Any]:
        """Write the network into files, measure it, and write its card."""
        results, network = self.kept.results, self.tuned.network.to(devices.CPU)  # exported files are read there
        images = self.parts["test"][0][:8]
        began = time.perf_counter()
        self.progress("export", 0, 2, "parts")
        exported = export(
            network, self.kept.path / "exported", images, name="subnet", architecture=self.found, overwrite=True,
            kinds=tuple(KINDS),
        )  # fmt: skip
        written = time.perf_counter() - began
        self.progress("export", 1, 2, "parts")
        latency = self.latency(network, exported, images)
        after, before = results["tune"]["after"], results["extract"]["after"]
        write_card(
            exported,
            network,
            images,
            accuracy={"inherited, test": before["test_accuracy"], "fine-tuned, test": after["test_accuracy"]},
            latency=latency,
            found={
                "searcher": results["search"]["searcher"],
                "evaluations": results["search"]["evaluations"],
                "constraint": f"flops<={results['search']['limit']:g}",
                "supernet": f"{self.plan['rule']}, {self.plan['steps']} steps, seed {self.seed}",
            },
        )
        self.progress("export", 2, 2, "parts")
        return {
            "seconds": time.perf_counter() - began,
            "written": written,
            "files": {
                kind: {"file": one.path.name, "bytes": one.size, "difference": one.difference}
                for kind, one in exported.files.items()
            },
            "failed": dict(exported.failed),
            "latency": {name: one if isinstance(one, str) else one.as_dict() for name, one in latency.items()},
            "card": "subnet.md",
        }

    def latency(self, network: nn.Module, exported: Exported, images: torch.Tensor) -> dict[str, Latency | str]:
        """Measure the subnet, its ONNX file, and the largest subnet, with one image at a time."""
        networks: dict[str, Any] = {
            "largest subnet": self.supernet.subnet(self.supernet.largest).to(devices.CPU),
            "subnet": network,
        }
        if "onnx" in exported.files:
            networks["subnet, ONNX"] = exported.files["onnx"].path
        settings: dict[str, Any] = dict(self.sizes.latency or {})
        with devices.using(devices.CPU):
            return latencies(networks, images, **settings)


#: reported columns of a subnet
_COLUMNS = ("subnets", "flops", "params", "valid_accuracy", "valid_nll", "test_accuracy", "test_nll")


def _check_reach(flops: float) -> None:
    """Refuse a bound below the smallest subnet."""
    net = digits_supernet()
    fewest, most = (_Story.costs(net.cut(one).eval())["flops"] for one in (net.smallest, net.largest))
    if flops < fewest:
        raise InvalidInputError(
            f"flops={flops:,.0f}: no subnet has so few FLOPs; they range from {fewest:,.0f} to {most:,.0f}."
        )


def _stand_alone() -> tuple[Benchmark | None, str]:
    """Return the table of stand-alone trainings, or why there is none."""
    try:
        return get_benchmark(SPACE), ""
    except ZcbenchError as error:
        return None, str(error)


def _numbers(estimate: Estimate) -> list[float | None]:
    """Return value, low, high; None where undefined."""
    found = (estimate.value, estimate.low, estimate.high)
    return [value if math.isfinite(value) else None for value in found]
