"""Collect the results of proxies on benchmarks from the pages in docs/leaderboards, as data of the package.

    python tools/make_published.py            # writes zcbench/comparison/data/published.json
    python tools/make_published.py --check    # exits with 1 if the file differs from the pages

``zcbench score`` reads the file to recommend a proxy. No number is written by hand: each is a cell of a table on these
pages, and each page gives the command that measured it.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))  # for other working directories

from zcbench._display import json_text
from zcbench._files import write_text
from zcbench.datasets import benchmark_info
from zcbench.spaces import get_space

ROOT = Path(__file__).parent.parent
PAGES = ROOT / "docs" / "leaderboards"
FILE = ROOT / "zcbench" / "comparison" / "data" / "published.json"
#: "0.57 [0.54, 0.60]", and the number of scored networks if it is not all of them
_CELL = re.compile(r"(-?[0-9.]+) \[(-?[0-9.]+), (-?[0-9.]+)\](?: \((\d+)\))?")
#: benchmarks whose ground truth is not from stand-alone training
_TRUTH = {
    "autoformer-224": "inherited weights of a supernet",
    "ofa-mbv3": "inherited weights of a supernet",
    "nasbench301": "a surrogate's prediction",
}
#: benchmarks of networks whose inputs are texts; all others have images
_TEXTS = ("chars-bert", "chars-rnn", "flexibert", "nasbenchnlp")


@dataclass(frozen=True)
class Source:
    """A table on a page with one row per proxy.

    Attributes:
        page: name of the page.
        command: command that measured it.
        benchmark: its benchmark.
        target: column of ground truth.
        number: index of the table among the page's tables with this column, from 0.
        column: title of the column of taus.
    """

    page: str
    command: str
    benchmark: str
    target: str
    number: int
    column: str


#: the page with one row per benchmark
EVERYWHERE = ("everywhere.md", "zcbench run everywhere")
#: pages of one benchmark; their larger samples replace the same proxy's results from the page above
SOURCES = (
    Source(
        "digits-201.md",
        "zcbench run digits-201 --limit 500 --proxies all",
        *("digits-201", "test_nll", 0, "tau [95 % CI]"),
    ),
    Source(
        "nasbench201.md",
        "zcbench run nasbench201 --limit 510 --proxies all",
        *("nasbench201", "cifar10_test_accuracy_200ep", 0, "tau [95 % CI]"),
    ),
    Source("text.md", "python tools/correlate_text_networks.py score bert", *("flexibert", "glue", 0, "GLUE: τ")),
    Source(
        "text.md",
        "python tools/correlate_text_networks.py score nlp",
        *("nasbenchnlp", "test_nll", 0, "WikiText-2: τ"),
    ),
)
#: rows with the same networks and accuracies as another row, but another resolution of the images
_AGAIN = ("autoformer-32",)
#: rows of combinations of proxies
_COMBINATIONS = ("az_nas", "te_nas", "vote")


def tables(page: Path) -> Iterator[list[list[str]]]:
    """Yield the Markdown tables of a page: rows of cells, titles first, without the line below the titles."""
    rows: list[list[str]] = []
    for line in [*page.read_text(encoding="utf8").splitlines(), ""]:
        if line.lstrip().startswith("|"):
            rows.append([cell.strip().strip("`") for cell in line.strip().strip("|").split("|")])
        elif rows:
            yield [row for row in rows if not all(re.fullmatch(":?-+:?", cell) for cell in row)]
            rows = []


def estimate(cell: str, networks: int) -> dict[str, float | int] | None:
    """Read a cell's tau, interval and number of networks; None for a cell without them."""
    found = _CELL.fullmatch(cell)
    if found is None:
        return None
    tau, low, high = (float(text) for text in found.groups()[:3])
    return {"tau": tau, "low": low, "high": high, "networks": int(found[4] or networks)}


def everywhere(pages: Path) -> dict[str, dict[str, Any]]:
    """Read the benchmarks by name, from the page with a row for each."""
    (table,) = (rows for rows in tables(pages / EVERYWHERE[0]) if "num_layers" in rows[0])
    titles, found = table[0], {}
    for row in table[1:]:
        name, networks = re.fullmatch(r"(\S+) \((\d+)\)", row[0]).groups()  # type: ignore[union-attr]
        if name in _AGAIN:
            continue
        cells = {title: estimate(cell, int(networks)) for title, cell in zip(titles[3:], row[3:], strict=True)}
        page = {"page": f"docs/leaderboards/{EVERYWHERE[0]}", "command": EVERYWHERE[1]}
        proxies = {proxy: tau | page for proxy, tau in cells.items() if tau is not None}
        found[name] = described(name, row[1]) | {"proxies": proxies}
    return found


def described(name: str, target: str) -> dict[str, Any]:
    """Describe a benchmark: target, kinds of networks, inputs, ground truth."""
    info = benchmark_info(name)
    return {
        "target": target,
        "domains": list(get_space(info.space).domains),
        "inputs": "texts" if name in _TEXTS else "images",
        "truth": _TRUTH.get(name, "training"),
    }


def of_page(source: Source, pages: Path) -> dict[str, dict[str, Any]]:
    """Read the proxies by label, from a table with a row for each."""
    table = [rows for rows in tables(pages / source.page) if source.column in rows[0]][source.number]
    titles = table[0]
    proxy, tau, scored = titles.index("proxy"), titles.index(source.column), titles.index("scored")
    page = {"page": f"docs/leaderboards/{source.page}", "command": source.command}
    found = {}
    for row in table[1:]:
        one = estimate(row[tau], int(row[scored].split("/")[0]))
        if one is not None and row[proxy] not in _COMBINATIONS:
            found[row[proxy]] = one | page
    return found


def collect(pages: Path = PAGES) -> dict[str, Any]:
    """Return the content of the file."""
    benchmarks = everywhere(pages)
    for source in SOURCES:
        benchmarks[source.benchmark]["proxies"].update(of_page(source, pages))
    return {"made_by": "python tools/make_published.py", "benchmarks": benchmarks}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    options = parser.parse_args(arguments)
    text = json_text(collect()) + "\n"
    if options.check:
        same = FILE.is_file() and FILE.read_text(encoding="utf8") == text
        print("the file agrees with the pages" if same else "the file differs from the pages")
        return 0 if same else 1
    write_text(FILE, text, "choose another folder")
    return 0


if __name__ == "__main__":
    sys.exit(main())
