import json
import math
import shutil
import time
import tracemalloc

import numpy as np
import pytest
from searches import FIRST, SPACE, Listed, engine, searched, timeless, worth
from toys import table, toy

import zcbench
from zcbench.errors import InvalidInputError, StoreError
from zcbench.search import Budget, Evaluation, Evaluator, Ledger, Objective, read_ledger, read_search
from zcbench.search._loop import Loop

#: neighbours of one another, so that a searcher often comes back to those that it knows
SMALL = toy([place % 37 / 37 for place in range(150)], keys=[one.key for one in FIRST[:150]])


class Counted(Evaluator):
    """Evaluates by a function of the position of an evaluation; says how often."""

    label = "counted"

    def __init__(self, seconds=1.0, simulated=True, value=lambda place: float(place)):
        self.simulated, self.seconds, self.value, self.names = simulated, seconds, value, []

    def evaluate(self, architecture, epochs=None):
        self.names.append(architecture.key)
        found = self.value(len(self.names) - 1)
        status = zcbench.Status.OK if math.isfinite(found) else zcbench.Status.FAILED
        return Evaluation(
            {"goal0": found}, {"training": self.seconds}, status, "" if found == found else "out of order"
        )


def loop(keys, evaluator, budget=None, batch=2, ledger=None, head=None):
    search = engine(Listed(keys))
    lines = Ledger(ledger, head or {"searcher": "listed"})
    return Loop(lambda metered: search, evaluator, [Objective("goal0")], lines, batch, budget)


def keys(count):
    """Keys of different networks."""
    found = {}
    for one in SPACE:
        found.setdefault(SPACE.canonical(one).key, one.key)
        if len(found) == count:
            return list(found.values())
    raise AssertionError


# -- the budget ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("budget", "evaluations", "asks"),
    [(Budget(0), 0, 0), (Budget(1), 1, 1), (Budget(5), 5, 5), (Budget(asks=5), 5, 5), (Budget(seconds=5), 5, 6),
     (Budget(seconds=5.5), 5, 6), (Budget(seconds=0), 0, 2), (Budget(7, 4.0, 100), 4, 6), (Budget(100), 8, 8)],
)  # fmt: skip
def test_what_a_budget_buys(budget, evaluations, asks):
    evaluator = Counted()
    made = loop(keys(8), evaluator, budget)
    result = made.run()
    assert len(result) == evaluations
    assert result.asks == asks
    np.testing.assert_array_equal(result.seconds, np.arange(1, evaluations + 1))
    np.testing.assert_array_equal(result.values["goal0"], np.arange(evaluations))
    expected = "nothing more to propose" if budget == Budget(100) else f"the budget is spent: {budget}."
    assert expected in result.ended


def test_equal_networks_are_paid_for_once():
    classes = {}
    for one in list(SPACE)[:3_000]:
        classes.setdefault(SPACE.canonical(one).key, []).append(one.key)
    first, *equal = next(names for names in classes.values() if len(names) > 3)[:4]
    last = next(names[0] for names in classes.values() if first not in names)
    evaluator = Counted()
    made = loop([first, *equal, last, first], evaluator, Budget(100), batch=1)
    result = made.run()
    assert evaluator.names == [first, last]
    assert result.asks == 6 and made.clock.evaluations == 2
    assert [equal for _, equal in made.search.searcher.told] == [False, *[True] * 3, False, True]


def test_asks_bound_those_whose_equals_are_known():
    first = keys(1)[0]
    result = loop([first] * 100, Counted(), Budget(asks=20), batch=1).run()
    assert (len(result), result.asks) == (1, 20)


def test_an_evaluation_that_ends_too_late_is_kept_and_does_not_count(tmp_path):
    path = tmp_path / "a"
    evaluator = Counted(seconds=3.0)
    result = loop(keys(20), evaluator, Budget(seconds=10), batch=4, ledger=path).run()
    assert len(result) == 3 and len(evaluator.names) == 4
    assert [row["kind"] for row in timeless(path)] == ["search", "budget", *["evaluated"] * 4, "ended"]
    again = Counted(seconds=3.0)
    raised = loop(keys(20), again, Budget(seconds=20), batch=4, ledger=path).run()
    assert len(raised) == 6
    assert again.names == keys(20)[4:7]  # the late one was not evaluated again
    np.testing.assert_array_equal(raised.seconds, np.arange(1, 7) * 3.0)


