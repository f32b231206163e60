"""Forecasts of real curves one by one and jointly, with complete curves of other architectures.

    python benchmarks/curve_joint.py --out joint.jsonl
    python benchmarks/curve_joint.py --out joint.jsonl --tables

The curves are validation losses of digits-201 (300 architectures), chars-rnn, chars-bert and nasbenchnlp. Architectures
are divided into five parts as in the tracks of curves. Those of a part are forecast together from a share of their
epochs, with 0, 20 or 50 complete curves of the other parts. With ``coded`` in brackets, lkgp gets the encoding of each
architecture. Figures are in the metric's units, means over all later epochs: log-density (a value counts as -10 at
least), CRPS, coverage of central intervals; Kendall's tau of predicted and true ends, by architecture. Each line of the
output is one predictor at one share with one number of complete curves of one part; the same command resumes an
interrupted run. Part 0 was used in the development of lkgp, and is not reported.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from zcbench.curves import Context, get_curve_predictor
from zcbench.curves._judging import judged
from zcbench.datasets import Benchmark, get_benchmark
from zcbench.encodings import get_encoding
from zcbench.metrics import quality
from zcbench.runs._curve_set import CurveSet, curve_set

SETS = {"digits-201": 300, "chars-rnn": None, "chars-bert": None, "nasbenchnlp": None}
SHARES, KNOWN, PARTS = (0.1, 0.25, 0.5, 0.75), (0, 20, 50), 5
PREDICTORS = (
    "lcpfn:prior=extended",
    "lkgp",
    "lkgp (coded)",
    "recalibrated:of=(lcpfn:prior=extended)",
    "calibrated_last_value",
)
FIGURES = ("log_density", "median", "impossible", "crps", "in50", "in90", "mse", "tau")


def codes_of(benchmark: Benchmark, curves: CurveSet) -> np.ndarray:
    """Return one-hot encodings of the trained architectures ``(curves, features)``."""
    table = np.asarray(benchmark.curves[curves.curve], np.float64)
    place = {row.tobytes(): number for number, rows in enumerate(table) for row in rows}
    architectures = [benchmark.architectures[place[row.tobytes()]] for row in curves.values]
    return np.asarray(get_encoding("onehot").fit(architectures).transform(architectures), np.float64)


def measured(curves: CurveSet, codes: np.ndarray | None, label: str, part: int, share: float, known: int) -> Any:
    """Return figures of one predictor, or None if it needs complete curves and has none."""
    made = get_curve_predictor(label.partition(" ")[0])
    if made.learns and not known:
        return None

    def coded(context: Context, row: int) -> Context:
        return context if codes is None else dataclasses.replace(context, code=codes[row])

    began = time.process_time()
    if made.learns or made.joint:
        rows = curves.complete(part, PARTS, known)
        made.fit([coded(curves.prepared(row).context, row) for row in rows])
    rows = curves.tested(part, PARTS)
    horizon = curves.horizon[rows]
    cut = max(1, int(share * horizon.max() + 0.5))
    there = np.isfinite(curves.values[rows])
    rows = rows[there[:, :cut].any(1) & there[:, cut:].any(1)]
    asked = [curves.prepared(row, cut) for row in rows]
    epochs = np.arange(cut + 1, horizon.max() + 1.0)
    times = np.stack([one.axis.times(epochs) for one in asked])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        forecast = made.predict([coded(one.context, row) for one, row in zip(asked, rows, strict=True)], times)
    seconds = time.process_time() - began
    factor, offset = (np.array([[getattr(one.scale, name)] for one in asked]) for name in ("factor", "offset"))
    forecast = forecast.affine(-offset / factor, 1 / factor)
    observed = curves.values[rows][:, cut:]
    found = judged(forecast, observed)
    seen = np.isfinite(observed)
    logs = np.where(seen, np.maximum(forecast.log_density(np.where(seen, observed, 0)), -10), 0).sum(1) / seen.sum(1)
    network = np.unique(curves.network[rows], return_inverse=True)[1]
    ends = [np.bincount(network, one) / np.bincount(network) for one in (found.predicted, found.true)]
    figures = [logs.mean(), np.median(logs), found.impossible.sum(), found.crps.mean()]
    figures += [found.covered[0.5].mean(), found.covered[0.9].mean(), found.squared.mean(), quality(*ends)["tau"]]
    return dict(zip(FIGURES, map(float, figures), strict=True)) | {"seconds": seconds, "curves": len(rows)}


def tables(path: Path) -> None:
    """Print means over parts."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for line in path.read_text().splitlines():
        one = json.loads(line)
        if "log_density" in one:
            groups[one["set"], one["share"], one["known"], one["predictor"]].append(one)
    for (name, share, known, label), several in sorted(groups.items()):
        mean = {key: np.mean([one[key] for one in several]) for key in (*FIGURES, "seconds")}
        print(
            f"{name:12} {share:<5} {known:3} {label:40} logp {mean['log_density']:6.2f} ({mean['median']:6.2f}) "
            f"crps {mean['crps']:.4f} in50 {mean['in50']:.2f} in90 {mean['in90']:.2f} tau {mean['tau']:.3f} "
            f"{mean['seconds']:6.1f} s, {len(several)} parts"
        )


def main() -> None:
    """Run the missing measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("joint.jsonl"))
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--predictors", nargs="+", default=list(PREDICTORS))
    parser.add_argument("--parts", nargs="+", type=int, default=[1, 2], help="measured parts, of five (0 to 4)")
    parser.add_argument("--shares", nargs="+", type=float, default=list(SHARES))
    parser.add_argument("--tables", action="store_true", help="print existing results without measuring")
    given = parser.parse_args()
    if given.tables:
        tables(given.out)
        return
    lines = given.out.read_text().splitlines() if given.out.exists() else []
    keys = ("set", "part", "share", "known", "predictor")
    done = {tuple(json.loads(line)[key] for key in keys) for line in lines}
    for name in given.sets:
        benchmark = get_benchmark(name)
        curves = curve_set(benchmark, limit=SETS[name])
        codes = codes_of(benchmark, curves)
        for key in (
            (name, part, share, known, label)
            for part in given.parts
            for share in given.shares
            for known in KNOWN
            for label in given.predictors
        ):
            if key in done:
                continue
            found = measured(curves, codes if "coded" in key[4] else None, key[4], key[1], key[2], key[3])
            with given.out.open("a") as file:
                file.write(json.dumps(dict(zip(keys, key, strict=True)) | (found or {})) + "\n")


if __name__ == "__main__":
    main()
