import json
import math
import signal

import numpy as np
import pytest
from searches import FIRST, SPACE, Listed, engine

import zcbench
from zcbench.errors import InvalidInputError
from zcbench.scorers import Scorer, Scores
from zcbench.search import Answer, Domain, Proposal, Searcher
from zcbench.search import _engine as module
from zcbench.types import Architecture, Status


def groups():
    """Keys by network, those with several first."""
    found = {}
    for one in list(SPACE)[:3_000]:
        found.setdefault(SPACE.canonical(one).key, []).append(one.key)
    return sorted(found.values(), key=len, reverse=True)


GROUPS = groups()
SAME, OTHER, THIRD = GROUPS[0], GROUPS[1][0], GROUPS[2][0]


def keys(proposals):
    return [one.architecture.key for one in proposals]


def answers(proposals, good=1.0):
    return [Answer(one, (good,)) for one in proposals]


def test_equal_networks_are_asked_for_once_and_answered_at_once():
    search = engine(Listed([SAME[0], OTHER, SAME[1], SAME[0], SAME[2], THIRD]))
    first = search.ask(2)
    assert keys(first) == [SAME[0], OTHER] and search.equal == []
    search.tell(answers(first, 7.0))
    assert keys(search.ask(2)) == [THIRD]
    assert [(one.architecture.key, one.good, one.equal) for one in search.equal] == [
        (key, (7.0,), True) for key in (SAME[1], SAME[0], SAME[2])
    ]
    assert search.searcher.told == [[SAME[0], False], [OTHER, False], [SAME[1], True], [SAME[0], True], [SAME[2], True]]
    assert search.asks == 6 and len(search.problem.history) == 2


def test_what_is_out_is_not_asked_for_again_and_its_equals_follow():
    search = engine(Listed([SAME[0], SAME[1], OTHER, SAME[2], THIRD]))
    first = search.ask(1)
    second = search.ask(2)  # with the equals of what is out
    assert keys(first) == [SAME[0]] and keys(second) == [OTHER, THIRD]
    assert search.waiting == [*first, *second]
    search.tell(answers(second))
    search.tell(answers(first, 5.0))
    assert search.searcher.told[-3:] == [[SAME[0], False], [SAME[1], True], [SAME[2], True]]
    assert search.waiting == []


def test_epochs_are_evaluations_of_their_own():
    class Halves(Listed):
        epochs = True

        def ask(self, count):
            return [Proposal(one.architecture, 5 - self.place) for one in super().ask(count)]

    search = engine(Halves([SAME[0], SAME[1], SAME[0]]), epochs=9)
    found = [search.ask(1) for _ in range(3)]
    assert [one.epochs for (one,) in found] == [4, 3, 2]
    Halves.epochs = False
    with pytest.raises(InvalidInputError, match="trained for 4 epochs, which is not available: this is an error"):
        engine(Halves([SAME[0]]), epochs=9).ask(1)


@pytest.mark.parametrize("asked", [1, 3])
def test_more_than_was_asked_for_is_a_mistake(asked):
    class Greedy(Listed):
        def ask(self, count):
            return super().ask(count + 1)

    with pytest.raises(InvalidInputError, match=rf"proposed {asked + 1} .* when {asked} were requested: .* error"):
        engine(Greedy(GROUPS[5] + GROUPS[6] + GROUPS[7])).ask(asked)


@pytest.mark.parametrize("stranger", [Architecture("elsewhere", FIRST[0].key), FIRST[9]])
def test_what_may_not_be_proposed_is_a_mistake(stranger):
    class Astray(Listed):
        def ask(self, count):
            return [Proposal(stranger)]

    with pytest.raises(InvalidInputError, match=r"not an allowed architecture: this is an error in the searcher"):
        engine(Astray(), domain=Domain(SPACE, FIRST[:9])).ask(1)


def test_what_does_not_fit_the_searcher_is_refused():
    with pytest.raises(InvalidInputError, match="takes one objective, not 2"):
        engine(Listed(), objectives=2)

    class Early(Listed):
        epochs = True

    with pytest.raises(InvalidInputError, match="needs learning curves"):
        engine(Early())


def test_it_ends_where_nothing_more_is_proposed():
    search = engine(Listed([SAME[0]]))
    first = search.ask(3)
    assert search.ask(3) == [] and search.ended == ""  # an answer is out
    search.tell(answers(first))
    assert search.ask(3) == [] and "nothing more to propose" in search.ended


def test_it_ends_where_nothing_new_is_proposed(monkeypatch):
    monkeypatch.setattr(module, "REPEATS", 20)
    search = engine(Listed([SAME[0]] * 500))
    search.tell(answers(search.ask(1)))
    assert search.ask(1) == []
    assert search.ended == "20 proposals in a row had been evaluated before: nothing new is found."
    assert search.asks == 21


def test_proposals_can_be_bounded():
    search = engine(Listed([SAME[0]] * 500))
    search.tell(answers(search.ask(1)))
    assert search.ask(3, most=7) == [] and search.asks == 8 and search.ended == ""
    assert search.ask(3, most=0) == [] and search.asks == 8


class Length(Scorer):
    label = "length"

    def __init__(self):
        self.seen = []

    def score(self, architectures):
        self.seen.append(len(architectures))
        values = np.array([float(len(one.key)) for one in architectures])
        return Scores(values, np.zeros(len(values)))


