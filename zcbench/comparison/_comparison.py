"""Several networks side by side: values, ranks, how far proxies agree, and which one to believe."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

from zcbench._display import brief, duration, fixed, many, plain, significant
from zcbench.comparison._advice import CHANCE, FLOPS, PARAMS, Agreement, Size, agreement, notes, size_of
from zcbench.comparison._published import Belief, believed
from zcbench.evaluation._board import Board, number_or_none
from zcbench.types import ProxyInfo, Score, Status

T = TypeVar("T")
#: characters of names that stand as titles; longer ones are replaced by letters
_TITLE = 16


@dataclass(frozen=True)
class Facts:
    """The facts of a network besides its scores.

    Attributes:
        name: as it was given.
        error: why it has no scores; empty if it was called.
        lost: whether its process died or was stopped.
        kinds: "convolutional", "transformer" or "recurrent".
        parameters: number of trainable parameters.
        inputs: shapes of one sample's inputs, "3x32x32".
        texts: whether inputs are ids of words.
        samples: number of samples.
        provenance: where the samples come from.
        notes: remarks on the network and its samples, a sentence each.
    """

    name: str
    error: str = ""
    lost: bool = False
    kinds: tuple[str, ...] = ()
    parameters: int = 0
    inputs: str = ""
    texts: bool = False
    samples: int = 0
    provenance: str = ""
    notes: tuple[str, ...] = ()


class Comparison(Board):
    """Scores of several networks by several proxies.

    Args:
        facts: of each network, in order.
        scores: by name of the network, then by label of the proxy: one score per seed.
        asked: proxies by the texts that requested them.
        data: name of the samples.
        seeds: numbers of the seeds.

    Attributes:
        models: names of the networks, in order.
        proxies: texts that requested the proxies, in order.
    """

    repeated = 3

    def __init__(
        self,
        facts: tuple[Facts, ...],
        scores: Mapping[str, Mapping[str, tuple[Score, ...]]],
        asked: Mapping[str, ProxyInfo],
        data: str,
        seeds: tuple[int, ...],
    ) -> None:
        self.facts, self.data, self.seeds = facts, data, seeds
        self.models = tuple(one.name for one in facts)
        self.proxies = tuple(asked)
        self.infos = dict(asked)
        self._scores = scores

    def __repr__(self) -> str:
        return brief(
            f"<Comparison of {many(len(self.models), 'model')} by {many(len(self.proxies), 'proxy', 'proxies')}>"
        )

    # -- scores ------------------------------------------------------------------------------------

    def score(self, proxy: str, model: str) -> Score:
        """Return the score of a model: the mean over the seeds, with the standard deviation as its spread.

        A proxy that has no value for one of the seeds has none.

        Raises:
            KeyError: there is no such proxy or model.
        """
        return _over_seeds(self._scores[model][self.infos[proxy].label], self.seeds)

    def ranks(self, proxy: str) -> tuple[int | None, ...]:
        """Return the rank of every model by a proxy: 1 is best, equal values share a rank, None without a value.

        Raises:
            KeyError: there is no such proxy.
        """
        return _ranked(self.signed(proxy))

    def signed(self, proxy: str) -> tuple[float | None, ...]:
        """Return the value of every model, with the opposite sign where lower is better; None without a value."""
        sign = 1 if self.infos[proxy].higher_is_better else -1
        found = (self.score(proxy, model).value for model in self.models)
        return tuple(None if value is None else sign * value for value in found)

    def stable(self, proxy: str) -> bool | None:
        """Return whether the ranking is the same for every seed; None for one seed, or if a score is missing."""
        label = self.infos[proxy].label
        sign = 1 if self.infos[proxy].higher_is_better else -1
        several = [self._scores[model][label] for model in self.called(self.models)]
        if len(self.seeds) < 2 or any(one.value is None for scores in several for one in scores):
            return None
        rankings = {_ranked(tuple(sign * float(scores[k]) for scores in several)) for k in range(len(self.seeds))}
        return len(rankings) == 1

    @property
    def failed(self) -> list[str]:
        """Proxies for which a score failed or timed out."""
        return [p for p in self.proxies if any(self.score(p, m).status.worth_a_retry for m in self.models)]

    @cached_property
    def ranking(self) -> tuple[str, ...]:
        """Proxies that have a value for every model that could be called, distinguish some, and rank not by chance."""
        found = []
        for proxy in self.proxies:
            values = self.called(self.signed(proxy))
            if self.infos[proxy].name != CHANCE and None not in values and len(set(values)) > 1:
                found.append(proxy)
        return tuple(found)

    def called(self, values: Sequence[T]) -> list[T]:
        """Select, of something for each model, the part of the models that could be called."""
        return [value for value, one in zip(values, self.facts, strict=True) if not one.error]

    @property
    def columns(self) -> dict[str, list[float]]:
        """Signed values of the models that could be called, by the proxies of :attr:`ranking`."""
        found = {proxy: self.called(self.signed(proxy)) for proxy in self.ranking}
        return {proxy: [float(value) for value in column if value is not None] for proxy, column in found.items()}

    @cached_property
    def agreement(self) -> Agreement:
        """How far the proxies agree."""
        return agreement(self.columns)

    @cached_property
    def size(self) -> Size:
        """How far the number of parameters, or else FLOPs, ranks the models as the proxies do.

        Compared are the proxies that are known from the published benchmarks, or all if there are none.
        """
        known = {p: c for p, c in self.columns.items() if self.infos[p].label in self.belief.candidates}
        columns = known if set(known) - {PARAMS, FLOPS} else self.columns
        found = size_of([float(one.parameters) for one in self.called(self.facts)], columns)
        if found.decides or FLOPS not in self.columns:
            return found
        other = size_of(self.columns[FLOPS], columns, FLOPS)
        return other if other.decides else found

    @cached_property
    def belief(self) -> Belief:
        """Which proxy to believe, by published results on networks of the same kind."""
        called = self.called(self.facts)
        kinds = {one.kinds for one in called}
        common = set.intersection(*map(set, kinds)) if kinds else set()
        if len({one.texts for one in called}) > 1:
            common = set()  # no benchmark has networks of both
        inputs = "texts" if all(one.texts for one in called) else "images" if _images(called) else ""
        labels = {self.infos[p].label: p for p in self.ranking}
        return believed(sorted(common), inputs, list(labels))

    # -- as a table --------------------------------------------------------------------------------

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The title of each model's column: its name if all are short, else letters."""
        if all(len(plain(name)) <= _TITLE for name in self.models):
            return tuple(map(plain, self.models))
        return tuple(_letters(k) for k in range(len(self.models)))

    def headline(self) -> str:
        """Return one sentence that says which models were scored on which samples."""
        first = next((one for one in self.facts if not one.error), self.facts[0])
        several = f", mean ± standard deviation over {len(self.seeds)} seeds" if len(self.seeds) > 1 else ""
        names = (f"{label} = {plain(name)}" for label, name in zip(self.labels, self.models, strict=True))
        legend = "" if self.labels == tuple(map(plain, self.models)) else f" Models: {', '.join(names)}."
        shapes = {one.inputs for one in self.facts if not one.error}
        shape = f" ({first.inputs})" if len(shapes) == 1 and first.inputs else ""
        batch = f" on {many(first.samples, 'sample')} of {plain(self.data)}{shape}" if first.samples else ""
        return (
            f"{many(len(self.models), 'model')}{batch}{several}. In brackets: rank of the model by the proxy, 1 is "
            f"best.{legend}"
        )

    def titles(self) -> list[tuple[str, bool]]:
        """Return the heading of each column, and whether its cells are numbers."""
        return [("proxy", False), ("better", False), ("tau", True), *((label, True) for label in self.labels)]

    def cells(self) -> list[list[str]]:
        """Return a row per proxy."""
        return [
            [proxy, self.better(proxy), self._tau(proxy), *(self._cell(proxy, k) for k in range(len(self.models)))]
            for proxy in self.proxies
        ]

    def better(self, proxy: str) -> str:
        """Return the direction of a proxy, "higher" or "lower"."""
        return "higher" if self.infos[proxy].higher_is_better else "lower"

    def footnotes(self) -> list[str]:
        """Return the notes on scores and proxies; the last says which proxy to believe."""
        return notes(self)

    def rows(self) -> list[dict[str, Any]]:
        """Return a row per proxy and model."""
        found = []
        for proxy in self.proxies:
            standing = self.belief.standings.get(self.infos[proxy].label)
            for k, model in enumerate(self.models):
                score = self.score(proxy, model)
                found.append(
                    {
                        "proxy": proxy,
                        "model": model,
                        "value": score.value,
                        "spread": number_or_none(score.spread) if len(self.seeds) > 1 else None,
                        "rank": self.ranks(proxy)[k],
                        "higher_is_better": self.infos[proxy].higher_is_better,
                        "status": str(score.status),
                        "detail": score.detail,
                        "seeds": len(self.seeds),
                        "seconds": number_or_none(score.seconds),
                        "device": score.device,
                        "published_tau": None if standing is None else standing.mean,
                        "published_benchmarks": 0 if standing is None else len(standing.taus),
                    }
                )
        return found

    def content(self) -> dict[str, Any]:
        """Return everything: models, scores, agreement, size, published results and which proxy to believe."""
        best = self.belief.best
        return {
            "models": [
                {
                    "name": one.name,
                    "label": label,
                    "error": one.error or None,
                    "kinds": list(one.kinds),
                    "parameters": None if one.error else one.parameters,
                    "inputs": one.inputs,
                    "samples": one.samples,
                    "batch": one.provenance,
                }
                for one, label in zip(self.facts, self.labels, strict=True)
            ],
            "seeds": list(self.seeds),
            "scores": self.rows(),
            "rankings": {
                proxy: {
                    "higher_is_better": self.infos[proxy].higher_is_better,
                    "ranks": list(self.ranks(proxy)),
                    "same_for_all_seeds": self.stable(proxy),
                }
                for proxy in self.proxies
            },
            "agreement": {
                "proxies": list(self.ranking),
                "kendall_w": number_or_none(self.agreement.w),
                "mean_tau": number_or_none(self.agreement.tau),
                "enough_models": self.agreement.enough,
            },
            "size": {
                "measure": self.size.measure,
                "mean_tau_with_proxies": number_or_none(self.size.tau),
                "differ_mostly_in_size": self.size.decides,
            },
            "published": {
                "benchmarks": list(self.belief.benchmarks),
                "proxies": {
                    proxy: {
                        "mean_tau": standing.mean,
                        "over_params": number_or_none(standing.over_params),
                        "taus": dict(standing.taus),
                    }
                    for proxy in self.proxies
                    if (standing := self.belief.standings.get(self.infos[proxy].label)) is not None
                },
            },
            "believe": None if best is None else best.proxy,
            "not_distinguishable": list(self.belief.alike),
            "notes": self.footnotes(),
        }

    def single(self) -> list[list[str]]:
        """Return a row per proxy of the only model: name, value, direction, status, time, reason."""
        (model,) = self.models
        rows = []
        for proxy in self.proxies:
            score = self.score(proxy, model)
            number = _number(score, len(self.seeds), 6)
            rows.append([proxy, number, self.better(proxy), str(score.status), duration(score.seconds), score.detail])
        return rows

    def _tau(self, proxy: str) -> str:
        standing = self.belief.standings.get(self.infos[proxy].label)
        if standing is None:
            return "–"
        count = len(standing.taus)
        return fixed(standing.mean) + (f" ({count})" if count < len(self.belief.benchmarks) else "")

    def _cell(self, proxy: str, place: int) -> str:
        score, ranks = self.score(proxy, self.models[place]), self.ranks(proxy)
        rank = ranks[place]
        if rank is None:
            return str(score.status)
        tied = "=" if ranks.count(rank) > 1 else ""
        return f"{_number(score, len(self.seeds), 4)} ({rank}{tied})"


