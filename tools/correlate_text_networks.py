"""Score FlexiBERT's encoders and NAS-Bench-NLP's recurrent cells, and correlate with their published results.

    ZCBENCH_DATA=../shared/data python tools/correlate_text_networks.py score bert   # resumes; --part 0/2 for two
    ZCBENCH_DATA=../shared/data python tools/correlate_text_networks.py table bert
    ZCBENCH_DATA=../shared/data python tools/correlate_text_networks.py explain bert  # why ours differ from theirs

Networks have the published architectures, new weights and a batch of WikiText-2. Scores are appended to runs/bert.jsonl
(nlp, head) as they are computed. This is not a benchmark of the package: the tables are read from ZCBENCH_DATA.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import os
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import nn

import zcbench
from zcbench.metrics import kendall_tau, spearman_rho
from zcbench.spaces._flexibert_network import Encoder
from zcbench.spaces._nasbenchnlp_network import LanguageModel

RUNS = Path(__file__).parents[1] / "runs"
COMMON = ["params", "flops", "num_layers", "l2_norm", "jacov", "jacobian_cosine", "ntk_mean"]
PAIRED = [
    *("head_confidence", "softmax_confidence", "head_importance", "synaptic_saliency", "synaptic_diversity"),
    "activation_distance",
]
GRADIENTS = [
    f"{name}{setting}"
    for setting in ("", ":normalized=true")
    for name in ("head_importance", "synaptic_saliency", "synaptic_diversity")
]
PROXIES = {
    "bert": [
        *COMMON,
        *("w_pca", "v_pca", "w_pca:eta=0.9", "v_pca:eta=0.9", "az_expressivity", "az_trainability"),
        *PAIRED,
        *(f"{name}:normalized=true" for name in PAIRED),
    ],
    # With a classifier on top, because without one, the last layer norm makes the sum of all outputs constant.
    "head": ["jacov", "jacobian_cosine", "ntk_mean", "az_trainability", *GRADIENTS],
    "nlp": [
        *COMMON,
        *("hidden_covariance", "hidden_covariance:layer=2", "hidden_covariance:layer=3"),
        *("grad_norm", "grad_norm_all", "snip", "plain", "fisher"),
    ],
}
#: our labels and the columns that the authors published for the same networks
PUBLISHED = {
    "bert": {
        "params": "Number of Parameters",
        "jacov": "Jacobian Score",
        "head_confidence": "Head Confidence",
        "head_confidence:normalized=True": "Head Confidence Normalized",
        "softmax_confidence": "Head Softmax Confidence",
        "softmax_confidence:normalized=True": "Head Softmax Confidence Normalized",
        "head_importance": "Head Importance",
        "head_importance:normalized=True": "Head Importance Normalized",
        "synaptic_saliency": "Synaptic Saliency",
        "synaptic_saliency:normalized=True": "Synaptic Saliency Normalized",
        "synaptic_diversity": "Synaptic Diversity",
        "synaptic_diversity:normalized=True": "Synaptic Diversity Normalized",
        "activation_distance": "Activation Distance",
        "activation_distance:normalized=True": "Activation Distance Normalized",
    },
    "nlp": {
        "params": "trainable paramters",
        "jacov": "Jacobian Covariance",
        "jacobian_cosine": "Jacobian Cosine",
        "hidden_covariance": "Layer 1 Hidden Covariance",
        "hidden_covariance:layer=2": "Layer 2 Hidden Covariance",
        "hidden_covariance:layer=3": "Layer 3 Hidden Covariance",
    },
}


def data(*parts: str) -> Path:
    """Return a path under ZCBENCH_DATA."""
    folder = os.environ.get("ZCBENCH_DATA")
    if not folder:
        sys.exit("set ZCBENCH_DATA to the folder with the tables.")
    return Path(folder, *parts)


def tokens(words: int, batch: int, length: int) -> torch.Tensor:
    """Return the first words of WikiText-2's validation text as ids by rank of frequency, ``(batch, length)``."""
    with gzip.open(data("text", "wikitext2.valid.tokens.gz"), "rt", encoding="utf8") as file:
        text = file.read().split()
    rank = {word: min(i, words - 1) for i, (word, _) in enumerate(Counter(text).most_common())}
    step = len(text) // batch
    return torch.tensor([[rank[word] for word in text[i * step : i * step + length + 1]] for i in range(batch)])


