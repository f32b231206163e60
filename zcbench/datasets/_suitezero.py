"""NAS-Bench-Suite-Zero's JSON files: accuracies (and the authors' proxy scores) by data set and architecture.

Source: A. Krishnakumar, C. White et al., "NAS-Bench-Suite-Zero: Accelerating Research on Zero Cost Proxies", NeurIPS
2022 Datasets and Benchmarks, arXiv:2210.03230.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from zcbench.datasets._read import explained, read_json
from zcbench.datasets._table import Table
from zcbench.datasets._values import bounds_of, mapping_of, number
from zcbench.errors import DataCorruptError
from zcbench.types import Target

#: the authors' proxies that are facts of a network
_FACTS = {"params": "params_M", "flops": "flops_M"}


def read_suite_zero(path: Path, targets: Mapping[str, Target]) -> Table:
    """Read ``{data set: {architecture: {proxy: {"score": …}, "val_accuracy": …}}}``.

    Args:
        path: the file.
        targets: the targets of the accuracies of each data set.

    Raises:
        DataCorruptError: it is damaged, or contains none of the data sets.
    """
    content = read_json(path)
    present = [name for name in targets if isinstance(content, dict) and name in content]
    if not present:
        raise DataCorruptError(f"{path} contains none of the data sets {', '.join(targets)}: give the authors' file.")
    with explained(path) as at:
        rows: dict[str, int] = {}
        for name in present:
            for text in mapping_of(content[name], name):
                rows.setdefault(text, len(rows))
        values = {targets[name].name: np.full((len(rows), 1), np.nan) for name in present}
        facts = {fact: np.full(len(rows), np.nan) for fact in _FACTS.values()}
        for name in present:
            for text, entry in content[name].items():
                at.row = f"{name}, {text[:100]}"
                mapping_of(entry, "an entry")
                accuracy = number(entry["val_accuracy"], "val_accuracy", *bounds_of(targets[name]))
                values[targets[name].name][rows[text], 0] = accuracy
                for proxy, fact in _FACTS.items():
                    if proxy in entry:
                        facts[fact][rows[text]] = number(entry[proxy]["score"], proxy, 0)
        at.row = None
    return Table(
        list(rows),
        tuple(targets[name] for name in present),
        values,
        facts={name: column for name, column in facts.items() if np.isfinite(column).any()},
        source=str(path),
    )
