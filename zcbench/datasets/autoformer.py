"""AutoFormer-T subnets with inherited weights on CIFAR-100, from the supernets of TangleNAS.

Source: R. S. Sukthanker et al., "Weight-Entanglement Meets Gradient-Based Neural Architecture Search",
arXiv:2312.10440; results in github.com/automl/TangleNAS. **Accuracies with inherited weights**, not of networks
trained alone. Each of the supernets was sampled separately, so a subnet has a value for few of them.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zcbench._arguments import shown
from zcbench.datasets._download import github
from zcbench.datasets._info import BenchmarkInfo, register_benchmark
from zcbench.datasets._read import Place, as_records, explained, members, read_parquet, single
from zcbench.datasets._table import Table
from zcbench.datasets._values import OddValueError, integer, number, numbers, text_of
from zcbench.errors import DataCorruptError
from zcbench.spaces._forms import literal
from zcbench.spaces.autoformer import DEPTHS, HEADS, RATIOS, AutoFormerSpace
from zcbench.types import Target

#: the optimizers of the supernets; those of gdas are degenerate (one accuracy for all subnets) and excluded
SUPERNETS = tuple((optimizer, prior) for optimizer in ("drnas", "darts") for prior in (False, True))
_FIELDS = (
    "optimizer",
    "img_size",
    "prior",
    "layer_num",
    "embed_dim",
    "mlp_ratio",
    "num_heads",
    "acc1",
    "params",
    "flops",
)


def target(optimizer: str, prior: bool) -> Target:
    """Describe the column of a supernet."""
    name = f"top1_{optimizer}{'_prior' if prior else ''}"
    how = f"trained by {optimizer}{' with a prior' if prior else ''}"
    return Target(name, "cifar100", True, f"top-1 accuracy on CIFAR-100 with weights of the supernet {how}, percent")


def convert(folder: Path, size: int) -> Table:
    """Read the columns in ``ZCBENCH_DATA``."""
    path = folder / "autoformer_vit" / "tanglenas_autoformer_cifar100.parquet"
    frame = read_parquet(path, _FIELDS)
    with explained(path) as at:
        rows = as_records(frame)
        for at.row, row in enumerate(rows, 1):
            row["mlp_ratio"], row["num_heads"] = json.loads(row["mlp_ratio"]), json.loads(row["num_heads"])
        return _table(rows, size, str(path), at)


def read(path: Path, size: int) -> Table:
    """Read the authors' ``results.zip``: Python literals in files named ``samples.json``.

    Raises:
        DataCorruptError: it is damaged or contains no samples.
    """
    rows: list[dict[str, Any]] = []
    with explained(path) as at:
        with members(path, "samples.json") as files:
            for at.row, content in files:
                rows += [dict(row) for row in _leaves(literal(content.decode()), {})]
        if not rows:
            raise DataCorruptError(f"{path} contains no samples: give the authors' results.zip.")
        return _table(rows, size, str(path), at)


def _leaves(content: Any, above: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    """Yield records (mappings with an accuracy) at any depth, with the fields of the enclosing mappings."""
    if isinstance(content, Mapping):
        fields = {
            **above,
            **{k: v for k, v in content.items() if isinstance(k, str) and not isinstance(v, (dict, tuple))},
        }
        if "acc1" in content:
            inner: dict[str, Any] = {}
            for value in content.values():
                if isinstance(value, Mapping):
                    inner |= value
            yield {**fields, **inner}
            return
        for value in content.values():
            yield from _leaves(value, fields)
    elif isinstance(content, (list, tuple)):
        for value in content:
            yield from _leaves(value, above)


def _table(rows: Iterable[Mapping[str, Any]], size: int, source: str, at: Place) -> Table:
    space = AutoFormerSpace(f"autoformer-{size}", image=size)
    found: dict[str, int] = {}
    cells: dict[tuple[int, int], float] = {}
    facts: dict[str, list[float]] = {"params_M": [], "flops_G": []}
    for at.row, row in enumerate(rows, 1):
        if not isinstance(row["prior"], bool):
            raise OddValueError(f"prior is {shown(row['prior'])}, not true or false")
        supernet = (text_of(row["optimizer"], "optimizer"), row["prior"])
        pixels = integer(row["img_size"], "img_size")
        if supernet not in SUPERNETS or pixels != size:
            continue
        depth = integer(row["layer_num"], "layer_num", min(DEPTHS), max(DEPTHS))
        heads, ratios = (numbers(row[name], name) for name in ("num_heads", "mlp_ratio"))
        if not depth <= len(heads) == len(ratios) <= max(DEPTHS):
            raise OddValueError(f"{depth} layers have {len(heads)} numbers of heads and {len(ratios)} ratios")
        if not set(heads) <= set(HEADS) or not set(ratios) <= set(RATIOS):
            raise OddValueError(f"heads are {HEADS} and ratios {RATIOS}, not {shown(row['num_heads'])} …")
        blocks = [(int(h), ratio) for h, ratio in zip(heads[:depth], ratios[:depth], strict=True)]
        key = space.from_blocks(integer(row["embed_dim"], "embed_dim"), blocks).key
        params, flops = number(row["params"], "params", 0) / 1e6, number(row["flops"], "flops", 0)
        if key not in found:
            found[key] = len(found)
            facts["params_M"].append(params)
            facts["flops_G"].append(flops)
        cell, accuracy = (found[key], SUPERNETS.index(supernet)), number(row["acc1"], "acc1", 0, 100)
        if cells.setdefault(cell, accuracy) != accuracy:
            raise OddValueError(f"{key} occurs twice, with different accuracies")
    at.row = None
    values = np.full((len(found), len(SUPERNETS)), np.nan)
    for cell, accuracy in cells.items():
        values[cell] = accuracy
    targets = tuple(target(*supernet) for supernet in SUPERNETS)
    return Table(
        list(found),
        targets,
        {t.name: values[:, [i]] for i, t in enumerate(targets)},
        facts={name: np.asarray(column) for name, column in facts.items()},
        source=source,
    )


register_benchmark(
    *(
        BenchmarkInfo(
            name=f"autoformer-{size}",
            space=f"autoformer-{size}",
            summary=f"AutoFormer-T subnets at {size} pixels on CIFAR-100, weights of four supernets",
            rows=6_012 if size == 32 else 5_982,
            targets=len(SUPERNETS),
            licence="none stated",
            reference="Sukthanker et al., arXiv:2312.10440",
            classes={"cifar100": 100},
            batches={"cifar100": "cifar100" if size == 32 else f"cifar100@{size}"},
            read=single(functools.partial(read, size=size)),
            convert=functools.partial(convert, size=size),
            remotes=(
                github(
                    "automl/TangleNAS",
                    "20aa4b119db0b60fa6172464aa24ec628024f54a",
                    "search_spaces/AutoFormer/analysis/results.zip",
                    "4a0ebea7e016be40b07d87c5c012960e908c8b198642a1111161af5bc4f9a9af",
                    1_008_629,
                ),
            ),
        )
        for size in (32, 224)
    )
)