# -- going on ------------------------------------------------------------------------------------------


def test_wherever_it_is_cut_it_goes_on_to_the_same_bytes(tmp_path):
    path = tmp_path / "whole"
    result = searched(path, 24, SMALL)
    whole, state = path.read_bytes(), (tmp_path / "whole.state").read_bytes()
    assert any(row["kind"] == "equal" for row in timeless(path))
    lines = whole.splitlines(keepends=True)
    for count in range(len(lines) + 1):
        torn = b"".join(lines[:count]) + (lines[count][: len(lines[count]) // 2] if count < len(lines) else b"")
        cut = tmp_path / f"cut{count}"
        cut.write_bytes(torn)
        (tmp_path / f"cut{count}.state").write_bytes(state)  # of more lines than there are
        again = searched(cut, 24, SMALL)
        assert timeless(cut) == timeless(path), count
        assert again.architectures == result.architectures
        assert again.ended == result.ended and again.asks == result.asks
        np.testing.assert_array_equal(again.seconds, result.seconds)
        np.testing.assert_array_equal(again.values["quality"], result.values["quality"])
    assert cut.read_bytes() == whole  # nothing was left to do: not even a time differs


@pytest.mark.parametrize("evaluate", [worth, table()], ids=["function", "table"])
def test_every_state_goes_on_to_the_same_bytes(tmp_path, monkeypatch, evaluate):
    path = tmp_path / "whole"
    monkeypatch.setattr("zcbench.search._pace.Pace.due", lambda self: True)
    saved = []
    keep = Ledger.save_state

    def save(self, state):
        keep(self, state)
        saved.append((path.read_bytes(), (tmp_path / "whole.state").read_bytes()))

    monkeypatch.setattr(Ledger, "save_state", save)
    whole = searched(path, 30, evaluate)
    monkeypatch.setattr(Ledger, "save_state", keep)
    assert len(saved) > 8
    for number, (lines, state) in enumerate(saved):
        cut = tmp_path / f"cut{number}"
        cut.write_bytes(lines)
        (tmp_path / f"cut{number}.state").write_bytes(state)
        again = searched(cut, 30, evaluate)
        assert timeless(cut) == timeless(path)
        assert again.architectures == whole.architectures
        assert again.asks == whole.asks


def test_evaluated_seconds_are_used_again(tmp_path):
    """A budget in real seconds ends at the same place."""
    path = tmp_path / "a"
    slow = Counted(seconds=3.0, simulated=False)
    first = loop(keys(20), slow, Budget(seconds=30), ledger=path).run()
    shutil.copy(path, tmp_path / "b")
    fast = Counted(seconds=0.001, simulated=False)
    again = loop(keys(20), fast, Budget(seconds=30), ledger=tmp_path / "b").run()
    assert fast.names == []
    np.testing.assert_array_equal(again.seconds, first.seconds)
    assert again.spent == first.spent
    assert path.read_bytes() == (tmp_path / "b").read_bytes()


def test_nothing_is_evaluated_or_thought_twice(tmp_path, monkeypatch):
    path = tmp_path / "a"
    searched(path, 20, table())
    monkeypatch.setattr("zcbench.search.evolution.Evolution.ask", None)  # the state says that nothing is left
    monkeypatch.setattr("zcbench.search.TableEvaluator.evaluate", None)
    before = path.read_bytes()
    assert len(searched(path, 20, table())) == 20
    assert path.read_bytes() == before


@pytest.mark.parametrize("states", [True, False])
def test_a_larger_budget_goes_on(tmp_path, states):
    path = tmp_path / "a"
    budgets = [5, 5, 11, "11,100000s", "32asks", 30]
    for budget in budgets:
        if not states:
            (tmp_path / "a.state").unlink(missing_ok=True)
        result = searched(path, budget, SMALL)
    assert len(result) == 30
    kinds = [row["kind"] for row in timeless(path)]
    assert kinds.count("budget") == kinds.count("ended") == 5
    whole, lines = path.read_bytes(), path.read_bytes().splitlines(keepends=True)
    assert len({json.loads(line)["architecture"] for line in lines if b'"evaluated"' in line}) == 30
    for count in range(1, len(lines), 3):  # killed anywhere, also before it was raised
        cut = tmp_path / f"cut{count}"
        cut.write_bytes(b"".join(lines[:count]))
        ended = sum(b'"ended"' in line for line in lines[:count])
        begun = sum(b'"budget"' in line for line in lines[:count])
        for budget in [5, 11, "11,100000s", "32asks", 30][max(0, begun - 1 if begun > ended else ended) :]:
            searched(cut, budget, SMALL)
        assert timeless(cut) == timeless(path), count
    assert path.read_bytes() == whole


def test_a_budget_can_rise_in_the_middle(tmp_path):
    path = tmp_path / "a"
    searched(path, 20, table())
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:9]))
    (tmp_path / "a.state").unlink()
    assert len(searched(path, 25, table())) == 25
    rows = timeless(path)
    assert rows[:9] == [{n: v for n, v in json.loads(line).items() if n != "seconds"} for line in lines[:9]]
    assert [row["kind"] for row in rows].count("budget") == 2
    again = searched(path, 25, table())
    assert timeless(path) == rows and len(again) == 25


