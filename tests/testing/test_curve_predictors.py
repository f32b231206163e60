"""The contract of curve predictors: good ones pass, and every way to break it is caught by the check of that name."""

from __future__ import annotations

import pickle
import random
from typing import ClassVar

import numpy as np
import pytest
from toys import registry_as_it_was

import zcbench
from zcbench.curves import Context, CurvePredictor, Normals
from zcbench.curves.last_value import LastValue
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.testing import _curve_predictors, check_curve_predictor


class Mine(CurvePredictor):
    """The last value, and more doubt about later times."""

    ranges: ClassVar = {"pace": (0.0, 1.0)}

    def __init__(self, pace=0.01):
        self.pace = pace

    def predict(self, contexts, asked):
        last = np.array([[one.values[-1]] for one in contexts])
        known = np.array([[one.times[-1]] for one in contexts])
        return Normals.single(np.broadcast_to(last, asked.shape), 0.02 + self.pace * np.sqrt(asked - known))


class Learner(Mine):
    """The last value, and the mean change of what it has learned."""

    learns = True

    def fit(self, curves):
        self.rise_ = [curve.values[-1] - curve.values[19] for curve in curves]
        return self

    def predict(self, contexts, asked):
        if not getattr(self, "rise_", []):
            raise InvalidInputError("give complete curves to fit.")
        found = super().predict(contexts, asked)
        return Normals(found.weights, found.means + np.mean(self.rise_), found.spreads + np.std(self.rise_) / 2)


def outcomes(broken, **declared):
    """Outcomes by check for a throw-away curve predictor."""
    with registry_as_it_was():
        zcbench.register_curve_predictor("t-broken", **{"reference": "mine", **declared})(broken)
        report = check_curve_predictor("t-broken")
    return report, {outcome.check: outcome for outcome in report.outcomes}


@pytest.mark.parametrize("good", [Mine, Learner])
def test_good_ones_pass(good):
    report, _ = outcomes(good)
    assert report.ok, str(report)
    assert report.count("skipped") == 0


def test_a_class_that_is_not_registered():
    report = check_curve_predictor(Mine)
    assert report.ok, str(report)
    assert report.name == "Mine"
    with pytest.raises(UnknownNameError, match="did you mean 'fits'"):
        check_curve_predictor("fitts")


#: settings with which the slower ones take a second or two
QUICK = {
    "best_fit": "families=pow3+ilog2+mmf:starts=2",
    "evidence": "parts=(lcpfn+last_value)",
    "fits": "families=pow3+ilog2+vap:starts=2",
    "lcsvr": "draws=2",
    "mcmc": "burn=10:parts=60:starts=200:steps=30:thin=5:walkers=26",
}


@pytest.mark.parametrize("name", zcbench.list_curve_predictors())
def test_every_registered_curve_predictor_keeps_the_contract(name):
    report = check_curve_predictor(f"{name}:{QUICK[name]}" if name in QUICK else name)
    assert report.ok, str(report)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["best_fit", "evidence", "fits"])
def test_the_usual_settings_of_slow_ones(name):
    report = check_curve_predictor(name)
    assert report.ok, str(report)


class Undescribed(Mine):
    __doc__ = None


class Doubles(Mine):
    """Stores another setting than it takes."""

    def __init__(self, pace=0.01):
        super().__init__(2 * pace)


class Narrow(Mine):
    """Forgets the times that are asked for."""

    def predict(self, contexts, asked):
        return super().predict(contexts, asked[:, :1])


class Secret(Mine):
    """Learns, and says that it does not."""

    def fit(self, curves):
        self.rise_ = 0.1
        return self

    def predict(self, contexts, asked):
        found = super().predict(contexts, asked)
        return Normals(found.weights, found.means + getattr(self, "rise_", 0.0), found.spreads)


class Eager(Learner):
    """Predicts whether it was fitted or not."""

    def predict(self, contexts, asked):
        if not hasattr(self, "rise_") or not self.rise_:
            return Mine().predict(contexts, asked)
        return super().predict(contexts, asked)


class Remembers(Learner):
    """Keeps what an earlier fit was given."""

    def fit(self, curves):
        self.rise_ = [*getattr(self, "rise_", []), *[curve.values[-1] for curve in curves]]
        return self


class Random(Mine):
    """Draws anew each time."""

    def predict(self, contexts, asked):
        found = super().predict(contexts, asked)
        return Normals(found.weights, found.means + np.random.default_rng().normal(0, 0.01), found.spreads)


class Global(Mine):
    """Draws from Python's generator."""

    def predict(self, contexts, asked):
        random.random()
        return super().predict(contexts, asked)


class Sociable(Mine):
    """Lets curves inform each other, and does not say so."""

    def predict(self, contexts, asked):
        found = super().predict(contexts, asked)
        return Normals(found.weights, found.means + 0.05 * len(contexts) / 24, found.spreads)


class Positional(Mine):
    """Lets the place among the curves matter; what it says is for all of them."""

    joint = True

    def predict(self, contexts, asked):
        found = super().predict(contexts, asked)
        return Normals(found.weights, found.means + 0.05 * np.arange(len(contexts))[:, None, None], found.spreads)


class Falling(Normals):
    def cdf(self, values):
        found = super().cdf(values)
        return found - 0.1 * np.sin(30 * np.broadcast_to(values, found.shape)) * (found > 0.1) * (found < 0.9)


