"""Do forecasts rank unfinished trainings better than their last values do? Rules that use such rankings, on tables.

    python benchmarks/curve_ranking.py --first 1000 --seeds 40

Random networks of the tables of curve_stopping.py (every eighth of digits-201) are trained with the epochs of --budget
full trainings; validation loss guides. Rules:

- asha: a training continues if it is among the best third of its rung. It is ranked by its last value, or by the
forecast
  of its end: the mean, an optimistic quantile (25 % of the loss), the expected improvement over the best full training
  so far, the probability of beating it; before there is one, by the mean.
- freeze-thaw: the first network is fully trained. Then one epoch at a time is given to the training with the largest
  expected improvement (or probability) per remaining epoch, or to a new one if its expectation is larger: if the best k
  of m trainings after one epoch were fully trained, (their sum / m) / (1 + (T - 1) k / m), maximized over k. This is
  similar to K. Swersky, J. Snoek and R. P. Adams, "Freeze-Thaw Bayesian Optimization", arXiv:1406.3896, and to H.
  Rakotoarison et al., ICML 2024, arXiv:2404.16795, for networks of which only the curves are known.

Forecasts of all networks after all epochs are computed first, in batches. A table has the number of networks, the best
loss minus that of the table after 25, 50 and 100 % of the epochs, and the speed-up (see curve_stopping.py). The loss of
a search without a full training is infinite. Before the table, rank correlations (Spearman) with the end are printed,
for all networks and for the best third by their last value.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from curve_stopping import BENCHMARKS, GUIDE, median_interval, table
from scipy import stats

from zcbench import curves

QUANTILES = (np.arange(40) + 0.5) / 40
#: interval between the used networks of a table
EVERY = {"digits-201": 8}


@dataclass
class Known:
    """Losses ``(networks, epochs)``, ends, and forecasts of ends: means, and quantiles in a third dimension."""

    losses: np.ndarray
    ends: np.ndarray
    means: np.ndarray
    quantiles: np.ndarray


def known(benchmark: str, predictor: str) -> Known:
    """Forecast each network after each epoch."""
    rows = slice(None, None, EVERY.get(benchmark, 1))
    losses, ends = table(benchmark).curves[GUIDE].mean(1)[rows], table(benchmark).truth(GUIDE)[rows]
    whole = losses.shape[1]
    means, quantiles = losses.copy(), np.repeat(losses[..., None], len(QUANTILES), 2)  # kept for diverging networks
    means[:, -1], quantiles[:, -1] = ends, ends[:, None]
    made = curves.get_curve_predictor(predictor)
    for seen in range(1, whole):
        several = [curves.prepare(np.arange(1.0, seen + 1), row[:seen], whole, lower_is_better=True) for row in losses]
        alive = [row for row, one in enumerate(several) if one.context.values[-1] >= -0.25]
        asked = np.full((len(alive), 1), several[0].axis.end)
        scales = [several[row].scale for row in alive]
        offset, factor = (np.array([[getattr(one, name)] for one in scales]) for name in ("offset", "factor"))
        found = made.predict([several[row].context for row in alive], asked).affine(-offset / factor, 1 / factor)
        means[alive, seen - 1] = found.mean()[:, 0]
        quantiles[alive, seen - 1] = np.stack([found.quantile(level)[:, 0] for level in QUANTILES], 1)
    return Known(losses, ends, means, quantiles)


@dataclass
class Run:
    """One search: trained networks, the order of new ones, and the course of the best loss."""

    known: Known
    order: list[int]
    budget: int
    spent: int = 0
    best: float = np.inf
    trained: dict[int, int] = field(default_factory=dict)
    steps: list[tuple[int, float]] = field(default_factory=list)

    @property
    def whole(self) -> int:
        return self.known.losses.shape[1]

    def train(self, row: int, epochs: int) -> bool:
        """Train, or return False if the budget does not allow it."""
        cost = epochs - self.trained.get(row, 0)
        if self.spent + cost > self.budget * self.whole:
            return False
        self.spent, self.trained[row] = self.spent + cost, epochs
        if epochs == self.whole and self.known.ends[row] < self.best:
            self.best = float(self.known.ends[row])
            self.steps.append((self.spent, self.best))
        return True

    def gains(self, rows: list[int], epochs: list[int], kind: str) -> np.ndarray:
        """Return expected improvements, or probabilities of one."""
        above = self.best - self.known.quantiles[rows, np.array(epochs) - 1]
        found: np.ndarray = np.maximum(above, 0).mean(1) if kind == "improvement" else (above > 0).mean(1)
        return found

    def score(self, row: int, epochs: int, kind: str) -> float:
        """Return the number by which a training is ranked; lower is better."""
        if kind == "last value":
            return float(self.known.losses[row, epochs - 1])
        if kind == "optimistic":
            return float(self.known.quantiles[row, epochs - 1, len(QUANTILES) // 4])
        mean = float(self.known.means[row, epochs - 1])
        return (
            mean
            if kind == "mean" or not np.isfinite(self.best)
            else 1e-9 * mean - float(self.gains([row], [epochs], kind)[0])
        )


def without(run: Run) -> None:
    """Train without stopping."""
    while run.order and run.train(run.order.pop(0), run.whole):
        pass


def asha(run: Run, kind: str, eta: int = 3) -> None:
    """Run asynchronous successive halving."""
    steps = int(np.floor(np.log(run.whole) / np.log(eta) + 1e-9))
    rungs = sorted({max(1, round(run.whole / eta**step)) for step in range(steps + 1)})
    there: list[list[int]] = [[] for _ in rungs]
    gone: set[tuple[int, int]] = set()
    while True:
        chosen = None
        for number in reversed(range(len(rungs) - 1)):
            ranked = sorted(there[number], key=lambda row: run.score(row, rungs[number], kind))
            free = [row for row in ranked[: len(ranked) // eta] if (row, number) not in gone]
            if free:
                chosen = (free[0], number + 1)
                gone.add((free[0], number))
                break
        if chosen is None and not run.order:
            return
        row, number = chosen or (run.order.pop(0), 0)
        if not run.train(row, rungs[number]):
            return
        there[number].append(row)


def freeze_thaw(run: Run, kind: str) -> None:
    """Train one epoch at a time."""
    run.train(run.order.pop(0), run.whole)
    while True:
        rest = [row for row, epochs in run.trained.items() if epochs < run.whole]
        chosen = None
        if rest:
            fresh = np.sort(run.gains(list(run.trained), [1] * len(run.trained), kind))[::-1]
            share = np.arange(1, len(fresh) + 1) / len(fresh)
            begin = (fresh.cumsum() / len(fresh) / (1 + (run.whole - 1) * share)).max()
            epochs = [run.trained[row] for row in rest]
            rates = run.gains(rest, epochs, kind) / (run.whole - np.array(epochs))
            if max(rates) >= begin or not run.order:
                chosen = rest[int(np.argmax(rates))]
        if chosen is None and not run.order:
            return
        row = run.order.pop(0) if chosen is None else chosen
        if not run.train(row, run.trained.get(row, 0) + 1):
            return


RULES: dict[str, Callable[[Run], None]] = {
    **{
        f"asha, by {kind}": lambda run, kind=kind: asha(run, kind)  # type: ignore[misc]
        for kind in ("last value", "mean", "optimistic", "improvement", "probability")
    },
    **{
        f"freeze-thaw, by {kind}": lambda run, kind=kind: freeze_thaw(run, kind)  # type: ignore[misc]
        for kind in ("improvement", "probability")
    },
}


def line(benchmark: str, name: str, runs: list[Run], base: list[Run]) -> str:
    """Return one line of the table."""
    ratios = []
    for run, other in zip(runs, base, strict=True):
        reached = next((spent for spent, loss in run.steps if loss <= other.best + 1e-12), None)
        ratios.append(0.0 if reached is None else other.steps[-1][0] / reached)
    regrets = []
    for share in (0.25, 0.5, 1):
        ends = [([np.inf] + [b for s, b in run.steps if s <= share * run.budget * run.whole])[-1] for run in runs]
        regrets.append(f"{np.mean(ends) - np.nanmin(runs[0].known.ends):.4f}")
    networks = f"{np.mean([len(run.trained) for run in runs]):.0f}"
    return "| " + " | ".join([benchmark, name, networks, " / ".join(regrets), median_interval(np.array(ratios))]) + " |"


def correlations(benchmark: str, of: Known) -> None:
    """Print rank correlations with the ends."""
    for seen in (1, 2, 3, 5, 7):
        last, mean = of.losses[:, seen - 1], of.means[:, seen - 1]
        top = last <= np.quantile(last, 1 / 3)
        told = [stats.spearmanr(one[rows], of.ends[rows])[0] for rows in (slice(None), top) for one in (last, mean)]
        print(f"{benchmark}, after {seen} epochs: all by last value {told[0]:.2f}, by forecast {told[1]:.2f}; "
              f"best third {told[2]:.2f}, {told[3]:.2f}")  # fmt: skip


def main() -> None:
    """Search, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--first", type=int, default=1000, help="first seed")
    parser.add_argument("--budget", type=int, default=20)
    parser.add_argument("--predictor", default="lcpfn")
    parser.add_argument("--benchmarks", nargs="+", default=list(BENCHMARKS))
    options = parser.parse_args()
    for benchmark in options.benchmarks:
        told = known(benchmark, options.predictor)
        correlations(benchmark, told)
        orders = [np.random.default_rng(options.first + k).permutation(len(told.ends)) for k in range(options.seeds)]

        def runs(rule: Callable[[Run], None], told: Known = told, orders: list[np.ndarray] = orders) -> list[Run]:
            found = [Run(told, order.tolist(), options.budget) for order in orders]
            for one in found:
                rule(one)
            return found

        base = runs(without)
        for name, rule in {"no stopping": without, **RULES}.items():
            print(line(benchmark, name, runs(rule), base), flush=True)


if __name__ == "__main__":
    main()