def test_a_smaller_budget_is_refused_where_more_was_spent(tmp_path):
    path = tmp_path / "a"
    evaluator = Counted(seconds=2.0)
    loop(keys(20), evaluator, Budget(10), ledger=path).run()
    before = path.read_bytes()
    for budget, holds in [(Budget(9), "10 evaluations"), (Budget(seconds=19), "20 s"), (Budget(asks=9), "10 asks")]:
        made = loop(keys(20), evaluator, budget, ledger=path)
        with pytest.raises(
            InvalidInputError, match=rf"contains {holds}, more than the budget of .*: give a larger budget"
        ):
            made.run()
        made.ledger.close()
    assert path.read_bytes() == before
    assert len(loop(keys(20), evaluator, Budget(seconds=24), ledger=path).run()) == 12


def test_a_search_that_had_nothing_left_stays_ended(tmp_path):
    path = tmp_path / "a"
    loop(keys(5), Counted(), Budget(10), ledger=path).run()
    before = path.read_bytes()
    result = loop(keys(5), Counted(), Budget(20), ledger=path).run()
    assert "nothing more to propose" in result.ended and path.read_bytes() == before


def test_a_changed_searcher_is_noticed(tmp_path):
    path = tmp_path / "a"
    loop(keys(6), Counted(), Budget(6), ledger=path).run()
    (tmp_path / "a.state").unlink()
    made = loop(keys(6)[::-1], Counted(), Budget(6), ledger=path)
    with pytest.raises(InvalidInputError, match=r"line 3 of .* searcher, scorer or data have changed"):
        made.run()


def test_lines_behind_the_end_are_noticed(tmp_path):
    path = tmp_path / "a"
    loop(keys(5), Counted(), Budget(10), ledger=path).run()
    (tmp_path / "a.state").unlink()
    path.write_bytes(path.read_bytes() + b'{"kind":"equal","architecture":"x","epochs":null}\n')
    with pytest.raises(InvalidInputError, match='but this search is at "an end"'):
        loop(keys(5), Counted(), Budget(10), ledger=path).run()


# -- evaluations in any order ----------------------------------------------------------------------------