class Dense(Normals):
    def log_density(self, values):
        return super().log_density(values) + 0.1


class Stuck(Normals):
    def affine(self, offset, factor):
        return Normals(self.weights, offset[..., None] + factor[..., None] * self.means, self.spreads)


def with_forecast(kind):
    """A predictor whose forecasts are of another class."""

    class Other(Mine):
        """Another class of forecasts."""

        def predict(self, contexts, asked):
            found = super().predict(contexts, asked)
            return kind(found.weights, found.means, found.spreads)

    def rows(self, chosen):
        return kind(self.weights[chosen], self.means[chosen], self.spreads[chosen])

    kind.rows = rows
    return Other


class Whole(Mine):
    """Takes times for indices."""

    def predict(self, contexts, asked):
        if (asked != np.rint(asked)).any():
            raise IndexError("only whole epochs")
        return super().predict(contexts, asked)


class Wants(Mine):
    """Needs three points and does not say so."""

    def predict(self, contexts, asked):
        for one in contexts:
            _ = one.values[-3]
        return super().predict(contexts, asked)


class Jumps(Mine):
    """Takes a curve with holes for another one."""

    def predict(self, contexts, asked):
        found = super().predict(contexts, asked)
        holes = np.array([[[len(one) > 2 and np.diff(one.times).max() > 1]] for one in contexts])
        return Normals(found.weights, found.means + holes, found.spreads)


class Divides(Mine):
    """Has no spread where nothing moves."""

    def predict(self, contexts, asked):
        found = super().predict(contexts, asked)
        move = np.array([[[np.ptp(one.values) if len(one) > 1 else 1.0]] for one in contexts])
        return Normals(found.weights, found.means, found.spreads * move)


class Codes(Mine):
    """Wants a configuration once it has seen one."""

    learns = False

    def fit(self, curves):
        self.coded_ = curves[0].code is not None
        return self

    def predict(self, contexts, asked):
        if getattr(self, "coded_", False):
            _ = [len(one.code) for one in contexts]
        return super().predict(contexts, asked)


class Pickled(Mine):
    """Cannot be pickled once it has predicted."""

    def predict(self, contexts, asked):
        self.last_ = lambda: contexts
        return super().predict(contexts, asked)


class Upside(Mine):
    """Takes better for worse."""

    def predict(self, contexts, asked):
        found = super().predict(contexts, asked)
        return Normals(found.weights, 1 - found.means, found.spreads)


class Greedy(Mine):
    """Writes into what it is given."""

    def predict(self, contexts, asked):
        found = super().predict(contexts, asked)
        for one in contexts:
            one.values[0] += 0.0 if one.values[0] > 5 else 1e-3
        return found


BREACHES = [
    (Undescribed, {}, "declaration", "docstring"),
    (Mine, {"reference": ""}, "declaration", "no reference"),
    (Doubles, {}, "settings", "does not store its argument pace"),
    (Narrow, {}, "predicts", "4 times it returns (24, 1) distributions"),
    (Greedy, {}, "predicts", "changes the given curves"),
    (Secret, {}, "complete curves", "declares that it does not learn"),
    (Eager, {}, "complete curves", "before fit it predicts"),
    (Remembers, {}, "complete curves", "fitted twice"),
    (Random, {}, "same call, same forecast", "differ"),
    (Global, {}, "global random numbers", "were changed"),
    (Sociable, {}, "independent forecasts", "alone and with others"),
    (Positional, {}, "order", "in another order"),
    (with_forecast(Falling), {}, "distributions", "cumulative probability decreases"),
    (with_forecast(Dense), {}, "densities", "integrates to 1.103"),
    (with_forecast(Stuck), {}, "units", "in other units"),
    (Whole, {}, "any times", "only whole epochs"),
    (Wants, {}, "few points", "out of bounds"),
    (Jumps, {}, "missing epochs", "without every third epoch means differ"),
    (Divides, {}, "unusual curves", "a curve that is constant: a distribution has no spread"),
    (Codes, {}, "configurations", "NoneType"),
    (Pickled, {}, "pickles", "pickle"),
    (Upside, {}, "better than the mean", "rank correlation"),
]


@pytest.mark.parametrize(
    ("broken", "declared", "check", "message"), BREACHES, ids=lambda one: getattr(one, "__name__", "")
)
def test_every_breach_is_caught_by_its_check(broken, declared, check, message):
    report, checks = outcomes(broken, **declared)
    assert not report.ok
    assert checks[check].status == "failed", str(report)
    assert message in checks[check].detail, str(report)


def test_every_check_has_a_breach():
    assert {check for *_, check, _ in BREACHES} == set(_curve_predictors._Checker(Mine, 0).checks())


def test_what_is_not_claimed_is_skipped():
    Shy = type("Shy", (Mine,), {"spread": False, "joint": True, "__doc__": "Ranks."})  # noqa: N806
    _, checks = outcomes(Shy)
    assert checks["independent forecasts"].status == "skipped"
    assert checks["complete curves"].detail.startswith("none are needed")
    assert checks["better than the mean"].detail.startswith("rank correlation")


def test_the_easy_curves_are_those_of_the_prior():
    checker = _curve_predictors._Checker(LastValue, 3)
    assert len(checker.known) == 40 and len(checker.contexts) == 24
    assert isinstance(checker.known[0], Context)
    assert pickle.loads(pickle.dumps(checker.contexts[0])).values.shape == (20,)
