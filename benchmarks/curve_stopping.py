"""Stopping trainings by forecasts of their learning curves, compared with other ways to stop, at equal total epochs.

    python benchmarks/curve_stopping.py --first 1000 --seeds 60 --choose --out choose.jsonl   # chooses the settings
    python benchmarks/curve_stopping.py --seeds 60 --out stopping.jsonl                        # measures them

Random networks are trained, each search with a budget of --budget full trainings. Validation loss guides, and the
result of a policy is the best fully trained network. Each line of the output is one search; the same command resumes an
interrupted run. Tables: digits-201 (12 epochs), chars-rnn and chars-bert (10), and the 263 language models of
nasbenchnlp that have complete curves (50), if its files exist.

By benchmark and policy, the tables at the end have

- the number of networks, and the final validation loss minus that without stopping, on the same seeds;
- final loss minus the table's best after 25 %, 50 % and 100 % of the epochs;
- the speed-up: epochs after which training without stopping first had its final result, divided by epochs after which
the
  policy had it or a better one (0 if it never had), as the median over seeds with a 95 % interval (order statistics);
- false stops: of the stopped trainings, those whose end is better than the final incumbent's;
- crossing curves: of the trainings that were worse than the incumbent's curve after a quarter of the epochs and whose
end
  is better than the incumbent's was at that time, those that were stopped (if there was no incumbent yet, the first
  fully trained network takes its place).

Below each table are differences of final losses on the same seeds, between policies with forecasts and those without.

Forecasts of all networks are computed first, in batches, because they depend only on the curve and its epochs.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from scipy import stats

import zcbench
from zcbench import curves

BENCHMARKS = ("digits-201", "chars-rnn", "chars-bert", "nasbenchnlp")
GUIDE = "valid_nll"
NONE = "stopping:rule=curve:predictor=last_value:threshold=0"
POLICIES = (
    NONE,
    "stopping:rule=curve:threshold=0.05",
    "stopping:rule=curve:threshold=0.1",
    "stopping:rule=curve:threshold=0.1:predictor=calibrated_last_value",
    "stopping:rule=median",
    "stopping:rule=last",
    "halving",
    "hyperband",
    "asha",
    "asha:threshold=0.2",
    "asha:threshold=0.2:predictor=calibrated_last_value",
)
CHOICES = (
    NONE,
    *(
        f"stopping:rule=curve:first={first}:after={after}:threshold={threshold}"
        for first, after in ((1, 2), (1, 3), (5, 3))
        for threshold in (0.05, 0.1, 0.2)
    ),
    "asha",
    *(f"asha:threshold={threshold}" for threshold in (0.05, 0.1, 0.15, 0.2, 0.3, 0.4)),
    "hyperband",
)
#: points of a search's course, as shares of the budget
SHARES = np.linspace(0.05, 1, 20)
_KNOWN: dict[tuple[str, bytes, bytes], curves.Forecast] = {}


@curves.register_curve_predictor("remembered")
class Remembered(curves.CurvePredictor):
    """Another predictor with cached forecasts of the end."""

    least = 1

    def __init__(self, of: str = "lcpfn") -> None:
        self.of = of

    def predict(self, contexts: Sequence[curves.Context], asked: np.ndarray) -> curves.Forecast:
        keys = [(self.of, one.times.tobytes(), one.values.tobytes()) for one in contexts]
        known = [_KNOWN[key] for key in keys if key in _KNOWN]
        several = [one for one in known if isinstance(one, curves.Binned)]
        if len(known) == 1 == len(keys):
            return known[0]
        if len(several) < len(keys):
            return _made(self.of).predict(contexts, asked)
        edges, probabilities = ([getattr(one, name) for one in several] for name in ("edges", "probabilities"))
        return curves.Binned(np.concatenate(edges), np.concatenate(probabilities))


@cache
def _made(name: str) -> curves.CurvePredictor:
    return curves.get_curve_predictor(name)


@cache
def remember(benchmark: str, predictor: str) -> None:
    """Forecast every beginning of every curve of a table."""
    losses = table(benchmark).curves[GUIDE].mean(1)
    whole = losses.shape[1]
    for seen in range(1, whole):
        epochs = np.arange(1.0, seen + 1)
        several = [curves.prepare(epochs, row[:seen], whole, lower_is_better=True) for row in losses]
        several = [one for one in several if one.context.values[-1] > -0.25]
        for start in range(0, len(several), 512):
            part = [one.context for one in several[start : start + 512]]
            found = _made(predictor).predict(part, np.full((len(part), 1), several[0].axis.end))
            for row, one in enumerate(part):
                _KNOWN[predictor, one.times.tobytes(), one.values.tobytes()] = found.rows(slice(row, row + 1))


@cache
def table(benchmark: str) -> zcbench.Benchmark:
    return zcbench.get_benchmark(benchmark)


def with_memory(benchmark: str, policy: str) -> str:
    """Return the policy with cached forecasts."""
    if not ("rule=curve" in policy or "threshold=" in policy) or policy.endswith(":threshold=0"):
        return policy
    name = next((part[10:] for part in policy.split(":") if part.startswith("predictor=")), "lcpfn")
    if _made(name).learns:  # it is fitted to the trainings of the search
        return policy
    remember(benchmark, name)
    kept = [part for part in policy.split(":") if not part.startswith("predictor=")]
    return ":".join([*kept, f"predictor=(remembered:of={name})"])


def search(benchmark: str, policy: str, seed: int, budget: int) -> dict[str, object]:
    """Run one search, and return its course, its end and its false stops."""
    known = table(benchmark)
    losses = known.curves[GUIDE].mean(1)
    ends, whole = known.truth(GUIDE), losses.shape[1]
    result = zcbench.search(
        benchmark, searcher=with_memory(benchmark, policy), objectives=GUIDE, budget=budget, seed=seed
    )
    rows = known.rows(result.architectures)
    epochs = np.where(np.isnan(result.epochs), whole, result.epochs).astype(int)
    trained: dict[int, int] = {}
    spent, best, quarter = 0, -1, max(1, round(whole / 4))
    total, course = budget * whole, np.full(len(SHARES), np.nan)
    steps = []  # epochs spent and loss, at each improvement
    behind: dict[int, int] = {}  # the incumbent that each network was last compared with
    for row, upto in zip(rows.tolist(), epochs.tolist(), strict=True):
        spent += upto - trained.get(row, 0)
        trained[row] = upto
        behind[row] = best
        if upto == whole and (best < 0 or ends[row] < ends[best]):
            best = row
            steps.append((spent, float(ends[row])))
        if best >= 0:
            course[SHARES * total >= spent - 1e-9] = ends[best]
    stopped = [row for row, upto in trained.items() if upto < whole]
    if stopped and spent >= total - whole and trained[rows[-1]] < whole:
        stopped = [row for row in stopped if row != rows[-1]]  # the end of the budget stopped that one
    first = next((row for row, upto in trained.items() if upto == whole), 0)
    against = ((row, other if other >= 0 else first) for row, other in behind.items())
    crossing = [
        row
        for row, other in against
        if row != other and losses[row, quarter - 1] > losses[other, quarter - 1] and ends[row] < ends[other]
    ]
    return {
        "networks": len(trained),
        "spent": spent,
        "loss": float(ends[best]) if best >= 0 else None,
        "best": float(np.nanmin(ends)),
        "course": [None if np.isnan(one) else float(one) for one in course],
        "steps": steps,
        "stopped": len(stopped),
        "false": int(sum(ends[row] < ends[best] for row in stopped)) if best >= 0 else len(stopped),
        "crossing": len(crossing),
        "crossing_stopped": len(set(crossing) & set(stopped)),
    }


def median_interval(values: np.ndarray) -> str:
    """Return the median and its 95 % interval by order statistics."""
    ordered, n = np.sort(values), len(values)
    low = int(stats.binom.ppf(0.025, n, 0.5))
    return f"{np.median(ordered):.2f} [{ordered[max(0, low - 1)]:.2f}, {ordered[min(n - 1, n - low)]:.2f}]"


def mean_interval(values: np.ndarray) -> str:
    """Return the mean and half of a 95 % interval by Student's t."""
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():.4f} ± {half:.4f}".replace("-", "−")