def rows(kind: str) -> list[dict[str, Any]]:
    """Return the published table: key, arguments to build the network, targets (high is good), the authors' scores."""
    if kind != "nlp":
        table = pq.read_table(data("bert_nas", "bert_benchmark_500.parquet")).to_pylist()
        return [
            {
                "key": str(row["id"]),
                "width": int(row["hidden_size"]),
                "layers": json.loads(row["layers"]),
                "targets": {"GLUE": row["glue"]},
                "published": {name: row[column] for name, column in PUBLISHED["bert"].items()},
            }
            for row in table
        ]
    runs = pq.read_table(data("nasbenchnlp", "wt2_runs.parquet")).to_pylist()
    columns = list(PUBLISHED["nlp"].values())
    ptb = pq.read_table(data("nasbenchnlp", "ptb_results_proxies.parquet"), columns=["recepie_id", "loss", *columns])
    by_id = {str(row["recepie_id"]): row for row in ptb.to_pylist()}
    return [
        {
            "key": str(row["recepie_id"]),
            "recipe": json.loads(row["recepie"]),
            "targets": {
                "WikiText-2": -min(json.loads(row["val_losses"])) if row["status"] == "OK" else math.nan,
                "PTB": -float(by_id.get(str(row["recepie_id"]), {}).get("loss") or math.nan),
            },
            "published": {
                name: by_id.get(str(row["recepie_id"]), {}).get(column) for name, column in PUBLISHED["nlp"].items()
            },
        }
        for row in runs
    ]


def build(kind: str, row: dict[str, Any]) -> nn.Module:
    """Return the network, with weights that depend on its key."""
    torch.manual_seed(zlib.crc32(row["key"].encode()))
    if kind == "nlp":
        return LanguageModel(row["recipe"])
    encoder = Encoder(row["width"], row["layers"])
    return encoder if kind == "bert" else WithHead(encoder, row["width"])


