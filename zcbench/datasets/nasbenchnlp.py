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
from zipfile import ZipFile

import numpy as np

from zcbench.datasets._download import github
from zcbench.datasets._info import BenchmarkInfo, register_benchmark
from zcbench.datasets._read import as_records, explained, read_parquet, single
from zcbench.datasets._table import Table, with_repeats
from zcbench.errors import DataCorruptError
from zcbench.spaces import get_space
from zcbench.types import Target

EPOCHS = 50
TARGETS = {
    "test_nll": Target("test_nll", "wikitext2", False, "negative log-likelihood per word, test text, best epoch, nats"),
    "valid_nll": Target(
        "valid_nll", "wikitext2", False, "negative log-likelihood per word, validation text, best, nats"
    ),
    "ptb_perplexity": Target("ptb_perplexity", "ptb", False, "perplexity on Penn Treebank as the authors give it"),
}
_FIELDS = ("recepie", "num_params", "wall_times", "val_losses", "test_losses", "status")


def convert(folder: Path) -> Table:
    """The runs in ``ZCBENCH_DATA``, with perplexities on Penn Treebank where they are known."""
    path = folder / "nasbenchnlp" / "wt2_runs.parquet"
    frame = read_parquet(path, [*_FIELDS, "ptb_perplexity"])
    with explained(path):
        runs = []
        for run in as_records(frame):
            runs.append({k: json.loads(v) if k.endswith(("times", "losses")) else v for k, v in run.items()})
        return _table(runs, str(path))


def read(path: Path) -> Table:
    """The authors' ``logs.zip``: a JSON log per training.

    Raises:
        DataCorruptError: it is damaged or holds no logs.
    """
    with explained(path), ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".json")]
        if not names:
            raise DataCorruptError(f"{path} holds no logs: give the authors' logs.zip.")
        return _table([json.loads(archive.read(name)) for name in names], str(path))


def _table(runs: Sequence[Mapping[str, Any]], source: str) -> Table:
    """Trainings that ended well. Recipes that denote one network (some were drawn again) are its repeats."""
    space = get_space("nasbenchnlp")
    kept = [run for run in runs if run["status"] == "OK" and run["val_losses"]]
    texts = [run["recepie"] if isinstance(run["recepie"], str) else json.dumps(run["recepie"]) for run in kept]
    values = {name: np.full((len(kept), 1), np.nan) for name in TARGETS}
    curves = {name: np.full((len(kept), 1, EPOCHS), np.nan) for name in ("test_nll", "valid_nll")}
    for row, run in enumerate(kept):
        losses = {"valid_nll": run["val_losses"][:EPOCHS], "test_nll": run["test_losses"][:EPOCHS]}
        best = int(np.argmin(losses["valid_nll"]))
        for name, curve in losses.items():
            values[name][row, 0] = curve[best] if best < len(curve) else math.nan
            curves[name][row, 0, : len(curve)] = curve
        perplexity = run.get("ptb_perplexity")
        values["ptb_perplexity"][row, 0] = math.nan if perplexity is None else float(perplexity)
    present = [name for name in TARGETS if np.isfinite(values[name]).any()]
    return with_repeats(
        Table(
            [space.canonical(space.parse(text)).key for text in texts],
            tuple(TARGETS[name] for name in present),
            {name: values[name] for name in present},
            curves=curves,
            facts={
                "params_M": np.asarray([float(run["num_params"]) / 1e6 for run in kept]),
                "train_seconds": np.asarray([float(np.sum(run["wall_times"])) for run in kept]),
            },
            source=source,
        )
    )


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
