"""How many trainings of random search a searcher's own are worth, and whether that is certainly more than one.

The chance p that random search, in as many trainings, finds something at least as good as a run did can be counted in a
space whose networks are all known. If the run's trainings are worth w random ones each, its best is distributed as the
best of w times as many networks (Lehmann's alternative), and its shortfall -log(1 - p) exponentially with mean 1/w. The
sum over n independent runs then has a gamma distribution of shape n. It is the sufficient statistic, so that no test
needs fewer runs to tell w from 1; n over the sum is the maximum-likelihood estimate of w.

Where equal qualities, or few networks, make p one of few numbers, shortfalls are larger than that: what is said errs to
the side of random search.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from zcbench.testing._easy_search import truth

#: trainings of a run, and runs: where these do not tell, more are made
STAGES = ((48, 6), (192, 12), (192, 48), (384, 24), (384, 96))
#: the chance that random search passes, in all stages together
LEVEL = 0.001


def shortfall(value: float, trainings: int) -> float:
    """-log of the chance that the best of so many networks, drawn without replacement, is worse than that.

    inf where it cannot be worse; 0 where it always is.
    """
    every = truth()
    worse = int((every < value).sum())
    if worse < trainings:
        return math.inf
    left = len(every) - trainings
    return max(0.0, -_log_choices(worse, worse - trainings) + _log_choices(len(every), left))


def _log_choices(count: int, left: int) -> float:
    """Logarithm of the number of ways to draw all but ``left`` of so many, in order."""
    return math.lgamma(count + 1) - math.lgamma(left + 1)


def worth(shortfalls: Sequence[float]) -> float:
    """Trainings of random search that one training is worth, by several runs."""
    total = sum(shortfalls)
    return len(shortfalls) / total if total else math.inf


def chance(shortfalls: Sequence[float]) -> float:
    """The chance that as many runs of random search fall short by as little in all."""
    from scipy.stats import gamma

    return float(gamma.cdf(sum(shortfalls), len(shortfalls)))


def tells(shortfalls: Sequence[float]) -> bool:
    """Whether these runs of one stage are better than random search's."""
    return chance(shortfalls) < LEVEL / len(STAGES)


def missed(worth: float, runs: int) -> float:
    """The chance that so many runs of a searcher of that worth do not tell."""
    from scipy.stats import gamma

    return float(gamma.sf(worth * gamma.ppf(LEVEL / len(STAGES), runs), runs))
