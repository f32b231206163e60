"""Constraints: how they are read, that no searcher breaks them, and what is said where nothing keeps them."""

import math

import numpy as np
import pytest
from easy import Digits, digits, total
from toys import table

import zcbench
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.scorers import Scorer, Scores
from zcbench.search import Constraint, Constraints, Domain, get_searcher, list_searchers
from zcbench.search._constraints import read_constraints
from zcbench.search._quantities import Quantity
from zcbench.spaces._base import chain


@pytest.mark.parametrize(
    ("given", "low", "high"),
    [
        ("params<=1e6", -math.inf, 1e6),
        ("10 <= params <= 60", 10, 60),
        ("1_000>=params", -math.inf, 1000),
        ("params == 3", 3, 3),
        ("params<5", -math.inf, math.nextafter(5, 0)),
        ({"params": 1e6}, -math.inf, 1e6),
        ({"params": (2, None)}, 2, math.inf),
        (["params>=2"], 2, math.inf),
    ],
)
def test_forms(given, low, high):
    (found,) = read_constraints(given)
    assert (found.on, found.low, found.high) == ("params", low, high)


def test_names_may_have_settings_and_brackets():
    found = read_constraints("naswot:repeats=3>=10, mean(a,b)<=1")
    assert [(one.on, one.low, one.high) for one in found] == [
        ("naswot:repeats=3", 10, math.inf),
        ("mean(a,b)", -math.inf, 1),
    ]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("params", "cannot be read"),
        ("params=3", "cannot be read"),
        ("3<=4", "cannot be read"),
        (5, "cannot be read"),
        ("params<=nan", "choose a finite number"),
        ({"params": math.nan}, "choose a finite number"),
        ({"params": math.inf * 0}, "choose a finite number"),
        ({"params": (2, 1)}, "the bounds of params are reversed: 2 is above 1"),
        ({"params": (1, 2, 3)}, "smallest, largest"),
        ({"params": None}, "give a number"),
        ({"params": (None, None)}, "needs a bound"),
        ("60<=params<=10", "exclude each other"),
        (["total<=1", "total>=2"], "unknown scorer"),
        ([Constraint(total, high=1), Constraint(total, low=2)], "exclude each other: at least 2 and at most 1"),
        (lambda: True, "called with 1 argument"),
    ],
)
def test_bad_ones_get_a_sentence(given, message):
    with pytest.raises((InvalidInputError, UnknownNameError), match=message):
        Constraints(given, digits())


def test_unknown_names_and_targets():
    benchmark = table(10)
    with pytest.raises(UnknownNameError, match="did you mean 'params'"):
        zcbench.search(benchmark, searcher="random", constraints="parms<=3")
    with pytest.raises(InvalidInputError, match="is a training result"):
        zcbench.search(benchmark, searcher="random", constraints="quality>=3")


class Fails(Scorer):
    label = "fails"

    def score(self, architectures):
        values = np.array([np.nan if one.key[0] == "0" else total(one) for one in architectures])
        reasons = {i: "it is broken" for i, one in enumerate(architectures) if one.key[0] == "0"}
        return Scores(values, np.full(len(values), 0.25), reasons)


def test_architectures_without_a_number_are_left_out_and_said():
    found = zcbench.search(
        digits(), total, searcher="random", budget=60, constraints=Constraint(Fails(), high=9), seed=3
    )
    assert len(found) == 60
    assert all(one.key[0] != "0" and total(one) <= 9 for one in found.architectures)
    assert any("fails has no value for" in note and "it is broken" in note for note in found.notes)
    assert found.spent["constraints"] > 0


def test_a_scorer_that_always_fails_ends_the_search_at_once():
    def broken(architecture):
        raise RuntimeError("no device")

    with pytest.raises(InvalidInputError, match=r"broken has no value for any .*RuntimeError: no device"):
        zcbench.search(digits(), total, searcher="random", constraints=Constraint(broken, high=9))


def rare(architecture):
    """Holds of 1 in 10,000 architectures of ten digits, and is no sum: four given digits at least."""
    return float(sum(a == b for a, b in zip(architecture.key, "3102", strict=False)) + (architecture.key[4] == "1") / 2)


class Wired(Digits):
    """With graphs, which predictors encode."""

    def graph(self, architecture):
        return chain(architecture.key)


