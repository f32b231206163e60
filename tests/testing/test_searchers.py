"""The searcher contract: a good searcher passes, and every way to break it is caught by the check of that name."""

import itertools
import random
from typing import ClassVar

import numpy as np
import pytest
from toys import registry_as_it_was

import zcbench
from zcbench.errors import UnknownNameError
from zcbench.search import Proposal, Searcher
from zcbench.testing import _searchers, check_searcher


class Climb(Searcher):
    """One change of the best network so far; anything new at random where that is known."""

    ranges: ClassVar = {"start": (1, 1_000)}
    several = True

    def __init__(self, start=5):
        self.start = start

    def ask(self, count):
        problem = self.problem
        if (row := problem.history.best()) is not None and len(problem.history) >= self.start:
            options = problem.domain.neighbors(problem.history.architectures[row])
            fresh = [one for one in options if problem.domain.key(one) not in problem.history]
            if fresh:
                return [Proposal(fresh[int(problem.rng.integers(len(fresh)))])]
        return [Proposal(one) for one in problem.domain.sample(problem.rng, count, problem.history)]

    def tell(self, answers):
        pass

    def state(self):
        return {}

    def restore(self, state):
        pass


class Rung(Climb):
    """A third of the epochs first, then all of them for the best of three."""

    epochs = True

    def begin(self, problem):
        super().begin(problem)
        self.told = []

    def ask(self, count):
        if len(self.told) >= 3:
            best = max(self.told, key=lambda pair: -np.inf if np.isnan(pair[1]) else pair[1])[0]
            self.told = []
            return [Proposal(type(self)._parsed(self, best))]
        return [Proposal(one.architecture, 3) for one in super().ask(1)[:1]]

    def _parsed(self, key):
        return self.problem.domain.space.parse(key)

    def tell(self, answers):
        self.told += [
            [one.architecture.key, one.good[0]] for one in answers if one.proposal.epochs == 3 and not one.equal
        ]

    def state(self):
        return {"told": [[key, None if np.isnan(good) else good] for key, good in self.told]}

    def restore(self, state):
        self.told = [[key, np.nan if good is None else good] for key, good in state["told"]]


def outcomes(broken, **declared):
    """Outcomes by check for a throw-away searcher."""
    with registry_as_it_was():
        zcbench.register_searcher("t-broken", **{"reference": "mine", **declared})(broken)
        report = check_searcher("t-broken")
    return report, {outcome.check: outcome for outcome in report.outcomes}


def test_good_ones_pass():
    report, checks = outcomes(Climb)
    assert report.ok, str(report)
    assert {name for name, outcome in checks.items() if outcome.status == "skipped"} == {"epochs"}
    report, checks = outcomes(type("Short", (Rung,), {"several": False, "__doc__": "Rungs."}))
    assert report.ok, str(report)
    assert {name for name, outcome in checks.items() if outcome.status == "skipped"} == {"several objectives"}


def test_a_class_that_is_not_registered():
    report = check_searcher(Climb)
    assert report.ok, str(report)
    assert report.name == "Climb"
    with pytest.raises(UnknownNameError, match="did you mean 'random'"):
        check_searcher("randon")


#: settings with which the slower ones take a second or two
QUICK = {
    "cheap-first": "initial=5:candidates=500",
    "ehvi": "every=10:pool=0:visits=200",
    "gbdt_nas": "every=20:predictor=(bayesian_ridge:encoding=onehot)",
    "guided": "every=10:predictor=(bayesian_ridge:encoding=onehot)",
    "linas": "pool=0:visits=200",
    "robot": "rounds=4",
    "stopping": "every=3",
}


#: searchers whose predictors take more than a few seconds even so
SLOW = {"cheap-first", "ehvi", "gbdt_nas", "linas", "optuna"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in zcbench.list_searchers()]
)
def test_every_registered_searcher_keeps_the_contract(name):
    report = check_searcher(f"{name}:{QUICK[name]}" if name in QUICK else name)
    assert report.ok, str(report)


class Undescribed(Climb):
    pass


class Unranged(Climb):
    """A number without a range."""

    def __init__(self, start=5, other=3):
        super().__init__(start)
        self.other = other


class Doubles(Climb):
    """Stores another setting than it takes."""

    def __init__(self, start=5):
        super().__init__(2 * start if start != 5 else start)


class Forgets(Climb):
    """Does not store a setting."""

    def __init__(self, start=5):
        super().__init__()
        self.begin_ = start
        del self.start

    start = 5


class Refuses(Climb):
    """Is for nothing."""

    def begin(self, problem):
        raise zcbench.errors.InvalidInputError("this is not for me.")


class Short(Climb):
    """Stops after some time."""

    def ask(self, count):
        return super().ask(count) if len(self.problem.history) < 39 else []


