"""The sentences under a comparison: agreement, size, published results, and which proxy to believe."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zcbench._display import fixed, many, plain
from zcbench.comparison._published import WEAK, Belief
from zcbench.metrics import kendall_tau, kendall_w, mean_tau

if TYPE_CHECKING:
    from zcbench.comparison._comparison import Comparison

#: a proxy that ranks by chance, on purpose: it has no part in agreement
CHANCE = "random"
#: with fewer models agreement means little: two unrelated rankings of five agree completely in 1 of 120 cases, but
#: their tau is 0.6 or more in 1 of 9
ENOUGH = 6
#: mean tau of the proxies with the number of parameters from which on size alone ranks the models
_SIZE = 0.8
#: measures of size, in words
PARAMS, FLOPS = "params", "flops"
_WORDS = {PARAMS: "numbers of parameters", FLOPS: "FLOPs"}


@dataclass(frozen=True)
class Agreement:
    """How far proxies rank the models alike.

    Attributes:
        proxies: number of proxies that rank all models.
        models: number of models.
        w: Kendall's W; nan where it is undefined.
        tau: mean of Kendall's tau over pairs of proxies.
    """

    proxies: int
    models: int
    w: float
    tau: float

    @property
    def enough(self) -> bool:
        """Whether there are enough models for it to mean something."""
        return self.models >= ENOUGH


@dataclass(frozen=True)
class Size:
    """How far a measure of size ranks the models as the proxies do.

    Attributes:
        measure: "params" or "flops".
        tau: mean of Kendall's tau between the measure and each other proxy; nan where it is undefined.
        same: proxies that rank the models as the measure does.
        others: number of proxies compared.
        order: places of the models, the largest first.
    """

    measure: str
    tau: float
    same: tuple[str, ...]
    others: int
    order: tuple[int, ...]

    @property
    def decides(self) -> bool:
        """Whether size alone gives nearly the ranking of the proxies."""
        return math.isfinite(self.tau) and self.tau >= _SIZE


def agreement(columns: Mapping[str, Sequence[float]]) -> Agreement:
    """Compare the rankings of proxies: signed values of all models by proxy."""
    rankings = list(columns.values())
    models = len(rankings[0]) if rankings else 0
    if len(rankings) < 2:
        return Agreement(len(rankings), models, math.nan, math.nan)
    return Agreement(len(rankings), models, kendall_w(rankings), mean_tau(rankings))


def size_of(sizes: Sequence[float], columns: Mapping[str, Sequence[float]], measure: str = PARAMS) -> Size:
    """Compare a measure of size with the rankings of proxies.

    Args:
        sizes: of each model.
        columns: signed values of all models by proxy.
        measure: "params" or "flops"; neither is compared.
    """
    others = {proxy: column for proxy, column in columns.items() if proxy not in _WORDS}
    if len(set(sizes)) < 2 or not others:
        return Size(measure, math.nan, (), len(others), ())
    taus = {proxy: kendall_tau(sizes, column).value for proxy, column in others.items()}
    known = [tau for tau in taus.values() if math.isfinite(tau)]
    order = tuple(sorted(range(len(sizes)), key=lambda k: -sizes[k]))
    mean = math.fsum(known) / len(known) if known else math.nan
    return Size(measure, mean, tuple(p for p, tau in taus.items() if tau == 1), len(others), order)


def notes(found: Comparison) -> list[str]:
    """Return the sentences under the table; the last says which proxy to believe."""
    lines = [*_unscored(found), *_facts(found)]
    if len(found.models) > 1:
        lines += [*_agreement(found), *_seeds(found), *_size(found), *_published(found.belief), _believe(found)]
    return lines


def _unscored(found: Comparison) -> list[str]:
    lines = [
        one.error if one.error.startswith(label) else f"{plain(label)}: {one.error}"
        for label, one in zip(found.labels, found.facts, strict=True)
        if one.error
    ]
    labels = [plain(label) for label in found.called(found.labels)]
    reasons: dict[tuple[tuple[str, ...], str, str], list[str]] = {}
    for proxy in found.proxies:
        where: dict[tuple[str, str], list[str]] = {}
        for label, one in zip(labels, found.called(found.facts), strict=True):
            score = found.score(proxy, one.name)
            if score.value is None:
                where.setdefault((str(score.status), score.detail), []).append(label)
        for (status, why), models in where.items():
            reasons.setdefault((tuple(models), status, why), []).append(proxy)
    for (without, status, why), proxies in reasons.items():
        of = "all models" if len(without) == len(labels) > 1 else ", ".join(without)
        lines.append(f"{status.capitalize()} for {of}: {', '.join(proxies)}: {why}")
    return lines


def _facts(found: Comparison) -> list[str]:
    lines = list(dict.fromkeys(note for one in found.facts for note in one.notes))
    shapes: dict[str, list[str]] = {}
    for label, one in zip(found.labels, found.facts, strict=True):
        if not one.error:
            shapes.setdefault(one.inputs, []).append(plain(label))
    if len(shapes) > 1:
        each = "; ".join(f"{', '.join(labels)} {shape}" for shape, labels in shapes.items())
        lines.append(
            f"The models saw inputs of different shapes ({each}), which changes flops and most other scores: give all "
            "the same by --input or --data."
        )
    return lines


def _agreement(found: Comparison) -> list[str]:
    one = found.agreement
    if one.proxies < 2 or not math.isfinite(one.w):
        return ["Agreement is not known: it needs two proxies that rank all models."]
    ranks = {p: found.called(found.ranks(p)) for p in found.proxies if found.infos[p].name != CHANCE}
    equal = [p for p, column in ranks.items() if None not in column and len(set(column)) == 1]
    lines = [f"Equal for all models: {', '.join(equal)}."] if equal else []
    said = (
        f"Agreement of the {one.proxies} proxies that rank all models (without random): Kendall's W {fixed(one.w)} (1: "
        f"all rank alike, 0: nothing in common), mean tau of two proxies {fixed(one.tau)}."
    )
    if not one.enough:
        cases = math.factorial(one.models)
        said += (
            f" With fewer than {ENOUGH} models this means little: two unrelated rankings of {one.models} agree "
            f"completely in 1 of {cases} cases."
        )
    return [*lines, said]


def _seeds(found: Comparison) -> list[str]:
    if len(found.seeds) < 2:
        return ["Spread over initialisations is not known: --seeds 3 measures it."]
    states = {proxy: found.stable(proxy) for proxy in found.ranking}
    known = [proxy for proxy, state in states.items() if state is not None]
    changed = [proxy for proxy in known if not states[proxy]]
    if not changed:
        return [f"All {len(known)} rankings are the same for each of the {len(found.seeds)} seeds."]
    return [
        f"The ranking changes from seed to seed for {', '.join(changed)}; it is the same for each of the "
        f"{len(found.seeds)} seeds for {len(known) - len(changed)} of {len(known)} proxies."
    ]


def _size(found: Comparison) -> list[str]:
    size, belief = found.size, found.belief
    if not size.decides:
        return []
    labels = found.called(found.labels)
    order = " > ".join(plain(labels[k]) for k in size.order)
    said = (
        f"Warning: the models differ mostly in size. Their {_WORDS[size.measure]} alone give the ranking {order}. "
        f"Other proxies with this ranking: {len(size.same)} of {size.others} (mean tau {fixed(size.tau)})."
    )
    params = belief.standings.get(PARAMS)
    best = [belief.standings[p] for p in belief.candidates if math.isfinite(belief.standings[p].over_params)]
    if params is not None and best:
        top = max(best, key=lambda standing: standing.over_params)
        said += (
            f" On the published benchmarks params has mean tau {fixed(params.mean)}; the largest advantage over it is "
            f"{fixed(top.over_params)} ({top.proxy})."
        )
    return [said]


def _published(belief: Belief) -> list[str]:
    if not belief.benchmarks:
        return []
    said = (
        f"tau: mean Kendall's tau of the proxy with results of training on {many(len(belief.benchmarks), 'benchmark')} "
        f"of {belief.described} ({', '.join(belief.benchmarks)}); docs/leaderboards has each. "
        "(N): measured on N of them."
    )
    if belief.few:
        said += " Proxies that were measured on half of them or fewer are not compared."
    return [f"{said} {belief.caveat}".strip()]


def _believe(found: Comparison) -> str:
    belief = found.belief
    called = found.called(found.facts)
    if len(called) < 2:
        return "Which proxy to believe is not known: fewer than two models were scored."
    if len({one.texts for one in called}) > 1:
        return (
            "Which proxy to believe is not known: some models read texts and others do not, and no published benchmark "
            "compares such models."
        )
    if not belief.benchmarks:
        kinds = {one.kinds for one in called}
        if len(kinds) > 1:
            each = ", ".join(sorted(" and ".join(one) or "unknown" for one in kinds))
            return (
                f"Which proxy to believe is not known: the models are of different kinds ({each}), and no published "
                "benchmark compares such models."
            )
        return (
            "Which proxy to believe is not known: no published benchmark has networks of this kind. --kind chooses "
            "convolutional, transformer or recurrent."
        )
    best = belief.best
    if best is None:
        return "Which proxy to believe is not known: none of these proxies ranks the models and was measured there."
    count, low, high = len(best.taus), min(best.taus.values()), max(best.taus.values())
    spread = f" ({fixed(low)} to {fixed(high)})" if count > 1 else ""
    proxy = next(p for p in found.proxies if found.infos[p].label == best.proxy)
    ranks = found.ranks(proxy)
    order = _order(found, ranks)
    figures = f"mean tau {fixed(best.mean)}{spread} on {many(count, 'benchmark')}"
    alike = f" Not distinguishable from it there: {', '.join(belief.alike)}." if belief.alike else ""
    if count == 1 and belief.alike:  # its proxies may well be distinguishable there, and this says nothing of others
        alike = " One benchmark does not show which proxy is best on other networks."
    if belief.beyond:
        other = belief.standings[belief.beyond]
        alike += f" {belief.beyond} was not requested and has the larger mean tau {fixed(other.mean)} there."
    if best.mean < WEAK:
        return f"Believe none of them much: the best is {best.proxy}, {figures}. It ranks the models {order}.{alike}"
    right = round(50 * (1 + best.mean))
    return (
        f"Believe most: {best.proxy}, {figures}, which orders about {right} of 100 pairs of networks correctly. It "
        f"ranks the models {order}.{alike}"
    )


def _order(found: Comparison, ranks: Sequence[int | None]) -> str:
    """List the models, best first; those of equal rank are joined by "="."""
    levels: dict[int, list[str]] = {}
    for label, rank in zip(found.labels, ranks, strict=True):
        if rank is not None:
            levels.setdefault(rank, []).append(plain(label))
    return " > ".join(" = ".join(levels[rank]) for rank in sorted(levels))
