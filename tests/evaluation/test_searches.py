"""Comparisons of searchers over seeds."""

import math

import numpy as np
import pytest
from searched import KNOWN, TABLE, trace, traces

from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.evaluation import Known, KnownFront, Trace, checkpoints, compare_searches


def test_the_numbers_are_those_of_a_loop_over_seeds():
    found = compare_searches(traces(), KNOWN, grid=[10, 20])
    assert [one.label for one in found.searched] == ["skilled@1", "random@1"] and found.baseline == "random@1"
    for one in found.searched:
        mine = [t for t in traces() if t.label == one.label]
        for number, cost in enumerate((10, 20)):
            values = [t.reported["test"][: int(cost)][np.argmax(t.guide[: int(cost)])] for t in mine]
            assert one.value[number].value == pytest.approx(np.mean(values))
            assert one.deviation[number] == pytest.approx(np.std(values, ddof=1))
            assert one.regret[number].value == pytest.approx(TABLE.max() - np.mean(values))
            assert one.rank[number].value == np.median([1 + (value < TABLE).sum() for value in values])
            assert one.improvement[number].value == pytest.approx(100 * (np.mean(values) / TABLE.mean() - 1))
        reached = []
        for t in mine:
            good = [n for n in range(20) if t.reported["test"][np.argmax(t.guide[: n + 1])] >= sorted(TABLE)[-10]]
            reached.append(good[0] + 1 if good else math.inf)
        assert one.reach[0.01].costs.tolist() == reached
    skilled, random = found.searched
    assert skilled.tied_with_best and not random.tied_with_best and random.behind.low > 0
    assert skilled.ratio[0.01].value > 1 and not random.ratio


def test_two_of_equal_skill_are_tied():
    several = [trace(label, seed + 100 * n, 3) for n, label in enumerate(("a", "b")) for seed in range(12)]
    for number, t in enumerate(several):
        object.__setattr__(t, "seed", number % 12)
    found = compare_searches(several, KNOWN)
    assert all(one.tied_with_best for one in found.searched) and found.baseline == ""


def test_with_a_front_the_hypervolume_decides():
    flops = np.random.default_rng(5).random(1000)
    front = KnownFront(("test", "flops"), np.column_stack([TABLE, flops]), (True, False))

    def of(label, seed, rows):
        reported = {"test": TABLE[rows], "flops": flops[rows]}
        return Trace(
            label,
            seed,
            TABLE[rows],
            np.arange(1.0, len(rows) + 1),
            reported,
            np.column_stack([TABLE[rows], -flops[rows]]),
        )

    best = np.argsort(-TABLE)[:1]
    several = [of("spread", seed, np.random.default_rng(seed).integers(1000, size=40)) for seed in range(3)]
    several += [of("greedy", seed, best) for seed in range(3)]
    found = compare_searches(several, KNOWN, front=front)
    assert found.searched[0].label == "spread" and found.searched[1].regret[-1].value == 0
    assert compare_searches(several, KNOWN).searched[0].label == "greedy"
    for one in found.searched:
        mine = [front.ratio_so_far(t)[-1] for t in several if t.label == one.label]
        assert one.volume[-1].value == pytest.approx(np.mean(mine))


def test_searches_without_a_value_come_last_and_are_told():
    nothing = Trace("broken", 0, np.array([math.nan]), np.array([1.0]), {"test": np.array([math.nan])})
    found = compare_searches([nothing, trace("random", 0), trace("random", 1)], KNOWN)
    assert [one.label for one in found.searched] == ["random", "broken"] and found.searched[1].nothing == 1
    assert "broken: 1 of 1 search found no architecture with a value, so there is no mean." in found.footnotes()


def test_searches_that_end_early_are_told():
    found = compare_searches([trace("random", 0), trace("short", 0, n=9)], KNOWN)
    assert any("short: 1 of 1 search ended before 90 % of 20 evaluations" in note for note in found.footnotes())


def test_costs_begin_where_every_search_has_an_answer():
    assert checkpoints(traces()) == (1, 2, 5, 10, 20)
    assert checkpoints(traces(), "seconds") == (100, 200, 500, 1000, 2000)
    late = Trace("late", 0, np.zeros(1), np.array([300.0]))
    assert checkpoints([late, *traces()], "seconds") == (500, 1000, 2000)
    assert checkpoints([late], "seconds") == (300,)


@pytest.mark.parametrize(
    ("given", "further", "words"),
    [
        ([], {}, "nothing to compare"),
        ([trace("a", 1), trace("a", 1)], {}, "two searches of a have seed 1"),
        (traces(1), {"grid": [5, 3]}, "ascending"),
        (traces(1), {"grid": []}, "ascending"),
        (traces(1), {"shares": [2]}, "above 0"),
    ],
)
def test_what_cannot_be_compared_is_refused(given, further, words):
    with pytest.raises(InvalidInputError, match=words):
        compare_searches(given, KNOWN, **further)


def test_names_that_are_not_there_are_refused():
    with pytest.raises(UnknownNameError, match="reported column"):
        compare_searches(traces(1), Known("other", TABLE, True))
    with pytest.raises(UnknownNameError, match="cost"):
        compare_searches(traces(1), KNOWN, by="hours")
    found = compare_searches(traces(1), KNOWN)
    for metric in ("volume", "nothing"):
        with pytest.raises(UnknownNameError, match="metric"):
            found.progress(metric)
