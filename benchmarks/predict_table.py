"""What ``zcbench predict`` reaches on real tables with few trained networks.

python benchmarks/predict_table.py                           # needs ZCBENCH_DATA; about an hour on one core
python benchmarks/predict_table.py --tables timm --sizes 20,50 --seeds 3

Each table is drawn from at random: trained networks, and up to 500 others as candidates. The figures are means
over draws. "params" is the size alone (its direction is known), "best single" is the predictor that is best on average
over the draws in hindsight, "reported" is the tau that the command prints, with the share of draws in which its 95 %
interval contains the tau on the candidates, and "within" is the share of candidates within 1.96 std.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import warnings
from pathlib import Path

import numpy as np

import zcbench
from zcbench.datasets import Benchmark, own_benchmark
from zcbench.metrics import kendall_tau
from zcbench.runs._predict import rows_of
from zcbench.runs._predict_features import usable_features
from zcbench.runs._ranking import Ranking

CANDIDATES = 500


def proxies_of(path: Path, dataset: str) -> Benchmark:
    """The rows of one data set of a long table of proxies, without their times."""
    import pyarrow.compute
    import pyarrow.parquet

    rows = pyarrow.parquet.read_table(path)
    rows = rows.filter(pyarrow.compute.equal(rows["dataset"], dataset))
    names = [n for n in rows.column_names if not n.endswith("time_s") and n not in ("search_space", "dataset", "idx")]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{path.stem}-{dataset}.parquet"
        pyarrow.parquet.write_table(rows.select(names), file)
        return own_benchmark(file, "val_accuracy")


def tables(folder: Path) -> dict[str, tuple[Benchmark, str, int]]:
    """Tables by name, with the column of sizes and its direction: 1 if larger networks have larger targets."""
    suite = folder / "nbsuitezero"
    bert = own_benchmark(folder / "bert_nas/bert_benchmark_500.parquet", "glue", exclude=["time_to_train", "completed"])
    words = folder / "nasbenchnlp/ptb_results_proxies.parquet"
    return {
        "timm": (zcbench.get_benchmark("timm"), "params_M", 1),
        "bert": (bert, "Number of Parameters", 1),
        "nb201-proxies": (proxies_of(suite / "zc_nasbench201_725x3.parquet", "cifar10"), "params", 1),
        "tnb-proxies": (proxies_of(suite / "zc_transbench101_micro_711x7.parquet", "class_scene"), "params", 1),
        "nlp-proxies": (own_benchmark(words, "loss", lower="loss", limit=3000), "total paramters", -1),
        "nasbench101": (zcbench.get_benchmark("nasbench101"), "params_M", 1),
        "ofa-mbv3": (zcbench.get_benchmark("ofa-mbv3"), "params_M", 1),
    }


def draw(table: Benchmark, size: str, direction: int, trained: int, seed: int) -> dict[str, object]:
    """One choice, and what it and every predictor that was tried reach on the candidates."""
    known = np.flatnonzero(np.isfinite(table.truth()))
    order = known[np.random.default_rng(seed).permutation(len(known))]
    part, rest = rows_of(table, order[:trained]), rows_of(table, order[trained : trained + CANDIDATES])
    truth = rest.truth()

    def tau(values: np.ndarray) -> float:
        there = np.isfinite(values)
        return kendall_tau(values[there], truth[there]).value if np.ptp(values[there]) > 0 else 0.0

    found = zcbench.predict(part, candidates=rest, seed=seed)
    by_name = dict(zip((one.key for one in rest.architectures), truth, strict=True))
    values = [(one.predicted, one.std, by_name[one.architecture]) for one in found.candidates if one.std > 0]
    predicted, std, true = np.array(values).T
    by_space = not found.features or found.features[0] not in {*part.facts, *part.texts}
    ranking = Ranking(part, rest, usable_features(part, rest, by_space=by_space), None, seed, None)
    assert found.choice is not None
    everyone = {one: tau(ranking._predicted(one, range(trained), rest.architectures)[0]) for one in found.choice.tried}
    reported = found.choice.tau
    return {
        "chosen": found.predictor,
        "tau": kendall_tau(predicted, true).value,
        "size": tau(direction * rest.facts[size]),
        "everyone": everyone,
        "tried": found.choice.tried,
        "reported": reported.value,
        "uncorrected": found.choice.uncorrected,
        "low": reported.low,
        "high": reported.high,
        "within": float((np.abs(true - predicted) <= 1.96 * std).mean()),
    }


def line(name: str, trained: int, rows: list[dict]) -> str:
    """A line of the table."""
    mean = {key: np.mean([row[key] for row in rows]) for key in ("tau", "size", "reported", "uncorrected", "within")}
    spread = np.std([row["tau"] for row in rows], ddof=1) if len(rows) > 1 else np.nan
    labels = set.intersection(*(set(row["everyone"]) for row in rows))
    single = {label: np.mean([row["everyone"][label] for row in rows]) for label in labels if "average" not in label}
    best = max(sorted(single), key=single.__getitem__)
    covered = np.mean([row["low"] <= row["tau"] <= row["high"] for row in rows])
    shares = f"{100 * covered:.0f} % | {100 * mean['within']:.0f} %"
    return (
        f"| {name} | {trained} | {mean['size']:.2f} | **{mean['tau']:.2f}** ± {spread:.2f} | {single[best]:.2f} "
        f"`{best}` | {mean['reported']:.2f} ({mean['uncorrected']:.2f}) | {shares} |"
    )


def main() -> None:
    """Print the table; draws that a file has are not repeated."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", default="", help="names, separated by commas (default: all)")
    parser.add_argument("--sizes", default="20,50,100")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="first seed; from 1000 on to choose settings")
    parser.add_argument("--out", default="predict_table.jsonl", help="file of the draws")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    path = Path(options.out)
    done = {tuple(row["key"]): row for row in map(json.loads, path.read_text().splitlines())} if path.exists() else {}
    everything = tables(Path(os.environ["ZCBENCH_DATA"]))
    print("| table | trained | size alone | `predict` | best single | reported (uncorrected) | in interval | within |")
    print("|:---|---:|---:|---:|:---|---:|---:|---:|")
    for name in options.tables.split(",") if options.tables else everything:
        table, size, direction = everything[name]
        for trained in map(int, options.sizes.split(",")):
            rows = []
            for seed in range(options.first, options.first + options.seeds):
                key = (name, trained, seed)
                if key not in done:
                    done[key] = {"key": key, **draw(table, size, direction, trained, seed)}
                    with path.open("a") as file:
                        file.write(json.dumps(done[key]) + "\n")
                rows.append(done[key])
            print(line(name, trained, rows), flush=True)


if __name__ == "__main__":
    main()
