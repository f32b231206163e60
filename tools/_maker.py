"""Make an embedded benchmark: train the remaining rows, pack the table, repeat a row, print the figures of the card.

The parts that differ between benchmarks are a :class:`Maker` in a separate file, ``train_….py``, which calls
:func:`command`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from _rows import Row, append_rows, rows_of
from numpy.typing import NDArray

from zcbench._process import keep_freed_memory
from zcbench.datasets import get_benchmark
from zcbench.evaluation import interval
from zcbench.metrics import kendall_tau, noise_ceiling
from zcbench.types import Architecture, SearchSpace

DATA = Path(__file__).parents[1] / "zcbench" / "datasets" / "data"


class Maker(ABC):
    """The parts of an embedded benchmark that differ from others.

    Args:
        name: name of the benchmark.
        table: file of the committed table.
        recipe: settings of training, a dataclass of plain values. The table contains the recipe with which it was made.
    """

    #: seeds of every training
    seeds: ClassVar[tuple[int, ...]]
    #: columns of a row, each ``[seed]`` or ``[seed][point]`` but for "seconds", and their types in the table
    columns: ClassVar[Mapping[str, Any]]
    #: the columns by which recipes are compared, and 1 if high is good, else -1
    finals: ClassVar[Mapping[str, int]]
    #: the last architectures of the order, on which the recipe was chosen
    selection: ClassVar[int]
    #: whether the selection is trained, too; figures exclude it
    selection_in_table: ClassVar[bool]
    #: recipes that were compared, by name
    candidates: Mapping[str, Any]

    def __init__(self, name: str, table: Path, recipe: Any) -> None:
        self.name, self.table, self.recipe = name, table, recipe

    @property
    @abstractmethod
    def space(self) -> SearchSpace:
        """The search space."""

    @abstractmethod
    def order(self) -> list[Architecture]:
        """Return all architectures that may be trained, in a fixed random order."""

    @abstractmethod
    def train(self, architecture: Architecture, seeds: Sequence[int], recipe: Any) -> dict[str, list[Any]]:
        """Train one architecture with all seeds; return the columns of its row except "seconds"."""

    def table_order(self) -> Iterable[Architecture]:
        """Return architectures in the order of the table's rows."""
        return self.order()

    def others(self, architectures: Sequence[Architecture]) -> Mapping[str, NDArray[np.float64]]:
        """Return other known columns of architectures, for comparison with the table; nan where unknown."""
        return {}

    # -- rows ----------------------------------------------------------------------------------

    def row(self, architecture: Architecture, seeds: Sequence[int] = (), recipe: Any = None) -> Row:
        """Train one architecture, by default with the benchmark's own seeds and recipe."""
        started, seeds = time.process_time(), tuple(seeds or self.seeds)
        columns = self.train(architecture, seeds, recipe or self.recipe)
        # Seeds may share one pass, so each is charged its equal part.
        seconds = round((time.process_time() - started) / len(seeds), 4)
        return {"arch": architecture.key, "seeds": list(seeds), **columns, "seconds": seconds}

    def committed(self) -> dict[str, Row]:
        """Return rows of the committed table by architecture; none if it was made with another recipe."""
        if not self.table.exists():
            return {}
        with np.load(self.table, allow_pickle=False) as data:
            if json.loads(str(data["recipe"])) != dataclasses.asdict(self.recipe):
                return {}
            columns = {name: data[name].tolist() for name in ("arch", *self.columns)}
        return {arch: {name: columns[name][i] for name in columns} for i, arch in enumerate(columns["arch"])}

    def train_rest(self, work: Path, limit: int | None = None, part: str = "0/1") -> None:
        """Train the architectures that are neither in the committed table nor in the rows of a folder.

        Args:
            work: folder of the rows.
            limit: number of architectures, from the start of the order; None for all.
            part: "i/n" trains every n-th from the i-th on, for n processes in parallel.
        """
        index, count = map(int, part.split("/"))
        architectures = self.order()
        if not self.selection_in_table:
            architectures = architectures[: -self.selection]
        finished = rows_of(work).keys() | self.committed().keys()
        left = [a for a in architectures[:limit][index::count] if a.key not in finished]
        append_rows(work, part, left, self.row)

    def pack(self, work: Path) -> None:
        """Write all finished rows to the table; committed rows are kept."""
        rows = {**self.committed(), **rows_of(work)}
        kept = [rows[architecture.key] for architecture in self.table_order() if architecture.key in rows]
        columns = {name: np.asarray([row[name] for row in kept], kind) for name, kind in self.columns.items()}
        self.table.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            self.table,
            version=np.int64(1),
            recipe=np.str_(json.dumps(dataclasses.asdict(self.recipe))),
            seeds=np.asarray(self.seeds, np.int64),
            arch=np.asarray([row["arch"] for row in kept]),
            **columns,  # type: ignore[arg-type]
        )
        diverged = np.zeros(len(kept), bool)
        for column in columns.values():
            diverged |= ~np.isfinite(column.reshape(len(kept), -1)).all(1)
        size = self.table.stat().st_size / 1e6
        print(f"{self.table}: {len(kept)} architectures, {diverged.sum()} of which diverged, {size:.2f} MB")

    # -- figures -------------------------------------------------------------------------------

    def train_again(self, which: str) -> None:
        """Train a row of the table again and print the committed values next to the new ones.

        Args:
            which: its number, or the string of its architecture.
        """
        rows = self.committed()
        if which.isdecimal() and which not in rows:
            if int(which) >= len(rows):
                raise SystemExit(f"row {which}: the table has rows 0 to {len(rows) - 1}.")
            key = list(rows)[int(which)]
        else:
            key = self.space.parse(which).key
            if key not in rows:
                raise SystemExit(
                    f"{which} is not in {self.table}; it may be written differently there (see functional_key)."
                )
        fresh = self.row(Architecture(self.space.name, key))
        print(key)
        for name in self.columns:
            if name != "seconds":
                for seed, new, old in zip(self.seeds, _last(fresh[name]), _last(rows[key][name]), strict=True):
                    print(f"{name}, seed {seed}: trained now {new:.5g}, committed {old:.5g}")

    def compare_recipes(self) -> None:
        """Print the results of each candidate on the selection: ceilings, agreement with other columns, cost."""
        architectures = self.order()[-self.selection :]
        others = self.others(architectures)
        print(f"{len(architectures)} architectures, {len(self.seeds)} seeds")
        for recipe_name, recipe in self.candidates.items():
            rows = [self.row(architecture, recipe=recipe) for architecture in architectures]
            print(f"{recipe_name}: {np.mean([row['seconds'] for row in rows]):.2f} s per seed")
            for name, sign in self.finals.items():
                values = np.asarray([_last(row[name]) for row in rows], float)
                good = np.isfinite(values).all(1)
                signed, mean = sign * values[good], values[good].mean(1)
                top = signed[sign * mean >= np.median(sign * mean)]
                taus = f"seed-to-seed {noise_ceiling(signed).value:.2f}, better half {noise_ceiling(top).value:.2f}"
                for other, column in others.items():
                    taus += f", with {other} {_tau(sign * mean, column[good]):.2f}"
                print(f"  {name}: {good.mean():.2f} trained, {taus}, mean {mean.mean():.4g}")
                print(f"    quantiles 0, ¼, ½, ¾, 1: {_quantiles(mean, (0, 0.25, 0.5, 0.75, 1))}", flush=True)

    def describe(self) -> None:
        """Print the figures of the card, without the selection."""
        table = get_benchmark(self.name)
        chosen = {a.key for a in self.order()[-self.selection :]} if self.selection_in_table else set()
        places = np.asarray([i for i, a in enumerate(table.architectures) if a.key not in chosen])
        others = self.others([table.architectures[i] for i in places])
        seconds = table.facts["train_seconds"].mean()
        print(f"{len(places)} of {len(table)} architectures, seconds per training {seconds:.2f}")
        for name, target in table.targets.items():
            values = table.values[name][places]
            signed = values * (1 if target.higher_is_better else -1)
            mean = signed.mean(1)
            top = signed[mean >= np.median(mean)]
            print(f"{name}: seed-to-seed {interval(noise_ceiling(signed))}, better half {interval(noise_ceiling(top))}")
            print(f"  quantiles 0, .05, .5, .95, 1: {_quantiles(values.mean(1), (0, 0.05, 0.5, 0.95, 1))}")
            for other, column in others.items():
                known = np.isfinite(column)
                print(f"  tau with {other}: {interval(kendall_tau(mean[known], column[known]))}")