def _images(facts: list[Facts]) -> bool:
    """Return whether the inputs of every network have channels, height and width."""
    return bool(facts) and all(not one.texts and one.inputs.count("x") == 2 for one in facts)


def _letters(place: int) -> str:
    """Return A, B, …, Z, AA, AB, …."""
    text = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        text = chr(65 + rest) + text
    return text


def _number(score: Score, seeds: int, digits: int) -> str:
    if score.value is None:
        return ""
    several = (score.repeats > 1 or seeds > 1) and score.spread > 0
    spread = f" ± {significant(score.spread, 2)}" if several else ""
    return significant(score.value, digits) + spread


def _ranked(values: tuple[float | None, ...]) -> tuple[int | None, ...]:
    known = [value for value in values if value is not None]
    return tuple(None if value is None else 1 + sum(other > value for other in known) for value in values)


def _over_seeds(scores: tuple[Score, ...], seeds: tuple[int, ...]) -> Score:
    """Combine the scores of several seeds; the result is the first failure if one has no value."""
    if len(scores) == 1:
        return scores[0]
    seconds = math.fsum(one.seconds for one in scores)
    missing = [(seed, one) for seed, one in zip(seeds, scores, strict=True) if one.value is None]
    if missing:
        seed, one = missing[0]
        same = len(missing) == len(scores) and len({(other.status, other.detail) for _, other in missing}) == 1
        return replace(one, seconds=seconds, detail=one.detail if same else f"seed {seed}: {one.detail}")
    values = [float(one) for one in scores]
    detail = " ".join(dict.fromkeys(one.detail for one in scores if one.detail))
    spread = statistics.stdev(values)
    return replace(
        scores[0], value=statistics.fmean(values), status=Status.OK, seconds=seconds, detail=detail, spread=spread
    )
