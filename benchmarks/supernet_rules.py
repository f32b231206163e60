"""How do training rules differ? Ranking and quality of subnets after equal numbers of subnet-steps, paired by seed.

    python benchmarks/supernet_rules.py --out rules.jsonl
    python benchmarks/supernet_rules.py --out others.jsonl --first 300 --subnets 150 --seeds 1000 1001 \\
        --rules single_path path complexity sorted      # rules that were tried, on other subnets and seeds

Every rule trains the same supernets with the same number of subnet-steps (a batch that a subnet learns from). The truth
of the ranking is the mean test loss of a subnet over its stand-alone trainings. Inherited losses are measured on
validation images, on training images, and on both, alone and in the mean of their rank and that of the number of
parameters. Quality is the mean inherited validation loss, and the mean test accuracy of the 5 % of subnets whose
validation loss is lowest. Results in the file --out are not computed again.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import candidate_rules  # noqa: F401  registers them
import numpy as np
import torch
from scipy import stats
from torch import Tensor

import zcbench
from zcbench import supernets
from zcbench.metrics import Estimate, Jackknife, kendall_jackknife, kendall_tau, noise_ceiling
from zcbench.supernets.evaluation import measured

RULES = ("single_path:subnets=4", "single_path", "sandwich")
#: compared quantities, and their digits
COLUMNS = {
    **dict.fromkeys(("valid", "train", "both", "valid+params", "train+params"), 3),
    **{"loss": 3, "best": 4, "seconds": 1},
}


class Counted:
    """A step that counts subnets."""

    def __init__(self, supernet: Any, progress: float, inputs: Tensor) -> None:
        self.supernet, self.progress, self.inputs, self.number = supernet, progress, inputs, 0
        self.rng = np.random.default_rng(0)
        self.count = 0

    def learn(
        self, architecture: Any, teacher: Tensor | None = None, *, share: float = 1.0, weight: float = 1.0
    ) -> Any:
        """Count one more."""
        self.count += 1
        return torch.zeros(len(self.inputs), 10)


def subnets_of(rule: str, inputs: Tensor) -> float:
    """Return how many subnets learn from a batch, on average over a training."""
    net, made = supernets.digits_supernet(0), zcbench.get_training_rule(rule)
    made.begin(net)
    found = []
    for progress in (np.arange(40) + 0.5) / 40:
        made.step(step := Counted(net, float(progress), inputs[:2]))
        found.append(step.count)
    return float(np.mean(found))


def trained(rule: str, learned: int, seed: int, rate: float, parts: dict[str, tuple[Tensor, Tensor]]) -> Any:
    """Return a supernet after about ``learned`` subnet-steps, CPU seconds, and the true number of subnet-steps."""
    net = supernets.digits_supernet(seed)
    steps = round(learned / subnets_of(rule, parts["train"][0]))
    began = time.process_time()
    training = supernets.Training(
        net, *parts["train"], rule, steps=steps, rate=rate, augment=supernets.shifted, seed=seed
    )
    for _ in training.run():
        pass
    return net, time.process_time() - began, training.learned


def line_of(net: Any, names: list[str], parts: dict[str, tuple[Tensor, Tensor]]) -> dict[str, Any]:
    """Return inherited losses of subnets, and test accuracy of the best."""
    losses: dict[str, list[float]] = {"valid": [], "train": []}
    for name in names:
        subnet = net.subnet(net.space.parse(name))
        for part, found in losses.items():
            found.append(measured(subnet, *parts[part])["nll"])
    first = np.argsort(losses["valid"])[: len(names) // 20]
    best = [measured(net.subnet(net.space.parse(names[row])), *parts["test"])["accuracy"] for row in first]
    return {**losses, "best": float(np.mean(best))}


def rankings(line: dict[str, Any], sizes: np.ndarray) -> dict[str, np.ndarray]:
    """Return columns that rank a supernet's subnets, low is good."""
    valid, train = np.array(line["valid"]), np.array(line["train"])
    found = {"valid": valid, "train": train, "both": (297 * valid + 500 * train) / 797}
    ranks = {name: stats.rankdata(values) + stats.rankdata(-sizes) for name, values in found.items() if name != "both"}
    return {**found, **{f"{name}+params": values for name, values in ranks.items()}}


