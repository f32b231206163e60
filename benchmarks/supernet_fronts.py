"""How much of a supernet's front do searchers find with a twentieth of the space? The table of docs/supernets.md.

    python benchmarks/supernet_fronts.py --to fronts        # resumes an interrupted run

A supernet of elastic-mobilenet is trained as in ``zcbench supernet digits``, all of its 1,296 subnets are evaluated
once, and searches look up the numbers. Validation accuracy x FLOPs; hypervolume is measured from the lowest accuracy
and the most FLOPs of all subnets. FLOPs are available to every searcher that uses them.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from scipy.stats import t

import zcbench
from zcbench import supernets
from zcbench.metrics import hypervolume_ratio
from zcbench.scorers import FunctionScorer

WAYS = (True, False)


def inherited(seed: int, steps: int, rule: str, folder: Path) -> dict[str, list[float]]:
    """Return accuracy and FLOPs of every subnet of a supernet, by architecture."""
    path = folder / f"{rule.replace(':', '-')}-{steps}-{seed}.json"
    if not path.exists():
        parts, net = supernets.digits_parts(), supernets.digits_supernet(seed)
        training = supernets.Training(
            net, *parts["train"], rule=rule, steps=steps, augment=supernets.shifted, seed=seed
        )
        for _ in training.run():
            pass
        images = parts["train"][0][:2]
        found = {}
        for one in net.space:
            flops = float(zcbench.score(net.cut(one).eval(), images, proxies=["flops"])["flops"])
            found[one.key] = [net.evaluate(one)["accuracy"], flops]
        path.write_text(json.dumps(found))
    return json.loads(path.read_text())


def share(known: dict[str, list[float]], searcher: str, seed: int, budget: int) -> float:
    """Return the hypervolume of one search's evaluations as a share of the true front's."""

    def evaluate(architecture):
        return {"accuracy": known[architecture.key][0]}

    result = zcbench.search(
        zcbench.get_space("elastic-mobilenet"),
        evaluate,
        objectives="accuracy",
        scorer=FunctionScorer(lambda one: known[one.key][1], "flops", higher_is_better=False),
        role="objective",
        searcher=searcher,
        budget=budget,
        seed=seed,
    )
    points = np.column_stack([result.values["accuracy"], result.values["flops"]])
    whole = np.array(list(known.values()))
    return hypervolume_ratio(points, whole, (whole[:, 0].min(), whole[:, 1].max()), WAYS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="inherited accuracies")
    parser.add_argument("--supernets", nargs="+", default=["0:1200"], metavar="SEED:STEPS")
    parser.add_argument("--rule", default="sandwich")
    parser.add_argument("--searchers", nargs="+", default=["ehvi", "linas", "nsga2", "random"])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="first seed; settings were chosen with 1000 and above")
    parser.add_argument("--budget", type=int, default=64)
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.to.mkdir(parents=True, exist_ok=True)
    for text in given.supernets:
        seed, steps = map(int, text.split(":"))
        known = inherited(seed, steps, given.rule, given.to)
        print(f"\nsupernet {seed}, {steps} steps\n\n| | share | searches that reach .98 |\n|:---|---:|---:|")
        for searcher in given.searchers:
            every = range(given.first, given.first + given.seeds)
            values = np.array([share(known, searcher, number, given.budget) for number in every])
            half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
            reached = int((values >= 0.98).sum())
            print(f"| `{searcher}` | {values.mean():.3f} ± {half:.3f} | {reached} of {len(values)} |", flush=True)


if __name__ == "__main__":
    main()
