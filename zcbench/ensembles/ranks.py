"""Combinations of ranks: proxies have no common unit, but each defines an order.

Ties share the mean of their ranks. Ranks run from 1, worst, to the number of candidates, best.
"""

from __future__ import annotations

import numpy as np

from zcbench.ensembles._register import Floats, register_ensemble
from zcbench.metrics import mean_ranks


def _ranks(scores: Floats) -> Floats:
    return np.stack([mean_ranks(row) for row in scores])


@register_ensemble("mean_rank", reference="baseline")
def mean_rank(scores: Floats, weights: Floats) -> Floats:
    """Average the ranks with weights (Borda count)."""
    result: Floats = weights @ _ranks(scores) / weights.sum()
    return result


@register_ensemble(
    "te_nas", members=("ntk_cond", "linear_regions"), reference="Chen et al., ICLR 2021, arXiv:2102.11535"
)
def te_nas(scores: Floats, weights: Floats) -> Floats:
    """Sum the ranks of trainability (NTK condition number) and expressivity (linear regions)."""
    result: Floats = weights @ _ranks(scores)
    return result


@register_ensemble(
    "az_nas",
    members=("az_expressivity", "az_progressivity", "az_trainability", "az_complexity"),
    reference="Lee and Ham, 'AZ-NAS', CVPR 2024, arXiv:2403.19232, non-linear ranking aggregation",
)
def az_nas(scores: Floats, weights: Floats) -> Floats:
    """Sum log(rank / number of candidates): one bad rank costs more than one good rank gains."""
    result: Floats = weights @ np.log(_ranks(scores) / scores.shape[1])
    return result


@register_ensemble(
    "vote",
    members=("synflow", "jacov", "snip"),
    reference="Abdelfattah et al., ICLR 2021, arXiv:2101.08134",
)
def vote(scores: Floats, weights: Floats) -> Floats:
    """Count the other candidates that the weighted majority of members ranks lower; ties count one half."""
    score = np.zeros(scores.shape[1])
    for candidate in range(scores.shape[1]):  # one row of the table of pairs at a time
        duels = np.sign(weights @ np.sign(scores[:, candidate, None] - scores))
        score[candidate] = (duels > 0).sum() + 0.5 * ((duels == 0).sum() - 1)
    return score


@register_ensemble("weighted_sum", reference="He et al., 'RoBoT', ICLR 2024, arXiv:2403.07591")
def weighted_sum(scores: Floats, weights: Floats) -> Floats:
    """Sum the scores with weights, each scaled to run from 0 to 1 over the candidates; a constant member counts 0."""
    low, high = scores.min(1, keepdims=True), scores.max(1, keepdims=True)
    width = np.where(high > low, high - low, 1.0)
    result: Floats = weights @ ((scores - low) / width)
    return result