class WithHead(nn.Module):
    """Two logits from the mean of the last hidden states."""

    def __init__(self, encoder: nn.Module, width: int) -> None:
        super().__init__()
        self.encoder, self.head = encoder, nn.Linear(width, 2)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Map ``(batch, length)`` to ``(batch, 2)``."""
        logits: torch.Tensor = self.head(self.encoder(inputs).mean(1))
        return logits


def score(kind: str, part: str) -> None:
    """Score all networks of a part that have no score yet."""
    torch.set_num_threads(1)
    number, parts = map(int, part.split("/"))
    path = RUNS / f"{kind}.jsonl" if parts == 1 else RUNS / f"{kind}-{number}of{parts}.jsonl"
    known = {line["key"] for line in lines(kind)}
    if kind != "nlp":
        inputs, targets = tokens(30522, 16, 64)[:, :-1], None
    else:
        text = tokens(10_000, 20, 70)
        inputs, targets = text[:, :-1], text[:, 1:]
    with path.open("a") as file:
        for index, row in enumerate(rows(kind)):
            if index % parts != number or row["key"] in known:
                continue
            found = zcbench.score(build(kind, row), inputs, targets, PROXIES[kind])
            entry = {
                "key": row["key"],
                "scores": {name: [one.value, str(one.status), one.seconds, one.detail] for name, one in found.items()},
            }
            file.write(json.dumps(entry) + "\n")
            file.flush()


def lines(kind: str) -> Iterator[dict[str, Any]]:
    """Yield the scores so far; an incomplete last line is skipped."""
    for path in sorted(RUNS.glob(f"{kind}*.jsonl")):
        for line in path.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                yield json.loads(line)


def table(kind: str) -> None:
    """Print a Markdown table: our correlations, and those of the published scores of the same networks."""
    by_key = {line["key"]: line["scores"] for line in lines(kind)}
    published = [row for row in rows(kind) if row["key"] in by_key]
    print(f"{len(published)} networks\n")
    targets = list(published[0]["targets"])
    print("| proxy | scored | " + " | ".join(f"{t}: τ | ρ | published scores: τ" for t in targets) + " |")
    print("|---|---|" + "---|" * (3 * len(targets)))
    measured = []
    for name in by_key[published[0]["key"]]:
        cells = []
        for target in targets:
            pairs = [(by_key[r["key"]][name][0], r["targets"][target], r["published"].get(name)) for r in published]
            ours = np.array([(s, t) for s, t, _ in pairs if s is not None and math.isfinite(t)])
            theirs = [
                (float(p), t) for _, t, p in pairs if p is not None and math.isfinite(float(p)) and math.isfinite(t)
            ]
            tau, rho = (function(*ours.T) if len(ours) > 2 else None for function in (kendall_tau, spearman_rho))
            known = kendall_tau(*np.array(theirs).T) if len(theirs) > 2 else None
            cells.append((tau, rho, known))
        counted = sum(by_key[r["key"]][name][0] is not None for r in published)
        measured.append((name, counted, cells))
    for name, counted, cells in sorted(measured, key=lambda m: -(m[2][0][0].value if m[2][0][0] else -2)):
        parts = [text(estimate) for cell in cells for estimate in cell]
        print(f"| {name} | {counted} | " + " | ".join(parts) + " |")


def explain() -> None:
    """Compare the authors' head confidence and activation distance on the row's network and on theirs.

    "theirs": 256 wide with stacks of 1,024 in every row, which agrees with the published counts of parameters.
    """
    torch.set_num_threads(1)
    inputs = tokens(30522, 16, 64)[:, :-1]
    path = RUNS / "explain.jsonl"
    known = {json.loads(line)["key"] for line in path.read_text().splitlines()} if path.exists() else set()
    with path.open("a") as file:
        for row in rows("bert"):
            if row["key"] in known:
                continue
            found = {}
            wide = [{**layer, "feed_forward_dimension": 1024} for layer in row["layers"]]
            for which, other in (("row's", row), ("theirs", {**row, "width": 256, "layers": wide})):
                network = build("bert", other)
                scores = zcbench.score(network, inputs, None, ["head_confidence", "activation_distance"])
                found |= {f"{name}, network {which}": one.value for name, one in scores.items()}
                found |= {f"{name}, network {which}": value for name, value in _as_they_do(network, inputs).items()}
            file.write(json.dumps({"key": row["key"], **found}) + "\n")
            file.flush()
    by_key = {entry["key"]: entry for entry in map(json.loads, path.read_text().splitlines())}
    print("| score | τ with GLUE | τ with the published scores |\n|---|---|---|")
    table_ = rows("bert")
    for name in next(iter(by_key.values())):
        if name == "key":
            continue
        column = "activation_distance" if "activation" in name else "head_confidence"
        triples = [(by_key[r["key"]][name], r["targets"]["GLUE"], float(r["published"][column])) for r in table_]
        ours, truth, theirs = np.array([t for t in triples if t[0] is not None]).T
        print(f"| {name} | {text(kendall_tau(ours, truth))} | {text(kendall_tau(ours, theirs))} |")


def _as_they_do(network: nn.Module, inputs: torch.Tensor) -> dict[str, float]:
    """Compute both as their code does: means of largest projections over positions, and signs of sample 0's units."""
    confidence, distance = 0.0, 0.0

    def projection(_: nn.Module, __: object, output: torch.Tensor) -> None:
        nonlocal confidence
        confidence += float(output.max(1).values.mean())

    def hidden(_: nn.Module, __: object, output: torch.Tensor) -> None:
        nonlocal distance
        signs = (output[0] > 0).float() * 2 - 1  # positions by units
        same = signs.sum(0)
        distance += 0.5 * (len(signs) ** 2 * signs.shape[1] + float(same @ same))

    for name, module in network.named_modules():
        if name.endswith((".query", ".key", ".value")):
            module.register_forward_hook(projection)
        elif ".up." in name:
            module.register_forward_hook(hidden)
    with torch.no_grad():
        network.eval()(inputs)
    return {"head confidence as their code": confidence, "activation distance as their code": distance}


def text(estimate: Any) -> str:
    """Format an estimate with its interval."""
    if estimate is None or not math.isfinite(estimate.value):
        return ""
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("score", "table", "explain"))
    parser.add_argument("kind", choices=tuple(PROXIES))
    parser.add_argument("--part", default="0/1", help="score every n-th network: 0/2 and 1/2 for two processes")
    options = parser.parse_args()
    if options.action == "score":
        score(options.kind, options.part)
    elif options.action == "explain":
        explain()
    else:
        table(options.kind)