def _last(column: Sequence[Any]) -> list[float]:
    """Return the final value of each seed."""
    return [value[-1] if isinstance(value, list) else value for value in column]


def _tau(mean: NDArray[np.float64], column: NDArray[np.float64]) -> float:
    known = np.isfinite(column)
    return kendall_tau(mean[known], column[known]).value


def _quantiles(values: NDArray[np.float64], places: Sequence[float]) -> str:
    return " ".join(f"{value:.4g}" for value in np.quantile(values, places))


def command(makers: Mapping[str, Maker], text: str | None) -> None:
    """Run the command line.

    Args:
        makers: by the word that identifies them; no word is needed for a single one.
        text: beginning of the help.
    """
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("train", "pack", "row", "recipe", "describe"))
    if len(makers) > 1:
        parser.add_argument("which", choices=tuple(makers), help="the benchmark")
    parser.add_argument("row", nargs="?", default="0", help="for row: its number or its architecture")
    parser.add_argument("--work", type=Path, help="folder of finished rows (default: work/NAME of the benchmark)")
    parser.add_argument("--limit", type=int, help="train the first architectures of the random order only")
    parser.add_argument("--part", default="0/1", help="i/n: this process trains every n-th architecture")
    arguments = parser.parse_args()
    maker = makers[arguments.which] if len(makers) > 1 else next(iter(makers.values()))
    work = arguments.work or Path("work") / maker.name
    keep_freed_memory()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    if arguments.action == "train":
        maker.train_rest(work, arguments.limit, arguments.part)
    elif arguments.action == "pack":
        maker.pack(work)
    elif arguments.action == "recipe":
        maker.compare_recipes()
    elif arguments.action == "describe":
        maker.describe()
    else:
        maker.train_again(arguments.row)
