"""Which proxy to believe: how proxies did on benchmarks of networks of the same kind.

The figures are those of the pages in docs/leaderboards, which ``tools/make_published.py`` collects in
``data/published.json``.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from zcbench.metrics import student

#: below this mean tau nothing is to be believed
WEAK = 0.2
TRAINING = "training"


@dataclass(frozen=True)
class Published:
    """A benchmark, and how proxies did on it.

    Attributes:
        name: of the benchmark.
        target: column of ground truth.
        domains: kinds of its networks.
        inputs: "images" or "texts".
        truth: source of the ground truth: "training", or another one.
        taus: Kendall's tau with the ground truth, by label of the proxy.
    """

    name: str
    target: str
    domains: tuple[str, ...]
    inputs: str
    truth: str
    taus: Mapping[str, float]


@dataclass(frozen=True)
class Standing:
    """How a proxy did on several benchmarks.

    Attributes:
        proxy: its label.
        taus: by benchmark.
        over_params: mean advantage over the count of parameters on the same benchmarks; nan where it is unknown.
    """

    proxy: str
    taus: Mapping[str, float]
    over_params: float

    @property
    def mean(self) -> float:
        """Mean tau."""
        return math.fsum(self.taus.values()) / len(self.taus)


@dataclass(frozen=True)
class Belief:
    """Which proxies to believe, for networks of some kinds.

    Attributes:
        benchmarks: names of the benchmarks that fit, in the order of the file.
        described: their networks, "convolutional networks with images".
        caveat: what makes them less suitable, a sentence; empty for nothing.
        standings: by proxy, of all that were measured on one of them at least.
        candidates: labels of requested proxies that were measured on more than half of them, the best mean tau first.
        alike: candidates whose mean tau cannot be distinguished from that of the best.
        few: requested proxies that were measured on half of them or fewer.
        beyond: the proxy that was not requested and has the largest mean tau, if it exceeds that of the best
            candidate; empty otherwise.
    """

    benchmarks: tuple[str, ...]
    described: str
    caveat: str
    standings: Mapping[str, Standing]
    candidates: tuple[str, ...]
    alike: tuple[str, ...]
    few: tuple[str, ...]
    beyond: str = ""

    @property
    def best(self) -> Standing | None:
        """The candidate with the largest mean tau."""
        return self.standings[self.candidates[0]] if self.candidates else None


@functools.cache
def published() -> tuple[Published, ...]:
    """Return the benchmarks of the file."""
    text = resources.files("zcbench.comparison").joinpath("data", "published.json").read_text(encoding="utf8")
    return tuple(
        Published(
            name,
            one["target"],
            tuple(one["domains"]),
            one["inputs"],
            one["truth"],
            {proxy: float(found["tau"]) for proxy, found in one["proxies"].items()},
        )
        for name, one in json.loads(text)["benchmarks"].items()
    )


def fitting(kinds: Iterable[str], inputs: str, known: Sequence[Published]) -> tuple[list[Published], str]:
    """Return the benchmarks whose networks are most like the models, and a caveat.

    Benchmarks of trained networks of the same kind with the same inputs come first; where there are none, those with
    another ground truth; where there are none either, those with other inputs.
    """
    of_kind = [one for one in known if set(one.domains) & set(kinds)]
    same = [one for one in of_kind if not inputs or one.inputs == inputs]
    if found := [one for one in same if one.truth == TRAINING]:
        return found, ""
    if same:
        truths = " and ".join(dict.fromkeys(one.truth for one in same))
        return same, f"The ground truth of these benchmarks is {truths}, not the training of each network."
    if found := [one for one in of_kind if one.truth == TRAINING]:
        others = " and ".join(dict.fromkeys(one.inputs for one in found))
        return found, f"The networks of these benchmarks read {others}; there is none of {inputs}."
    return [], ""


def believed(
    kinds: Sequence[str], inputs: str, proxies: Sequence[str], known: Sequence[Published] | None = None
) -> Belief:
    """Say which of some proxies to believe.

    Args:
        kinds: of the models.
        inputs: "images" or "texts"; empty where unknown.
        proxies: labels of proxies that ranked the models.
        known: benchmarks; default those of the file.
    """
    benchmarks, caveat = fitting(kinds, inputs, published() if known is None else known)
    standings = {}
    for proxy in dict.fromkeys([*proxies, *(label for one in benchmarks for label in one.taus)]):
        taus = {one.name: one.taus[proxy] for one in benchmarks if proxy in one.taus}
        if taus:
            over = [one.taus[proxy] - one.taus["params"] for one in benchmarks if {proxy, "params"} <= one.taus.keys()]
            standings[proxy] = Standing(proxy, taus, math.fsum(over) / len(over) if over else math.nan)
    measured = [proxy for proxy in proxies if proxy in standings]
    least = len(benchmarks) // 2 + 1
    few = [proxy for proxy in measured if len(standings[proxy].taus) < least]
    candidates = sorted((p for p in measured if p not in few), key=lambda p: -standings[p].mean)
    alike = [p for p in candidates[1:] if not _worse(standings[p], standings[candidates[0]])]
    described = " or ".join(kinds) + " networks" + (f" with {inputs}" if inputs and not caveat else "")
    names = tuple(one.name for one in benchmarks)
    best = standings[candidates[0]].mean if candidates else -math.inf
    others = [p for p, one in standings.items() if p not in proxies and len(one.taus) >= least and one.mean > best]
    beyond = max(others, key=lambda p: standings[p].mean, default="")
    return Belief(names, described, caveat, standings, tuple(candidates), tuple(alike), tuple(few), beyond)


def _worse(one: Standing, best: Standing) -> bool:
    """Return whether the mean difference over common benchmarks is below zero, by a paired t-interval of 95 %."""
    differences = [one.taus[name] - best.taus[name] for name in one.taus if name in best.taus]
    if len(differences) < 2:
        return False
    mean = math.fsum(differences) / len(differences)
    variance = math.fsum((d - mean) ** 2 for d in differences) / (len(differences) - 1)
    return mean + student(len(differences) - 1) * math.sqrt(variance / len(differences)) < 0
