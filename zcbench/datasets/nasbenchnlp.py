"""NAS-Bench-NLP: recurrent language models on WikiText-2 whose recipes are published with their training curves.

Source: N. Klyuchnikov et al., arXiv:2006.07116; github.com/fmsnew/nas-bench-nlp-release. (The authors' larger table, on
Penn Treebank, names architectures by numbers; only those in both have a recipe here.)
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zcbench.datasets._download import github
from zcbench.datasets._info import BenchmarkInfo, register_benchmark
from zcbench.datasets._read import Place, as_records, explained, members, parse_json, read_parquet, single
from zcbench.datasets._table import Table, with_repeats
from zcbench.datasets._values import OddValueError, mapping_of, number, numbers, text_of
from zcbench.errors import DataCorruptError
from zcbench.spaces import get_space
from zcbench.types import Target

EPOCHS = 50
TARGETS = {
    "test_nll": Target("test_nll", "wikitext2", False, "negative log-likelihood per word, test text, best epoch, nats"),
    "valid_nll": Target(
        "valid_nll", "wikitext2", False, "negative log-likelihood per word, validation text, best, nats"
    ),
    "ptb_perplexity": Target("ptb_perplexity", "ptb", False, "perplexity on Penn Treebank given by the authors"),
}
_FIELDS = ("recepie", "num_params", "wall_times", "val_losses", "test_losses", "status")


def convert(folder: Path) -> Table:
    """Read the runs in ``ZCBENCH_DATA``, with perplexities on Penn Treebank where they are known."""
    path = folder / "nasbenchnlp" / "wt2_runs.parquet"
    frame = read_parquet(path, [*_FIELDS, "ptb_perplexity"])
    with explained(path) as at:
        runs = []
        for at.row, run in enumerate(as_records(frame), 1):
            runs.append({k: json.loads(v) if k.endswith(("times", "losses")) else v for k, v in run.items()})
        return _table(runs, str(path), at)


def read(path: Path) -> Table:
    """Read the authors' ``logs.zip``: a JSON log per training.

    Raises:
        DataCorruptError: it is damaged or contains no logs.
    """
    with explained(path) as at:
        runs = []
        with members(path, ".json") as files:
            for at.row, content in files:
                runs.append(mapping_of(parse_json(content), "the log"))
        if not runs:
            raise DataCorruptError(f"{path} contains no logs: give the authors' logs.zip.")
        return _table(runs, str(path), at)


def _table(runs: Sequence[Mapping[str, Any]], source: str, at: Place) -> Table:
    """Make a table of successful trainings. Recipes that denote one network (some were drawn again) are its repeats."""
    space = get_space("nasbenchnlp")
    kept: list[Mapping[str, Any]] = []
    keys: list[str] = []
    for at.row, run in enumerate(runs, 1):
        if text_of(run["status"], "status") == "OK" and run["val_losses"]:
            kept.append(_checked(run))
            keys.append(space.canonical(space.parse(run["recepie"])).key)
    at.row = None
    values = {name: np.full((len(kept), 1), np.nan) for name in TARGETS}
    curves = {name: np.full((len(kept), 1, EPOCHS), np.nan) for name in ("test_nll", "valid_nll")}
    for row, run in enumerate(kept):
        losses = {"valid_nll": run["val_losses"], "test_nll": run["test_losses"]}
        best = int(np.argmin(losses["valid_nll"]))
        for name, curve in losses.items():
            values[name][row, 0] = curve[best]
            curves[name][row, 0, : len(curve)] = curve
        values["ptb_perplexity"][row, 0] = run["ptb_perplexity"]
    present = [name for name in TARGETS if np.isfinite(values[name]).any()]
    return with_repeats(
        Table(
            keys,
            tuple(TARGETS[name] for name in present),
            {name: values[name] for name in present},
            curves=curves,
            facts={
                "params_M": np.asarray([run["num_params"] / 1e6 for run in kept]),
                "train_seconds": np.asarray([float(np.sum(run["wall_times"])) for run in kept]),
            },
            source=source,
        )
    )


def _checked(run: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of a training as numbers."""
    valid, test = (numbers(run[name], name, low=0)[:EPOCHS] for name in ("val_losses", "test_losses"))
    if len(valid) != len(test):
        raise OddValueError(f"there are {len(valid)} validation and {len(test)} test losses")
    perplexity = run.get("ptb_perplexity")
    missing = perplexity is None or (isinstance(perplexity, float) and math.isnan(perplexity))
    return {
        "val_losses": valid,
        "test_losses": test,
        "wall_times": numbers(run["wall_times"], "wall_times", low=0),
        "num_params": number(run["num_params"], "num_params", 0),
        "ptb_perplexity": math.nan if missing else number(perplexity, "ptb_perplexity", 1),
    }


register_benchmark(
    BenchmarkInfo(
        name="nasbenchnlp",
        space="nasbenchnlp",
        summary="recurrent cells as language models on WikiText-2, curves",
        rows=263,
        targets=2,
        licence="Apache-2.0",
        reference="Klyuchnikov et al., arXiv:2006.07116",
        classes={"wikitext2": 33_278, "ptb": 10_000},
        batches={"ptb": "wikitext2@10000"},
        read=single(read),
        convert=convert,
        remotes=(
            github(
                "fmsnew/nas-bench-nlp-release",
                "a6d90a3b19e3966b1d009c0970b3761aa46707d1",
                "train_logs_wikitext-2/logs.zip",
                "f5052d6bea6398001e32c986322a243e8cdedffa906caf242eb0a62ee105aa12",
                879_000,
            ),
        ),
    ),
)
