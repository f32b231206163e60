"""How many trainings of random search one training of a searcher is worth, and whether this is more than 1.

The second question is answered by a significance test.

In a space with known results, the chance p that random search with as many trainings finds something at least as good
as a run can be computed. If the run's trainings are worth w random ones each, its best result is distributed like the
best of w times as many networks (Lehmann's alternative), and its shortfall -log(1 - p) is exponential with mean 1/w.
The sum over n independent runs then has a gamma distribution of shape n. It is the sufficient statistic, so no test
needs fewer runs to distinguish w from 1; n divided by the sum is the maximum-likelihood estimate of w.

If equal qualities, or few networks, restrict p to few values, shortfalls are larger, so the test is conservative: it
favours random search.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from zcbench.testing._easy_search import truth

#: trainings of a run, and runs; the next stage follows if the result is not significant
STAGES = ((48, 6), (192, 12), (192, 48), (384, 24), (384, 96))
#: the chance that random search passes, in all stages together
LEVEL = 0.001


def shortfall(value: float, trainings: int) -> float:
    """Return -log of the chance that the best of ``trainings`` networks, drawn without replacement, is worse.

    It is inf if the best cannot be worse, and 0 if it always is.
    """
    every = truth()
    worse = int((every < value).sum())
    if worse < trainings:
        return math.inf
    left = len(every) - trainings
    return max(0.0, -_log_choices(worse, worse - trainings) + _log_choices(len(every), left))


def _log_choices(count: int, left: int) -> float:
    """Return the logarithm of the number of ways to draw all but ``left`` of ``count``, in order."""
    return math.lgamma(count + 1) - math.lgamma(left + 1)


def worth(shortfalls: Sequence[float]) -> float:
    """Estimate from several runs how many trainings of random search one training is worth."""
    total = sum(shortfalls)
    return len(shortfalls) / total if total else math.inf


def chance(shortfalls: Sequence[float]) -> float:
    """Return the chance that the total shortfall of as many runs of random search is at most this."""
    from scipy.stats import gamma

    return float(gamma.cdf(sum(shortfalls), len(shortfalls)))


def tells(shortfalls: Sequence[float]) -> bool:
    """Return whether these runs of one stage are significantly better than random search."""
    return chance(shortfalls) < LEVEL / len(STAGES)


def missed(worth: float, runs: int) -> float:
    """Return the chance that this many runs of a searcher with this worth are not significant."""
    from scipy.stats import gamma

    return float(gamma.sf(worth * gamma.ppf(LEVEL / len(STAGES), runs), runs))
