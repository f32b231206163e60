"""What does a search in a trained supernet cost and find, compared with training each candidate?

    python benchmarks/supernet_search.py --space elastic-transformer
    python benchmarks/supernet_search.py --space elastic-mobilenet

A supernet is trained, and evolution searches for the most accurate subnet within a bound on FLOPs, by inherited
validation accuracy. The alternative is to train every subnet within the bound once, and to choose the best by its
validation accuracy. Its cost is that of the trainings of the space's benchmark. If the benchmark does not have all
subnets, the mean of a training counts for each of the others, and the best is that of the available ones. Accuracies
are of test images, times CPU seconds.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch

import zcbench
from zcbench import supernets

#: rule, steps and settings of the training of a space's supernet
SETTINGS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "elastic-mobilenet": ("sandwich", 600, {"rate": 0.1, "batch": 64}),
    "elastic-transformer": (
        "single_path:subnets=4",
        2_000,
        {"optimizer": "adamw", "rate": 0.004, "decay": 0.01, "batch": 32},
    ),
}


def found_by_supernet(space: Any, bound: float, budget: int, seed: int) -> dict[str, Any]:
    """Train, search, and evaluate the found subnet."""
    parts, began = supernets.digits_parts(), time.process_time()
    net = supernets.digits_supernet(seed, space.name)
    rule, steps, settings = SETTINGS[space.name]
    training = supernets.Training(
        net, *parts["train"], rule, steps=steps, augment=supernets.shifted, seed=seed, **settings
    )
    for _ in training.run():
        pass
    trained = time.process_time()
    found = zcbench.search(
        net, objectives="accuracy", constraints={"flops": bound}, searcher="evolution", budget=budget, seed=seed
    )
    searched = time.process_time()
    best = found.best.architecture
    accuracy = supernets.measured(net.subnet(best), *parts["test"])["accuracy"]
    return {"best": best, "accuracy": accuracy, "train": trained - began, "search": searched - trained}


def found_by_training(table: Any, rows: np.ndarray, seed: int) -> dict[str, Any]:
    """Return the best of the trained subnets, by the validation accuracy of one training."""
    column = seed % len(table.seeds["valid_accuracy"])
    row = rows[np.argmax(table.values["valid_accuracy"][rows, column])]
    accuracy = table.values["test_accuracy"][row, column]
    return {"best": table.architectures[row], "accuracy": float(accuracy)}


def main() -> None:
    """Compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", choices=tuple(SETTINGS), default="elastic-transformer")
    parser.add_argument("--bound", type=float, default=0.5, help="share of the largest subnet's FLOPs (default: .5)")
    parser.add_argument("--budget", type=int, default=60, help="evaluations of the search (default: 60)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3])
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    table = zcbench.get_benchmark(given.space)
    everything: list[Any] = list(table.space)  # type: ignore[call-overload]
    flops = zcbench.get_scorer("flops", table.space).score(everything).values
    bound = given.bound * flops.max()
    candidates = int((flops <= bound).sum())
    within = {one.key for one, value in zip(everything, flops, strict=True) if value <= bound}
    rows = np.array([row for row, one in enumerate(table.architectures) if one.key in within])
    each = float(table.facts["train_seconds"].mean())
    print(
        f"{given.space}: {candidates} of {len(everything)} subnets have at most {bound:,.0f} FLOPs. {len(rows)} of "
        f"them were trained, {each:.2f} s each; all would take {candidates * each:,.0f} s."
    )
    gains, ratios = [], []
    for seed in given.seeds:
        ours = found_by_supernet(table.space, bound, given.budget, seed)
        other = found_by_training(table, rows, seed)
        cost = ours["train"] + ours["search"]
        gains.append(100 * (ours["accuracy"] - other["accuracy"]))
        ratios.append(candidates * each / cost)
        print(
            f"seed {seed}: supernet {ours['train']:.0f} s + search {ours['search']:.1f} s: {ours['best'].key}, "
            f"{100 * ours['accuracy']:.1f} % with inherited weights; trainings: {other['best'].key}, "
            f"{100 * other['accuracy']:.1f} %; {ratios[-1]:.0f} x cheaper, {gains[-1]:+.1f} points; "
            f"{given.budget * each / cost:.1f} x cheaper than to train the {given.budget} that were evaluated",
            flush=True,
        )
    print(f"mean: {np.mean(ratios):.0f} x cheaper, {np.mean(gains):+.1f} points [{min(gains):+.1f}, {max(gains):+.1f}]")


if __name__ == "__main__":
    main()
