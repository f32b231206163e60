"""Curve predictors on held-out curves of a prior: log-density, errors, coverage, and time compared with Markov chains.

    python benchmarks/curve_extrapolation.py --curves 200 --out curves.jsonl
    python benchmarks/curve_extrapolation.py --predictors mcmc --curves 40 --out curves.jsonl
    python benchmarks/curve_extrapolation.py --time

Curves have 100 epochs; 5, 10, 20 or 50 are known and all later ones are forecast. A curve's number identifies the same
curve for every predictor, so tables compare predictors on the curves that all of them have. Predictors that learn from
complete curves of the task get 100 other curves of the same prior. Each line of the output is one block of ten curves;
the same command resumes an interrupted run. With ``--time``: CPU seconds per curve, one by one and in batches of 256,
as ratios to mcmc in the same run.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from zcbench.curves import Context, CurvePredictor, Forecast, Normals, get_curve_predictor
from zcbench.curves.priors import PRIORS, Sample

#: seed of the reported curves; seeds from 1000 on are for choosing settings
SEED, BLOCK = 555, 10
FIGURES = ("log_density", "mse", "crps", "in50", "in90")


def contexts_of(sample: Sample, rows: slice, seen: int) -> list[Context]:
    """Return beginnings of some curves."""
    return [Context(sample.times[:seen], values[:seen], 100.0) for values in sample.values[rows]]


def made(label: str, prior: str) -> CurvePredictor:
    """Return a predictor, fitted if it learns."""
    predictor = get_curve_predictor(label)
    if predictor.learns:
        known = PRIORS[prior].sample(np.random.default_rng(SEED + 1), 100)
        predictor.fit([Context(known.times, values, 100.0) for values in known.values])
    return predictor


def thinner(forecast: Forecast, parts: int = 100) -> Forecast:
    """Return a mixture of evenly spaced parts of a very large one, for scores whose time is quadratic in the parts."""
    if not isinstance(forecast, Normals) or forecast.means.shape[2] <= parts:
        return forecast
    chosen = np.linspace(0, forecast.means.shape[2] - 1, parts).astype(int)
    means = forecast.means[..., chosen]
    return Normals(np.broadcast_to(1 / parts, means.shape), means, forecast.spreads[..., chosen])


def judged(predictor: CurvePredictor, contexts: list[Context], later: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """Return means over later points, by curve."""
    began = time.process_time()
    forecast = predictor.predict(contexts, np.broadcast_to(later, truth.shape))
    seconds = time.process_time() - began
    below = forecast.cdf(truth)
    figures = {
        "log_density": forecast.log_density(truth),
        "mse": (forecast.mean() - truth) ** 2,
        "crps": thinner(forecast).crps(truth),
        "in50": (below > 0.25) & (below < 0.75),
        "in90": (below > 0.05) & (below < 0.95),
    }
    return {name: value.mean(1).round(6).tolist() for name, value in figures.items()} | {"seconds": seconds}


def table(lines: list[dict[str, Any]], curves: int | None) -> None:
    """Print means by predictor and context, over the curves below a number."""
    found: dict[tuple[str, int], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        if curves is None or (line["block"] + 1) * BLOCK <= curves:
            for name in FIGURES:
                found[line["predictor"], line["context"]][name] += line[name]
            found[line["predictor"], line["context"]]["seconds"].append(line["seconds"] / BLOCK)
    print("predictor | context | curves | " + " | ".join(FIGURES) + " | median log-density | ms a curve")
    for (label, context), values in sorted(found.items(), key=lambda pair: (pair[0][1], pair[0][0])):
        means = " | ".join(f"{np.mean(values[name]):.4f}" for name in FIGURES)
        count, middle = len(values["mse"]), np.median(values["log_density"])
        print(f"{label} | {context} | {count} | {means} | {middle:.3f} | {1000 * np.mean(values['seconds']):.2f}")


def timed(labels: list[str], prior: str, seen: int = 20) -> None:
    """Print CPU seconds per curve as ratios to mcmc."""
    sample = PRIORS[prior].sample(np.random.default_rng(SEED + 2), 256)
    later = sample.times[None, seen:]
    contexts = contexts_of(sample, slice(None), seen)
    base = 0.0
    for label in ["mcmc", *(one for one in labels if one != "mcmc")]:
        predictor = made(label, prior)
        predictor.predict(contexts[:2], np.repeat(later, 2, 0))  # one-time loading is not counted
        singles = []
        for number in range(5 if label == "mcmc" else 30):
            began = time.process_time()
            predictor.predict(contexts[number : number + 1], later)
            singles.append(time.process_time() - began)
        single = float(np.median(singles))
        base = base or single
        if label == "mcmc":
            print(f"mcmc: {1000 * base:.0f} ms a curve; it takes one curve at a time")
            continue
        began = time.process_time()
        predictor.predict(contexts, np.repeat(later, 256, 0))
        batch = (time.process_time() - began) / 256
        print(
            f"{label}: {1000 * single:.3f} ms singly, mcmc / it = {base / single:,.0f}; "
            f"{1000 * batch:.3f} ms in batches of 256, mcmc / it = {base / batch:,.0f}"
        )


def main() -> None:
    """Run the missing blocks, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predictors", nargs="+", default=["lcpfn:prior=paper", "last_value", "best_fit", "fits"])
    parser.add_argument("--prior", default="paper", choices=list(PRIORS))
    parser.add_argument("--curves", type=int, default=200)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--contexts", type=int, nargs="+", default=[5, 10, 20, 50])
    parser.add_argument("--out", type=Path, default=Path("curves.jsonl"))
    parser.add_argument("--only", type=int, help="print the table of curves below this number")
    parser.add_argument("--time", action="store_true")
    options = parser.parse_args()
    if options.time:
        timed(options.predictors, options.prior)
        return
    text = options.out.read_text().splitlines() if options.out.exists() else []
    lines = [json.loads(line) for line in text]
    keys = ("prior", "seed", "predictor", "context", "block")
    done = {tuple(line[key] for key in keys) for line in lines}
    # Always the same number, because each drawn curve depends on the number of draws.
    sample = PRIORS[options.prior].sample(np.random.default_rng(options.seed), 1_000)
    for label in options.predictors:
        predictor = made(label, options.prior)
        for context in options.contexts:
            for block in range(options.curves // BLOCK):
                key = (options.prior, options.seed, label, context, block)
                if key in done:
                    continue
                rows = slice(block * BLOCK, (block + 1) * BLOCK)
                contexts = contexts_of(sample, rows, context)
                found = judged(predictor, contexts, sample.times[None, context:], sample.values[rows, context:])
                lines.append(dict(zip(keys, key, strict=True)) | found)
                with options.out.open("a") as file:
                    file.write(json.dumps(lines[-1]) + "\n")
    same = [one for one in lines if (one["prior"], one["seed"]) == (options.prior, options.seed)]
    table(same, options.only)


if __name__ == "__main__":
    main()
