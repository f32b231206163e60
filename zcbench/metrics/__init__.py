"""Rank correlations with confidence intervals, the ceiling that noise puts on them, and the top of a ranking.

Values are scipy's to the last digit. Intervals come from the delete-one jackknife over architectures and Fisher's z: no
assumption on the distributions, ties included, nothing random. ``docs/method.md`` gives the measured coverage. All of
it takes O(n log n) operations and O(n) memory. Ranks follow from exact comparisons of the numbers as they are given.
"""

from zcbench.metrics._columns import mean_ranks, student
from zcbench.metrics._correlation import (
    Estimate,
    Jackknife,
    ceiling_fraction,
    kendall_jackknife,
    kendall_tau,
    noise_ceiling,
    noise_jackknife,
    spearman_rho,
    tau_difference,
)
from zcbench.metrics._predictions import calibration, quality
from zcbench.metrics._top import coverage, gaussian_nll, precision_at, regret_at

__all__ = [
    "Estimate",
    "Jackknife",
    "calibration",
    "ceiling_fraction",
    "coverage",
    "gaussian_nll",
    "kendall_jackknife",
    "kendall_tau",
    "mean_ranks",
    "noise_ceiling",
    "noise_jackknife",
    "precision_at",
    "quality",
    "regret_at",
    "spearman_rho",
    "student",
    "tau_difference",
]
