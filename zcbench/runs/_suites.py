"""Sweeps that have a name: what the figures in the documentation are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zcbench.errors import UnknownNameError


@dataclass(frozen=True)
class Suite:
    """A sweep of predictors that others can repeat by its name.

    Attributes:
        name: its name.
        summary: one sentence.
        predictors: labels or patterns.
        sizes: training networks.
        seeds: number of splits.
        tuned: of a suite between benchmarks, networks of the tested one that are seen last.
    """

    name: str
    summary: str
    predictors: tuple[str, ...]
    sizes: tuple[int, ...]
    seeds: int
    tuned: tuple[int, ...] = ()


_CHEAP = (
    "bayesian_ridge",
    "gp",
    "random_forest",
    "gbdt_nas",
    "lightgbm",
    "lightgbm_ranker",
    "xgboost",
    "xgboost_ranker",
)
#: The strongest that is here: a process, trees, flows and convolutions together.
ALL_KINDS = "mean:members=(gp+xgboost+lightgbm+gcn:loss=hinge+gates+gates:encoding=graph)"
_GRAPHS = ("gcn", "brp_nas", "gates", "flan", "graph_transformer")
_SUITES: Mapping[str, Suite] = {
    suite.name: suite
    for suite in (
        Suite(
            "quick",
            "The predictors that fit in a second, on four sizes and ten splits.",
            _CHEAP,
            (10, 50, 200, 1000),
            10,
        ),
        Suite(
            "sample-efficiency",
            "Trees, classics and ensembles against the number of trained networks, ten splits.",
            (*_CHEAP, "mean"),
            (10, 20, 50, 100, 200, 500, 1000),
            10,
        ),
        Suite(
            "graphs",
            "Graph encoders against the number of trained networks, ten splits.",
            _GRAPHS,
            (10, 20, 50, 100, 200),
            10,
        ),
        Suite(
            "published",
            "The sizes that papers on NAS-Bench-201 print (.5, 1, 5 and 10 %), ten splits.",
            (ALL_KINDS, "mean", "gp", "xgboost", "lightgbm"),
            (78, 156, 781, 1563),
            10,
        ),
        Suite(
            "transfer",
            "From 500 networks of another benchmark (--fit-on), without and with 50 of the tested one, ten splits.",
            ("random_forest:encoding=atoms", "random_forest:encoding=stats", "gp:encoding=stats", "gennape"),
            (500,),
            10,
            (0, 50),
        ),
    )
}


def list_suites() -> list[str]:
    """Names of the suites, sorted."""
    return sorted(_SUITES)


def get_suite(name: str) -> Suite:
    """The suite of that name; UnknownNameError with suggestions if there is none."""
    if name not in _SUITES:
        raise UnknownNameError("suite", name, _SUITES)
    return _SUITES[name]
