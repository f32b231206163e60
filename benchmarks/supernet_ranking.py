"""Who ranks a supernet's subnets best, and what does it cost: Kendall's tau with stand-alone trainings.

    python benchmarks/supernet_ranking.py --out ranking.jsonl

The truth is the mean test loss of a subnet over its stand-alone trainings. Every rule trains the same supernet with as
many subnet-steps (a batch that a subnet learns from). Lines are appended to --out.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import zcbench
from zcbench import supernets
from zcbench._process import stable_seed
from zcbench.metrics import kendall_tau, noise_ceiling
from zcbench.supernets.evaluation import measured

RULES = ("single_path:subnets=4", "sandwich", "delayed", "progressive:subnets=4")


def truth(name: str, count: int) -> tuple[list[str], np.ndarray]:
    """Architectures, drawn at random, and test losses by seed of their stand-alone trainings."""
    table = zcbench.get_benchmark(name)
    rows = np.random.default_rng(0).permutation(len(table))[:count]
    return [table.architectures[row].key for row in rows], table.values["test_nll"][rows]


def trained(
    space: Any, rule: str, learned: int, seed: int, rate: float, parts: dict[str, tuple[Tensor, Tensor]]
) -> Any:
    """A supernet after so many subnet-steps, and CPU seconds."""
    inputs, targets = parts["train"]
    torch.manual_seed(stable_seed("ranking", seed) % 2**63)
    net = supernets.WeightSharing(
        space, largest=space.largest, smallest=space.smallest, calibration=[inputs[:250], inputs[250:]]
    )
    steps = learned // 4
    began = time.process_time()
    if rule == "delayed":  # half of its steps train one subnet, the others four
        steps = round(learned / 2.5)
    if rule.startswith("progressive"):
        steps = round(learned / (0.4 + 0.6 * 4))
    training = supernets.Training(
        net, inputs, targets, rule, steps=steps, rate=rate, augment=supernets.shifted, seed=seed
    )
    for _ in training.run():
        pass
    return net, time.process_time() - began, training.learned


def main() -> None:
    """Train, evaluate, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="elastic-mobilenet")
    parser.add_argument("--subnets", type=int, default=300)
    parser.add_argument("--learned", type=int, nargs="+", default=[1_200, 4_800])
    parser.add_argument("--rates", type=float, nargs="+", default=[0.1])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--rules", nargs="+", default=RULES)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    parts, space = supernets.digits_parts(), zcbench.get_space(given.space)
    names, losses = truth(given.space, given.subnets)
    mean = -losses.mean(1)
    print(f"{len(names)} subnets; ceiling {noise_ceiling(-losses)}")
    sizes = [sum(p.numel() for p in space.build(space.parse(one)).parameters()) for one in names]
    print(f"parameters: {kendall_tau(mean, np.array(sizes, float))}")
    for learned in given.learned:
        for rate in given.rates:
            for rule in given.rules:
                for seed in given.seeds:
                    net, seconds, really = trained(space, rule, learned, seed, rate, parts)
                    began = time.process_time()
                    found = [measured(net.subnet(space.parse(one)), *parts["valid"]) for one in names]
                    each = (time.process_time() - began) / len(names)
                    nll, hits = (np.array([one[key] for one in found]) for key in ("nll", "accuracy"))
                    tau, by_hits = kendall_tau(mean, -nll), kendall_tau(mean, hits)
                    line = {"rule": rule, "learned": really, "rate": rate, "seed": seed, "tau": tau.value}
                    line |= {"tau_accuracy": by_hits.value, "seconds": seconds, "each": each, "nll": float(nll.mean())}
                    with given.out.open("a") as file:
                        file.write(json.dumps(line) + "\n")
                    print(
                        f"{rule} {really} steps rate {rate} seed {seed}: tau {tau} (accuracy {by_hits.value:.2f}), "
                        f"mean nll {nll.mean():.3f}, {seconds:.0f} s, {1000 * each:.0f} ms a subnet",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