def share(several: Sequence[dict], what: str, of: str) -> str:
    """Return a rate with its counts."""
    count, total = (sum(row[name] for row in several) for name in (what, of))
    return f"{100 * count / total:.1f} % of {total}" if total else "–"


def line(benchmark: str, policy: str, several: list[dict], none: list[dict]) -> str:
    """Return one line of the table."""
    ratios = []
    for row, base in zip(several, none, strict=True):
        goal, needed = base["loss"], base["steps"][-1][0]
        reached = next((spent for spent, loss in row["steps"] if loss <= goal + 1e-12), None)
        ratios.append(0.0 if reached is None else needed / reached)
    apart = np.array([row["loss"] - base["loss"] for row, base in zip(several, none, strict=True)])
    courses = np.array([[np.nan if one is None else one for one in row["course"]] for row in several])
    regret = courses - np.array([row["best"] for row in several])[:, None]
    told = " / ".join("–" if np.isnan(regret[:, k]).any() else f"{regret[:, k].mean():.4f}" for k in (4, 9, 19))
    networks = f"{np.mean([row['networks'] for row in several]):.0f}"
    rates = (share(several, "false", "stopped"), share(several, "crossing_stopped", "crossing"))
    named = "no stopping" if policy == NONE else f"`{policy}`"
    cells = [benchmark, named, networks, mean_interval(apart), told, median_interval(np.array(ratios)), *rates]
    return "| " + " | ".join(cells) + " |"


