"""Rank correlations with confidence intervals, the noise ceiling, the top of a ranking, and Pareto fronts.

Values equal scipy's to the last digit. Intervals use the delete-one jackknife over architectures and Fisher's z. They
assume no distribution, handle ties and use no random numbers. ``docs/method.md`` gives the measured coverage. All
functions take O(n log n) operations and O(n) memory. Ranks use exact comparisons of the given numbers.
"""

from zcbench.metrics._agreement import kendall_w, mean_tau
from zcbench.metrics._columns import mean_ranks, student
from zcbench.metrics._correlation import (
    FEWEST,
    Estimate,
    Jackknife,
    ceiling_fraction,
    kendall_jackknife,
    kendall_tau,
    noise_ceiling,
    noise_jackknife,
    spearman_jackknife,
    spearman_rho,
    tau_difference,
)
from zcbench.metrics._pareto import (
    crowding_distance,
    hypervolume,
    hypervolume_ratio,
    hypervolumes,
    igd_plus,
    pareto_front,
    pareto_ranks,
)
from zcbench.metrics._predictions import calibration, quality
from zcbench.metrics._top import coverage, gaussian_nll, precision_at, regret_at

__all__ = [
    "FEWEST",
    "Estimate",
    "Jackknife",
    "calibration",
    "ceiling_fraction",
    "coverage",
    "crowding_distance",
    "gaussian_nll",
    "hypervolume",
    "hypervolume_ratio",
    "hypervolumes",
    "igd_plus",
    "kendall_jackknife",
    "kendall_tau",
    "kendall_w",
    "mean_ranks",
    "mean_tau",
    "noise_ceiling",
    "noise_jackknife",
    "pareto_front",
    "pareto_ranks",
    "precision_at",
    "quality",
    "regret_at",
    "spearman_jackknife",
    "spearman_rho",
    "student",
    "tau_difference",
]