def test_a_filter_chooses_the_best_of_many_new_ones():
    names = [group[0] for group in GROUPS[:40]]
    search = engine(Listed(names), filter_by=(scorer := Length()), filter_from=10)
    found = search.ask(2)
    assert scorer.seen == [20] and search.asks == 20
    best = sorted(range(20), key=lambda place: -len(names[place]))[:2]
    assert keys(found) == [names[place] for place in best]
    dropped = next(name for name in names[:20] if name not in keys(found))
    search.tell(answers(found))
    search.searcher.keys, search.searcher.place = [dropped], 0
    assert keys(search.ask(1)) == [dropped]  # was never asked for, and can be
    assert search.ask(2, most=0) == []


def test_answers_are_checked_before_any_is_taken():
    search = engine(Listed([SAME[0], OTHER, THIRD]))
    first, second = search.ask(2)
    never = Proposal(Architecture(SPACE.name, THIRD))
    for wrong, match in [
        ([Answer(first, (1.0,)), Answer(never, (1.0,))], "was not proposed"),
        ([Answer(first, (1.0,)), Answer(first, (2.0,))], "or has a result already"),
        ([Answer(first, (1.0,)), Answer(second, (1.0, 2.0))], "give 1 numbers for"),
    ]:
        with pytest.raises(InvalidInputError, match=match):
            search.tell(wrong)
    assert search.waiting == [first, second] and len(search.problem.history) == 0
    search.tell(answers([second, first]))
    with pytest.raises(InvalidInputError, match="has a result already"):
        search.tell(answers([first]))


@pytest.mark.parametrize("good", [math.nan, math.inf, -math.inf])
def test_no_number_is_never_ok(good):
    search = engine(Listed([SAME[0], SAME[1]]))
    search.tell(answers(search.ask(1), good))
    assert search.problem.history.answer(0).status == Status.NON_FINITE
    assert search.problem.history.best() is None
    search.ask(1)
    assert not search.equal[0].ok  # nor is the answer to its equal


def test_the_state_is_json_and_goes_on():
    names = [*(group[0] for group in GROUPS[:6]), SAME[1], SAME[2]]
    search = engine(Listed(names))
    first = search.ask(3)
    search.tell(answers(first[1:], 4.0))
    search.problem.rng.random(5)
    search.searcher.place = 6
    search.ask(1)
    state = json.loads(json.dumps(search.state(), allow_nan=False))
    again = engine(Listed(names))
    for row, answer in enumerate(search.problem.history):
        again.problem.history.add(search.problem.domain.key(answer.architecture), answer)
        assert row < 2
    again.restore(state)
    assert again.waiting == search.waiting and again.asks == search.asks
    assert again.problem.rng.random() == search.problem.rng.random()
    for one in (search, again):
        one.tell(answers(first[:1], 9.0))
    assert again.searcher.told == search.searcher.told
    assert again.searcher.told[-3:] == [[SAME[0], False], [SAME[1], True], [SAME[2], True]]
    assert again.state() == search.state()


class Odd(Searcher):
    """Proposes something, or raises it."""

    def __init__(self, given):
        self.given = given

    def ask(self, count):
        if isinstance(self.given, BaseException):
            raise self.given
        return self.given

    def tell(self, answers):
        """Nothing is learned."""

    def state(self):
        return {"odd": {1, 2}, "nan": float("nan")}

    def restore(self, state):
        """Nothing is kept."""


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (KeyError("x"), "failed in ask: KeyError: 'x'"),
        (SystemExit(3), "failed in ask: SystemExit: 3"),
        (None, "failed in ask: TypeError: 'NoneType' object is not iterable"),
        (["abc"], "proposed 'abc', which is not a proposal: write Proposal.architecture."),
        ([Proposal("abc")], "proposed Proposal.*, which is not a proposal"),
        ([None], "proposed None, which is not a proposal"),
    ],
)
def test_a_searcher_that_fails_is_named(given, said):
    with pytest.raises(InvalidInputError, match=f"(<Searcher .*>|Odd) {said}"):
        zcbench.search("digits-201", searcher=Odd(given), budget=3)


def test_the_user_may_end_what_a_searcher_does():
    class MineError(Exception):
        pass

    def handler(number, frame):
        raise MineError

    def ask(count):
        signal.raise_signal(signal.SIGTERM)

    searcher = Odd([])
    searcher.ask = ask
    before = signal.signal(signal.SIGTERM, handler)
    try:
        with pytest.raises(MineError):
            zcbench.search("digits-201", searcher=searcher, budget=3)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_state_that_is_no_json_costs_no_result(tmp_path):
    first = zcbench.get_benchmark("digits-201").architectures[0]
    found = zcbench.search("digits-201", searcher=Odd([Proposal(first)]), budget=1, ledger=tmp_path / "a")
    assert len(found) == 1
    said = [note for note in found.report.footnotes() if "cannot be saved" in note]
    assert len(said) == 1 and "TypeError: Object of type set is not JSON serializable" in said[0]
    assert len(zcbench.search("digits-201", searcher=Odd([Proposal(first)]), budget=1, ledger=tmp_path / "a")) == 1