def summary(line: dict[str, Any], truth: np.ndarray, sizes: np.ndarray) -> dict[str, float]:
    """Return the compared quantities of a supernet."""
    found = {name: kendall_tau(truth, values).value for name, values in rankings(line, sizes).items()}
    return {**found, "loss": float(np.mean(line["valid"])), "best": line["best"], "seconds": line["seconds"]}


def interval(values: np.ndarray, digits: int) -> str:
    """Return the mean and 95 % interval over seeds (Student's t)."""
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else np.nan
    return f"{values.mean():.{digits}f} ± {half:.{digits}f}"


def main() -> None:
    """Train, evaluate, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subnets", type=int, default=300)
    parser.add_argument("--first", type=int, default=0, help="number of subnets to skip at first")
    parser.add_argument("--learned", type=int, default=1_200)
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3])
    parser.add_argument("--rules", nargs="+", default=RULES, help="the others are compared with the first")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    parts, table = supernets.digits_parts(), zcbench.get_benchmark("elastic-mobilenet")
    rows = np.random.default_rng(0).permutation(len(table))[given.first :][: given.subnets]
    names, losses = [table.architectures[row].key for row in rows], table.values["test_nll"][rows]
    truth, space = losses.mean(1), table.space
    sizes = np.array([sum(p.numel() for p in space.build(space.parse(one)).parameters()) for one in names])
    print(f"{len(names)} subnets; ceiling {shown(noise_ceiling(-losses))}")
    print(f"parameters: tau {shown(kendall_tau(-truth, sizes))}")
    known = {}
    for text in given.out.read_text().splitlines() if given.out.exists() else ():
        line = json.loads(text)
        known[tuple(line["key"])] = line
    found: dict[str, list[dict[str, Any]]] = {rule: [] for rule in given.rules}
    for seed in given.seeds:
        for rule in given.rules:
            key = (rule, given.learned, given.rate, seed, given.subnets, given.first)
            if key not in known:
                net, seconds, really = trained(rule, given.learned, seed, given.rate, parts)
                known[key] = {"key": key, "learned": really, "seconds": seconds, **line_of(net, names, parts)}
                with given.out.open("a") as file:
                    file.write(json.dumps(known[key]) + "\n")
            found[rule].append(known[key])
            print(rule, seed, {k: round(v, 3) for k, v in summary(known[key], truth, sizes).items()}, flush=True)
    report(found, truth, sizes)


def report(found: dict[str, list[dict[str, Any]]], truth: np.ndarray, sizes: np.ndarray) -> None:
    """Print means and differences from the first rule over seeds, and rankings against parameters over subnets."""
    columns = {rule: [summary(line, truth, sizes) for line in lines] for rule, lines in found.items()}
    first = next(iter(columns.values()))
    for rule, rows in columns.items():
        print(f"\n{rule}, over {len(rows)} seeds, and the difference from the first rule")
        for name, digits in COLUMNS.items():
            values = np.array([row[name] for row in rows])
            apart = values - [row[name] for row in first]
            print(f"  {name:14s} {interval(values, digits)}   {interval(apart, digits)}")
        print("tau over subnets, the mean of the seeds; of the mean over supernets; minus that of parameters")
        each = [rankings(line, sizes) for line in found[rule]]
        plain = kendall_jackknife(-truth, sizes)
        for name in each[0]:
            mean = averaged([kendall_jackknife(truth, one[name]) for one in each])
            together = kendall_jackknife(truth, np.mean([stats.rankdata(one[name]) for one in each], axis=0))
            apart = f"{shown(mean.minus(plain))}, {shown(together.minus(plain))}"
            print(f"  {name:14s} {shown(mean.correlation())}   {shown(together.correlation())}   {apart}")


def averaged(parts: list[Jackknife]) -> Jackknife:
    """Return the mean of statistics of the same subnets."""
    return Jackknife(float(np.mean([one.value for one in parts])), np.mean([one.without for one in parts], axis=0))


def shown(one: Estimate) -> str:
    """Return value and interval."""
    return f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"


if __name__ == "__main__":
    main()