class Generous(Climb):
    """Gives two where one is asked for."""

    def ask(self, count):
        return [*super().ask(count), *super().ask(1)]


class NoBudget(Climb):
    """Divides by its budget."""

    def begin(self, problem):
        super().begin(problem)
        assert 1 / (problem.budget.evaluations or 0 if problem.budget.seconds is None else 1)


class Process(Climb):
    """Counts over all of its kind: the second search is another one."""

    count = itertools.count()

    def begin(self, problem):
        super().begin(problem)
        for _ in range(next(self.count)):
            problem.rng.random()


class OneSeed(Climb):
    """Draws, and does not use it."""

    def begin(self, problem):
        super().begin(problem)
        problem.rng.random()
        problem.rng.bit_generator.state = np.random.default_rng(0).bit_generator.state


class Global(Climb):
    """Shuffles by Python's random numbers."""

    def ask(self, count):
        random.random()
        return super().ask(count)


class Epochs(Climb):
    """Names epochs and does not say so."""

    def ask(self, count):
        return [Proposal(one.architecture, 2 if len(self.problem.history) % 2 else None) for one in super().ask(count)]


class Backwards(Rung):
    """Trains for fewer epochs what it has trained for more."""

    several = False

    def ask(self, count):
        history = self.problem.history
        if len(history) % 4 == 3:
            return [Proposal(history.architectures[-1], 2)]
        return super().ask(count)


class Repeats(Climb):
    """Says everything over and over again."""

    def ask(self, count):
        known = self.problem.history.architectures
        self.turn = getattr(self, "turn", 0) + 1
        return [Proposal(known[self.turn % len(known)])] if known and self.turn % 60 else super().ask(count)


class Free(Climb):
    """Draws from the space, not from the domain."""

    def ask(self, count):
        return [Proposal(self.problem.domain.space.sample(self.problem.rng)) for _ in range(count)]


class OnlyNear(Climb):
    """Gives up where a network has no neighbours."""

    def ask(self, count):
        history = self.problem.history
        domain = self.problem.domain
        if len(history) >= self.start and not domain.allowed(domain.space.neighbors(history.architectures[-1])):
            return []
        return super().ask(count)


class Large(Climb):
    """Wants ten networks to begin with."""

    def ask(self, count):
        every = self.problem.domain.everything()
        if len(every) >= 10:
            return super().ask(count)
        left = [one for one in every[:3] if self.problem.domain.key(one) not in self.problem.history]
        return [Proposal(one) for one in left[:count]]


class Stateless(Climb):
    """Forgets what it was told when it is restored."""

    def begin(self, problem):
        super().begin(problem)
        self.turn = 0

    def ask(self, count):
        self.turn += 1
        if self.turn % 3:
            return super().ask(count)
        return [Proposal(one) for one in self.problem.domain.sample(self.problem.rng, count, self.problem.history)]


class Waiting(Climb):
    """Counts what is out, and forgets it when it is restored."""

    def begin(self, problem):
        super().begin(problem)
        self.out = set()

    def ask(self, count):
        for _ in range(max(0, len(self.out) - 1)):
            self.problem.rng.random()
        fresh = super().ask(count)
        self.out = {one.architecture for one in [*fresh]} | self.out
        return fresh

    def tell(self, answers):
        self.out -= {one.architecture for one in answers}


class Batches(Climb):
    """Counts how often several were asked for, and forgets it when it is restored."""

    def begin(self, problem):
        super().begin(problem)
        self.turn = 0

    def ask(self, count):
        self.turn += count > 1
        if self.turn % 7 == 1:
            self.problem.rng.random()
        return super().ask(count)


class Grows(Climb):
    """Remembers everything."""

    def begin(self, problem):
        super().begin(problem)
        self.seen = []

    def tell(self, answers):
        self.seen += [one.architecture.key for one in answers]

    def state(self):
        return {"seen": list(self.seen)}

    def restore(self, state):
        self.seen = list(state["seen"])


class Tuples(Climb):
    """Its state is not what JSON gives back."""

    def state(self):
        return {"pair": (1, 2)}


class Brittle(Climb):
    """Believes that every evaluation gives a number."""

    def tell(self, answers):
        assert all(np.isfinite(one.good).all() for one in answers)


class Flat(Climb):
    """Divides by the spread."""

    def tell(self, answers):
        good = self.problem.history.good[:, 0]
        assert len(good) < 3 or np.isnan(good).any() or np.ptp(good) > 0


class Insists(Climb):
    """Waits for every answer."""

    def begin(self, problem):
        super().begin(problem)
        self.out = []

    def ask(self, count):
        self.out = [one for one in self.out if self.problem.domain.key(one) not in self.problem.history]
        if len(self.out) > 5:
            return []
        fresh = super().ask(count)
        self.out += [one.architecture for one in fresh]
        return fresh

    def state(self):
        return {"out": [one.key for one in self.out]}

    def restore(self, state):
        self.out = [self.problem.domain.space.parse(key) for key in state["out"]]


