"""Which column of a table guides a search and which are reported, where nobody says."""

from __future__ import annotations

from zcbench.datasets import Benchmark


def guide_and_report(benchmark: Benchmark) -> tuple[str, tuple[str, ...]]:
    """The validation column that guides, and the test columns that are reported.

    The benchmark's own choice of target is reported, and with it columns of the same test that differ in the measure
    alone ("test_nll" and "test_accuracy"). What guides is the column of the same name with "valid" in place of "test".

    Returns:
        The guide and the reported columns; the benchmark's own choice and nothing where it has no validation column.
    """
    target = benchmark.target()
    guide = target.name.replace("test", "valid")
    if "test" not in target.name or guide not in benchmark.targets:
        return target.name, ()
    parts = target.name.split("_")
    others = [
        name
        for name, other in benchmark.targets.items()
        if name != target.name and "test" in name and other.dataset == target.dataset and _measures(parts, name)
    ]
    return guide, (target.name, *others)


def _measures(parts: list[str], name: str) -> bool:
    """Whether one part of a name differs."""
    found = name.split("_")
    return len(found) == len(parts) and sum(a != b for a, b in zip(parts, found, strict=True)) == 1
