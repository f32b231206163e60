"""NAS-Bench-Graph: 26,206 graph neural networks on nine graphs.

Source: Y. Qin, Z. Zhang, X. Wang, Z. Zhang, W. Zhu, "NAS-Bench-Graph: Benchmarking Graph Neural Architecture Search",
NeurIPS 2022, arXiv:2206.09166. Networks are named by the authors' number; zcbench does not build them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zcbench._arguments import shown
from zcbench.datasets._download import github
from zcbench.datasets._info import BenchmarkInfo, register_benchmark
from zcbench.datasets._pickles import read_pickle
from zcbench.datasets._read import Place, bare_stem, explained, read_parquet
from zcbench.datasets._table import Table
from zcbench.datasets._values import OddValueError, mapping_of, number, text_of
from zcbench.errors import DataCorruptError
from zcbench.types import Target

GRAPHS = ("cora", "citeseer", "pubmed", "cs", "physics", "photo", "computers", "arxiv", "proteins")
#: columns by the authors' name: split and whether they are ground truth
_MEASURES = {"perf": "test", "valid_perf": "valid"}


def convert(folder: Path) -> Table:
    """Read the columns in ``ZCBENCH_DATA``."""
    path = folder / "nasbenchgraph" / "nasbenchgraph_light.parquet"
    frame = read_parquet(path, ["dataset", "arch_hash", "perf", "valid_perf", "latency", "para"])
    with explained(path) as at:
        return _table(zip(*frame.values(), strict=True), str(path), at)


def read(paths: Sequence[Path]) -> Table:
    """Read the authors' ``.bench`` files (pickles): architectures by number, each with its measures.

    Raises:
        DataCorruptError: one is damaged, of another format, or requests forbidden objects.
    """
    rows: list[tuple[Any, ...]] = []
    for path in paths:
        graph = bare_stem(path)
        if graph not in GRAPHS:
            raise DataCorruptError(f"{path} does not have the name of a graph: keep the authors' names, cora.bench ….")
        if any(row[0] == graph for row in rows[-1:]):
            raise DataCorruptError(f"{path} is of the graph {graph}, which was already given.")
        content: Any = read_pickle(path)
        with explained(path) as at:
            for at.row, (name, row) in enumerate(mapping_of(content, "the content").items(), 1):
                if isinstance(name, bool) or not isinstance(name, (str, int)):
                    raise OddValueError(f"the architecture is {shown(name)}")
                measures = [number(row[key], key, 0, 1) for key in ("perf", "valid_perf")]
                measures += [number(row[key], key, 0) for key in ("latency", "para")]
                rows.append((graph, str(name), *measures))
    with explained(paths) as at:
        return _table(rows, ", ".join(map(str, paths)), at)


def _table(rows: Iterable[tuple[Any, ...]], source: str, at: Place) -> Table:
    place_of: dict[str, int] = {}
    cells: dict[str, list[tuple[int, tuple[float, ...]]]] = {}
    seen: set[tuple[str, str]] = set()
    for at.row, (graph, name, *measures) in enumerate(rows, 1):
        if text_of(graph, "the graph") not in GRAPHS:
            raise OddValueError(f"{shown(graph)} is not one of the graphs")
        if (graph, text_of(name, "the architecture")) in seen:
            raise OddValueError(f"the architecture {shown(name)} occurs twice for {graph}")
        seen.add((graph, name))
        row = place_of.setdefault(name, len(place_of))
        cells.setdefault(graph, []).append((row, tuple(number(measure, "a measure") for measure in measures)))
    at.row = None
    present = [graph for graph in GRAPHS if graph in cells]
    values: dict[str, np.ndarray] = {}
    facts: dict[str, np.ndarray] = {}
    targets = []
    for place, split in enumerate(_MEASURES.values()):
        for graph in present:
            name = f"{graph}_{split}"
            targets.append(Target(name, graph, True, f"{split} performance on {graph}, fraction"))
            values[name] = _column(cells[graph], place, len(place_of))[:, None]
    for place, fact in ((2, "latency"), (3, "params_M")):
        for graph in present:
            facts[f"{fact}_{graph}"] = _column(cells[graph], place, len(place_of))
    return Table(list(place_of), tuple(targets), values, facts=facts, source=source)


def _column(cells: Sequence[tuple[int, tuple[float, ...]]], place: int, rows: int) -> np.ndarray:
    column = np.full(rows, np.nan)
    column[[row for row, _ in cells]] = [measures[place] for _, measures in cells]
    return column


_FILES = (
    ("cora", "5e69b2f9bb08d8927d9ffd4921f8494a3cea349c9c3a461334cb9dc9e11701a8", 2036857),
    ("citeseer", "99c7f79b73372636305bf73fb32a58b63c57bd1871a152dd62ec72d984c8c50f", 2036857),
    ("pubmed", "10b4dcf6cfd3a24f6059f7d541a4a872960b4adac0b3dba26abed1bb9a3d904d", 2036857),
    ("cs", "71ae8469930517160b024f52db6000a4897f1aff5d765beb27bb60952ed5bd31", 2036857),
    ("physics", "1e309bafee0b832c8b84fa3c039c36992bc0a910238b128f26b7e9190d7f2aea", 2036857),
    ("photo", "5511b4dc3f63fa988792177227db7901290fb9b27fc6c02e3036b29e134ed6df", 2036857),
    ("computers", "fdb3dc0cf405d62322f0ab9614b2083c2a5e6576c2f43e4f2214be64bc62b1b3", 2036857),
    ("arxiv", "7ee21a7653297a806c0ed1be3efe6ecc06acc84e48e942da0bfde0e5d287debe", 2036857),
    ("proteins", "b9e7fb0902bda44fec32c948e5fde822fb22d38d674c52e43ace5197378f2d21", 245616),
)
_COMMIT = "be42534b56f6aaab2c3d6145b10eda9cbde10193"

register_benchmark(
    BenchmarkInfo(
        name="nasbenchgraph",
        space="nasbenchgraph",
        summary="graph neural networks on nine graphs",
        rows=26_206,
        targets=2 * len(GRAPHS),
        licence="Apache-2.0",
        reference="Qin et al., NeurIPS 2022, arXiv:2206.09166",
        read=read,
        convert=convert,
        remotes=tuple(
            github("THUMNLab/NAS-Bench-Graph", _COMMIT, f"nas-bench-graph/light/{graph}.bench", sha256, size)
            for graph, sha256, size in _FILES
        ),
    ),
)