class Insistent(Insists):
    """Says that it waits."""

    patient = False


class Worst(Climb):
    """Looks for the worst."""

    def ask(self, count):
        problem = self.problem
        return [Proposal(one) for one in problem.domain.sample(problem.rng, count, problem.history)]


class OneOnly(Climb):
    """Claims several objectives and takes one."""

    def tell(self, answers):
        assert all(len(one.good) == 1 for one in answers)


class Whole(Rung):
    """Claims epochs and names none."""

    several = False

    def ask(self, count):
        return Climb.ask(self, count)


class NeverWhole(Rung):
    """Trains nothing to the end."""

    several = False

    def ask(self, count):
        return [Proposal(one.architecture, 3) for one in Climb.ask(self, count)]


#: (searcher, what it declares, the checks that it fails, what the first of them says)
BREACHES = [
    (Climb, {"reference": ""}, {"declaration"}, "it cites no reference: pass reference=… to register_searcher"),
    (Undescribed, {}, {"declaration"}, "its class has no docstring"),
    (Unranged, {}, {"declaration"}, "its setting other is a number without a range"),
    (Doubles, {}, {"settings"}, "with start=6 it stores start=12"),
    (Forgets, {}, {"settings"}, "its constructor does not store its argument start"),
    (Refuses, {}, None, "it refuses the easy problem, with and without scorers: this is not for me."),
    (Short, {}, None, "it ended after 39 of 40 steps: the searcher has nothing more to propose."),
    (Generous, {}, None, "proposed 2 architectures when 1 were requested"),
    (NoBudget, {}, {"budget"}, "ZeroDivisionError"),
    (Process, {}, None, "a second search with the same seed makes other proposals"),
    (OneSeed, {}, {"another seed"}, "it draws random numbers, but other seeds make the same proposals"),
    (Global, {}, {"global random numbers"}, "global random states of Python, numpy or torch"),
    (Epochs, {}, None, "trained for 2 epochs, which is not available"),
    (Backwards, {}, None, "was trained for 3 epochs before"),
    (Repeats, {}, None, "proposals gave 40 new networks"),
    (Free, {}, None, "which is not an allowed architecture"),
    (OnlyNear, {}, {"few neighbours"}, "of a table of 60 networks it evaluates"),
    (Large, {}, {"small space"}, "of a space of 5 networks it evaluates 3"),
    (Stateless, {}, None, "restored after 10 steps it makes other proposals"),
    (Waiting, {}, {"resume with pending answers"}, "steps it "),
    (Batches, {}, {"resume in batches"}, "steps it makes other proposals"),
    (Grows, {}, {"state"}, "its state grows with the history"),
    (Tuples, {}, {"state"}, "a tuple, or a key that is not text"),
    (Brittle, {}, {"failed evaluations"}, "AssertionError"),
    (Flat, {}, {"constant objective"}, "AssertionError"),
    (Insists, {}, {"patience"}, "where every third proposal is dropped it stops after"),
    (Worst, {}, {"better than random"}, "chance that it finds as much: "),
    (OneOnly, {}, {"several objectives"}, "AssertionError"),
    (Whole, {}, {"epochs"}, "it never stops a training early"),
    (NeverWhole, {}, None, "in the time of 30 full trainings it trains no network to the end"),
]


@pytest.mark.parametrize(("broken", "declared", "failed", "message"), BREACHES)
def test_every_breach_is_caught_by_its_check(broken, declared, failed, message):
    report, checks = outcomes(broken, **declared)
    found = {name for name, outcome in checks.items() if outcome.status == "failed"}
    assert not report.ok
    assert found == failed or (failed is None and found), str(report)
    assert any(message in checks[name].detail for name in found), str(report)


def test_every_check_has_a_breach():
    caught = {name for *_, failed, _ in BREACHES for name in failed or ()}
    with_others = {  # who breaks these breaks more
        "starts": Refuses,
        "no more than requested": Generous,
        "same seed, same search": Process,
        "nothing twice": Backwards,
        "constraints": Free,
        "resume": Stateless,
    }
    for name, broken in with_others.items():
        with pytest.raises(Exception, match=r"."), registry_as_it_was():
            zcbench.register_searcher("t-broken", reference="mine")(broken)
            _searchers._Checker("t-broken", 0).checks()[name]()
    assert caught | set(with_others) == set(_searchers._Checker("random", 0).checks())


def test_who_waits_says_so():
    report, checks = outcomes(Insistent)
    assert checks["patience"].status == checks["resume with pending answers"].status == "skipped"
    assert report.ok, str(report)