def against(benchmark: str, several: dict[str, list[dict]]) -> None:
    """Print the difference of the final loss to that of rules without forecasts, on the same seeds."""
    for policy in several:
        others = [one for one in ("halving", "hyperband", "asha") if one in several]
        if "threshold=" not in policy or policy == NONE or not others:
            continue
        told = []
        for other in others:
            pairs = zip(several[policy], several[other], strict=True)
            told.append(f"{other} {mean_interval(np.array([row['loss'] - base['loss'] for row, base in pairs]))}")
        print(f"{benchmark}, {policy}: final loss minus that of {', '.join(told)}", flush=True)


def main() -> None:
    """Search, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--budget", type=int, default=20)
    parser.add_argument("--benchmarks", nargs="+", default=list(BENCHMARKS))
    parser.add_argument("--policies", nargs="+", help="searchers in addition to training without stopping")
    parser.add_argument("--choose", action="store_true", help="settings of forecasts")
    parser.add_argument("--out", type=Path, default=Path("stopping.jsonl"))
    options = parser.parse_args()
    policies = (NONE, *options.policies) if options.policies else CHOICES if options.choose else POLICIES
    rows: dict[tuple[str, str, int, int], dict] = {}
    if options.out.exists():
        for text in options.out.read_text().splitlines():
            row = json.loads(text)
            rows[row["benchmark"], row["policy"], row["seed"], row["budget"]] = row
    seeds = range(options.first, options.first + options.seeds)
    print(f"budget {options.budget} full trainings, {options.seeds} seeds from {options.first} on")
    titles = ("benchmark", "policy", "networks", "loss minus none", "regret at 25 / 50 / 100 %", "speed-up")
    print("| " + " | ".join((*titles, "false stops", "crossing stopped")) + " |\n" + "|---" * 8 + "|")
    for benchmark in options.benchmarks:
        with options.out.open("a") as file:
            for policy in policies:
                for seed in seeds:
                    names = (benchmark, policy, seed, options.budget)
                    if names not in rows:
                        named = dict(zip(("benchmark", "policy", "seed", "budget"), names, strict=True))
                        rows[names] = {**named, **search(*names)}  # type: ignore[dict-item]
                        file.write(json.dumps(rows[names]) + "\n")
                        file.flush()
        several = {p: [rows[benchmark, p, seed, options.budget] for seed in seeds] for p in policies}
        for policy in policies:
            print(line(benchmark, policy, several[policy], several[NONE]), flush=True)
        against(benchmark, several)


if __name__ == "__main__":
    main()