class Backwards(Counted):
    """Gives what it is asked for last first, and is stopped after so many."""

    def __init__(self, stop=math.inf):
        super().__init__(simulated=False)
        self.stop = stop

    def each(self, proposals):
        for place in reversed(range(len(proposals))):
            if len(self.names) >= self.stop:
                raise KeyboardInterrupt
            self.names.append(proposals[place].architecture.key)
            value = float(keys(12).index(proposals[place].architecture.key))
            yield place, Evaluation({"goal0": value}, {"training": 1.0})


@pytest.mark.parametrize("stop", range(13))
def test_what_ended_before_its_turn_is_not_lost(tmp_path, stop):
    path = tmp_path / "a"
    straight = Counted(simulated=False)
    loop(keys(12), straight, Budget(12), batch=4, ledger=tmp_path / "straight").run()
    made = loop(keys(12), first := Backwards(stop), Budget(12), batch=4, ledger=path)
    if stop < 12:
        with pytest.raises(KeyboardInterrupt):
            made.run()
        made.ledger.close()
    result = loop(keys(12), second := Backwards(), Budget(12), batch=4, ledger=path).run() if stop < 12 else made.run()
    assert sorted(first.names + second.names if stop < 12 else first.names) == sorted(keys(12))  # each once
    np.testing.assert_array_equal(result.values["goal0"], np.arange(12))
    assert timeless(path) == timeless(tmp_path / "straight")
    assert not (tmp_path / "a.ahead").exists()


# -- what goes wrong -------------------------------------------------------------------------------------


def test_where_nothing_gives_a_number_it_ends_soon(tmp_path):
    path = tmp_path / "a"
    evaluator = Counted(simulated=False, value=lambda place: math.nan)
    with pytest.raises(
        InvalidInputError, match=r"10 evaluations in a row returned no number; the last reason: out of order"
    ):
        loop(keys(90), evaluator, Budget(90), ledger=path).run()
    assert len(evaluator.names) == 10
    assert sum(row["kind"] == "evaluated" for row in timeless(path)) == 10


def test_where_numbers_end_the_search_ends_later_with_what_it_has(tmp_path):
    path = tmp_path / "a"
    value = lambda place: math.nan if place >= 5 else 1.0  # noqa: E731
    result = loop(keys(90), Counted(simulated=False, value=value), Budget(90), batch=1, ledger=path).run()
    assert len(result) == 55
    assert f"remove line 8 of {path} and all lines after it" in result.ended
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:7]))
    mended = loop(keys(90), good := Counted(simulated=False), Budget(90), batch=1, ledger=path).run()
    assert len(mended) == 90 and len(good.names) == 85


def test_some_failures_end_nothing():
    value = lambda place: 1.0 if place % 40 == 9 else math.nan  # noqa: E731
    result = loop(keys(90), Counted(simulated=False, value=value), Budget(90)).run()
    assert len(result) == 90
    gaps = loop(keys(90), Counted(value=lambda place: math.nan), Budget(90)).run()  # a table may have gaps
    assert np.isnan(gaps.values["goal0"]).all() and len(gaps) == 90


def test_an_interrupt_keeps_what_was_evaluated(tmp_path):
    def value(place):
        if place == 5:
            raise KeyboardInterrupt
        return 1.0

    path = tmp_path / "a"
    made = loop(keys(9), Counted(value=value), Budget(9), ledger=path)
    with pytest.raises(KeyboardInterrupt):
        made.run()
    made.ledger.close()
    assert sum(row["kind"] == "evaluated" for row in timeless(path)) == 5


def test_a_full_disk_loses_nothing(tmp_path, monkeypatch):
    path = tmp_path / "a"
    from zcbench.search._lines import Lines

    write = Lines.append

    def full(self, line, *, durable):
        if b'"evaluated"' in line and path.stat().st_size > 1_000:
            raise StoreError("cannot write")
        write(self, line, durable=durable)

    monkeypatch.setattr(Lines, "append", full)
    with pytest.raises(StoreError):
        searched(path, 20, table())
    monkeypatch.setattr(Lines, "append", write)
    searched(path, 20, table())
    searched(tmp_path / "b", 20, table())
    assert timeless(path) == timeless(tmp_path / "b")