def wired(places, options):
    return Wired("digits", [[str(digit) for digit in range(options)]] * places)


#: settings with which a search of a few evaluations takes a second
QUICK = {"guided": "guided:candidates=20:initial=5", "exact": "exact:initial=6", "robot": "robot:pool=30"}
CASES = {
    "sum": (lambda: wired(10, 10), [Constraint(total, high=6)]),  # 1 in 1,250,000
    "no sum": (lambda: wired(10, 10), [Constraint(lambda a: rare(a) * (1 + 0.1 * (a.key[5] == a.key[6])), low=4)]),
    "window": (lambda: wired(6, 4), [Constraint(total, 3, 4), lambda a: a.key[0] != "0"]),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", list_searchers())
def test_no_searcher_breaks_them(name, case):
    make, constraints = CASES[case]
    searcher, space = get_searcher(QUICK.get(name, name)), make()
    broken = Constraints(constraints, space)
    evaluated = []

    def evaluate(architecture, epochs=9):
        evaluated.append(architecture)
        return {"value": total(architecture) - 1 / epochs, "other": -float(architecture.key[-1])}

    zcbench.search(
        space,
        evaluate,
        searcher=searcher,
        budget=4 if name == "optuna" else 12,
        constraints=constraints,
        objectives=["value", "other"] if searcher.several else ["value"],
        epochs=9 if searcher.epochs else None,
        **({"scorer": [total, rare], "role": "feature"} if name == "robot" else {}),
    )
    assert len(evaluated) >= 4
    assert all(broken.keeps(one) for one in evaluated)


def test_what_was_wrongly_taken_for_a_sum_is_found_out_before_it_is_evaluated():
    """One architecture in 4,096 is not what its choices say, and is the best."""

    def size(architecture):
        return 100.0 if architecture.key == "333333" else total(architecture)

    limits = Constraints(Constraint(size, high=18), digits())
    assert limits.quantities[0].as_sum(digits()) is not None
    domain = Domain(digits(), constraints=limits)
    odd = digits().parse("333333")
    assert domain.allows(odd)
    assert not domain.confirms(odd)
    assert not domain.allows(odd)  # from then on
    assert "not one at 333333" in limits.notes()[0]
    again = Constraints(Constraint(size, high=18), digits())
    again.restore(limits.state())
    assert not again.allows([odd])[0]


def test_a_resumed_search_goes_the_same_way(tmp_path):
    def run(budget, name):
        return zcbench.search(
            digits(),
            total,
            searcher="evolution:population=5:sample=2",
            budget=budget,
            constraints=[Constraint(total, 3, 8)],
            ledger=tmp_path / name,
        )

    whole = run(40, "whole")
    lines = (tmp_path / "whole").read_bytes().splitlines(keepends=True)
    (tmp_path / "part").write_bytes(b"".join(lines[:17]))
    assert run(40, "part").architectures == whole.architectures


def test_the_ledger_of_other_constraints_is_refused(tmp_path):
    def run(bound):
        zcbench.search(
            digits(),
            total,
            searcher="random",
            budget=3,
            constraints=[Constraint(total, high=bound)],
            ledger=tmp_path / "l",
        )

    run(8)
    with pytest.raises(InvalidInputError, match="its constraints is"):
        run(9)


def test_constraints_on_a_table_cost_nothing():
    benchmark = table(40)
    benchmark = zcbench.Benchmark(**{**vars(benchmark), "facts": {"size": np.arange(40.0)}})
    found = zcbench.search(benchmark, searcher="random", budget=100, constraints={"size": (10, 19)})
    assert {benchmark.architectures.index(one) for one in found.architectures} == set(range(10, 20))
    assert "constraints" not in found.spent


def test_costly_quantities_are_not_found_for_a_whole_space():
    asked = []

    def score(architectures):
        asked.extend(architectures)
        return Scores(np.array([total(a) + (a.key[0] == a.key[1]) for a in architectures]), np.ones(len(architectures)))

    limits = Constraints(Constraint(Quantity("costly", score), high=9), digits())
    domain = Domain(digits(), constraints=limits)
    assert domain.everything() is None
    assert len(domain.sample(np.random.default_rng(0), 5)) == 5
    assert len(asked) < 400
