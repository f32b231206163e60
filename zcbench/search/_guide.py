"""Default columns of a table that guide a search and that are reported."""

from __future__ import annotations

from zcbench.datasets import Benchmark


def guide_and_report(benchmark: Benchmark) -> tuple[str, tuple[str, ...]]:
    """Return the validation column that guides a search, and the test columns that are reported.

    The benchmark's default target is reported, together with columns of the same test that differ only in the measure
    ("test_nll" and "test_accuracy"). The guide is the column of the same name with "valid" in place of "test".

    Returns:
        The guide and the reported columns. Without a validation column, the default target and no reported columns.
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
    """Return whether exactly one part of a name differs."""
    found = name.split("_")
    return len(found) == len(parts) and sum(a != b for a, b in zip(parts, found, strict=True)) == 1
