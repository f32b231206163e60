"""Which scorer helps a search in which role? On digits-201; validation loss guides, test loss is reported.

    python benchmarks/scorer_roles.py --seeds 30 --budget 50 --store scores --out roles.jsonl

Each line of the output is one search; the same command resumes an interrupted run. Scores are measured once, saved in
the store, and charged to every search with the seconds of their measurement. The table at the end has the mean test
loss of the network that the validation loss chooses, with a 95 % interval over seeds, the difference to the same
searcher without a scorer, seed by seed, and the mean seconds of training and scoring.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from scipy import stats

import zcbench

SCORERS = ("params", "naswot", "logsynflow", "naswot+logsynflow", "-params", "random", "oracle(valid_nll)")
ROLES = {
    "evolution": ("", "warm-start", "filter", "warm-start+filter"),
    "guided": ("", "warm-start", "filter", "feature"),
}


def found(searcher: str, role: str, scorer: str, seed: int, budget: int, store: str) -> dict[str, float]:
    """Return the result of one search: test loss of the network that the validation loss chooses, and its cost."""
    given = {"scorer": scorer, "role": role} if role else {}
    result = zcbench.search(
        "digits-201",
        searcher=searcher,
        objectives="valid_nll",
        report="test_nll",
        budget=budget,
        seed=seed,
        store=store,
        **given,
    )
    chosen = int(np.nanargmin(result.values["valid_nll"]))
    return {
        "valid": float(result.values["valid_nll"][chosen]),
        "test": float(result.values["test_nll"][chosen]),
        "training": result.spent.get("training", 0.0),
        "scoring": result.spent.get("scoring", 0.0),
    }


def main() -> None:
    """Run the missing searches, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--budget", type=int, default=50)
    parser.add_argument("--store", default="scores")
    parser.add_argument("--out", type=Path, default=Path("roles.jsonl"))
    parser.add_argument("--scorers", nargs="*", default=list(SCORERS))
    options = parser.parse_args()
    lines = options.out.read_text().splitlines() if options.out.exists() else []
    known = {tuple(row["what"]): row for row in map(json.loads, lines)}
    wanted = [
        (searcher, role, scorer if role else "", seed, options.budget)
        for searcher, roles in ROLES.items()
        for role in roles
        for scorer in (options.scorers if role else [""])
        for seed in range(options.seeds)
    ]
    with options.out.open("a") as file:
        for what in wanted:
            if what not in known:
                known[what] = {"what": what, **found(*what, options.store)}
                file.write(json.dumps(known[what]) + "\n")
                file.flush()
    print(f"{'searcher':10} {'role':18} {'scorer':20} test nll  ± 95 %   better by ± 95 %  training s  scoring s")
    for what in dict.fromkeys(one[:3] for one in wanted):
        rows = [known[*what, seed, options.budget] for seed in range(options.seeds)]
        plain = [known[what[0], "", "", seed, options.budget] for seed in range(options.seeds)]
        test = np.array([row["test"] for row in rows])
        gain = np.array([row["test"] for row in plain]) - test
        half = stats.t.ppf(0.975, len(test) - 1) / np.sqrt(len(test))
        print(
            f"{what[0]:10} {what[1]:18} {what[2]:20} {test.mean():.4f}  {half * test.std(ddof=1):.4f}  "
            f"{gain.mean():+.4f}  {half * gain.std(ddof=1):.4f}  {np.mean([r['training'] for r in rows]):9.1f} "
            f"{np.mean([r['scoring'] for r in rows]):9.2f}"
        )


if __name__ == "__main__":
    main()
