"""Write the figures of docs/cards/*.md between the markers; all other text of the cards is written by hand.

ZCBENCH_DATA=../shared/data python tools/describe_benchmarks.py [BENCHMARK …]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from zcbench.datasets import Benchmark, benchmark_info, get_benchmark, list_benchmarks
from zcbench.errors import DataMissingError
from zcbench.evaluation import interval
from zcbench.spaces import get_space

CARDS = Path(__file__).parents[1] / "docs" / "cards"
BEGIN, END = "<!-- figures: tools/describe_benchmarks.py -->", "<!-- end of figures -->"


def figures(name: str) -> str:
    """Return the block between the markers."""
    info = benchmark_info(name)
    space = get_space(info.space)
    size = "open" if space.size is None else f"{space.size:,}" if space.size < 1e12 else f"{space.size:.1e}"
    rows = [
        ("architectures in the whole table", f"{info.rows:,}" if info.rows else "varies with the file"),
        ("search space", f"`{info.space}`, {size} strings; networks: {' and '.join(space.domains) or 'none'}"),
        ("licence of the table", info.licence),
        ("source", info.reference),
        ("how to get it", "part of zcbench" if info.embedded else f"`{info.how_to_get.removeprefix('run  ')}`"),
    ]
    if info.remotes:
        rows.append(("files", "; ".join(f"[{r.name}]({r.urls[0]}), {_size(r.size)}" for r in info.remotes)))
    lines = ["| | |", "|:---|:---|", *(f"| {title} | {text} |" for title, text in rows), ""]
    try:
        table = get_benchmark(name)
    except DataMissingError:
        return "\n".join([*lines, "No table of it was available when this page was written."])
    lines += [
        f"From {_source(table)}: {len(table):,} architectures.",
        "",
        "| target | description | measured | quantiles 0, .05, .5, .95, 1 | noise ceiling |",
        "|:---|:---|---:|:---|:---|",
        *(_row(table, target) for target in table.targets),
        "",
        f"Facts: {', '.join(f'`{fact}`' for fact in list(table.facts)[:12]) or 'none'}"
        + (" …" if len(table.facts) > 12 else "")
        + f". Curves: {', '.join(f'`{curve}`' for curve in table.curves) or 'none'}.",
    ]
    if space.domains:
        lines.append(f"The default batch of proxies is `{table.batch_of()}`.")
    return "\n".join(lines)


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size else "size unknown"


def _source(table: Benchmark) -> str:
    return "the table in the package" if table.source.startswith("embedded") else "the columns in `ZCBENCH_DATA`"


def _row(table: Benchmark, target: str) -> str:
    truth = table.truth(target)
    good = truth[np.isfinite(truth)]
    quantiles = " ".join(f"{q:.4g}" for q in np.quantile(good, (0, 0.05, 0.5, 0.95, 1)))
    ceiling = table.noise_ceiling(target)
    text = f"{interval(ceiling)}, n = {ceiling.n:,}" if np.isfinite(ceiling.value) else "no repeats"
    return f"| `{target}` | {table.targets[target].description} | {len(good):,} | {quantiles} | {text} |"


def main() -> None:
    for name in sys.argv[1:] or list_benchmarks():
        card = CARDS / f"{name}.md"
        text = card.read_text(encoding="utf8") if card.exists() else f"# {name}\n\n{BEGIN}\n{END}\n"
        if BEGIN not in text:
            print(f"{card} has no markers for figures and was not changed", file=sys.stderr)
            continue
        before, _, rest = text.partition(BEGIN)
        after = rest.partition(END)[2]
        card.write_text(f"{before}{BEGIN}\n{figures(name)}\n{END}{after}", encoding="utf8")


if __name__ == "__main__":
    main()