# -- what it costs ---------------------------------------------------------------------------------------


class Thinker(Listed):
    def ask(self, count):
        time.sleep(0.02)
        return super().ask(count)


def test_thinking_is_told_and_counts_where_evaluations_are_real(tmp_path):
    spent = {}
    for simulated in (True, False):
        search = engine(Thinker(keys(6)))
        with Ledger(tmp_path / str(simulated), {}) as ledger:
            made = Loop(
                lambda metered, search=search: search,
                Counted(1.0, simulated),
                [Objective("goal0")],
                ledger,
                2,
                Budget(6),
            )
            spent[simulated] = made.run().spent
            assert spent[simulated]["thinking"] > 0.06
            assert made.clock.total == pytest.approx(6.0 + (0.0 if simulated else spent[simulated]["thinking"]))
        rows = [json.loads(line) for line in (tmp_path / str(simulated)).read_bytes().splitlines()]
        thought = [row["seconds"].get("thinking", 0.0) for row in rows if "seconds" in row]
        assert sum(thought) == pytest.approx(spent[simulated]["thinking"])
        assert [value > 0.019 for value in thought[:6]] == [not simulated and place % 2 == 0 for place in range(6)]


def test_memory_stays_flat_where_nothing_new_is_evaluated():
    few = [one.key for one in FIRST[:50]]

    def peak(count):
        names = [*few, *(name for fresh in keys(count // 200 + 50)[50:] for name in (*few * 4, fresh))]
        made = loop(names, Counted(), Budget(asks=count), batch=1)
        made.search.searcher.tell = lambda answers: None
        tracemalloc.start()
        made.run()
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    small, large = peak(1_000), peak(4_000)
    assert large < small + 50_000, (small, large)


def test_what_a_filter_leaves_out_and_what_is_equal_are_counted_apart(tmp_path):
    def go(path, searcher="random", **further):
        space = zcbench.get_space("nasbench201")
        return zcbench.search(space, lambda a: float(len(a.key)), searcher=searcher, ledger=path, **further)

    chosen = go(tmp_path / "a", scorer=lambda a: float(len(a.key)), role="filter:from=10", budget=4)
    assert (chosen.asks, chosen.equal) == (40, 0)
    assert "4 evaluations of 40 proposals (36 not evaluated)" in str(chosen.report.footnotes())
    evolved = go(tmp_path / "b", "evolution:population=3:sample=2", budget=60, batch=4)
    assert evolved.asks == 60 + evolved.equal
    assert evolved.equal > 0
    again = go(tmp_path / "b", "evolution:population=3:sample=2", budget=60, batch=4)
    for other in (read_search(tmp_path / "b"), again):
        assert (other.asks, other.equal) == (evolved.asks, evolved.equal)


def test_what_came_too_late_for_the_budget_is_no_equal_one():
    found = zcbench.search("digits-201", searcher="random", budget="0s")
    assert (len(found), found.asks, found.equal) == (0, 1, 0)


@pytest.mark.parametrize("workers", [0, 1])
def test_numbers_by_name_of_which_nobody_said_which_is_wanted_end_the_search_at_once(tmp_path, workers):
    with pytest.raises(InvalidInputError) as error:
        zcbench.search(SPACE, named, budget=50, ledger=tmp_path / "a", workers=workers)
    assert "evaluate returns accuracy, size and no 'value': choose the objective with objectives='accuracy'" in str(
        error.value
    )
    rows = list(read_ledger(tmp_path / "a")[1])
    assert [row["values"] for row in rows if row["kind"] == "evaluated"] == [
        {"value": None, "accuracy": 0.5, "size": 3.0}
    ]
    with pytest.raises(InvalidInputError, match="choose the objective"):  # what was paid for is read
        zcbench.search(SPACE, named, budget=50, ledger=tmp_path / "a", workers=workers)
    assert len(list(read_ledger(tmp_path / "a")[1])) == len(rows)


def named(architecture):
    return {"accuracy": 0.5, "size": 3}
