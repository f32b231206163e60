"""The predictor contract: a good predictor passes, and every way to break it is caught by the check of that name."""

import numpy as np
import pytest
import torch
from toys import registry_as_it_was

import zcbench
from zcbench.testing import check_predictor
from zcbench.testing._predictors import _Checker


class Ridge(zcbench.VectorPredictor):
    """A line."""

    def _learn(self, x, y):
        self.weights_ = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ y)

    def _value(self, x):
        return x @ self.weights_


def outcomes(broken, **declared):
    """Outcomes by check for a throw-away predictor."""
    with registry_as_it_was():
        zcbench.register_predictor("t-broken", **{"reference": "Hoerl & Kennard 1970", **declared})(broken)
        report = check_predictor("t-broken")
    return report, {outcome.check: outcome for outcome in report.outcomes}


def test_a_good_one_passes():
    report, checks = outcomes(Ridge)
    assert report.ok, str(report)
    assert {name for name, outcome in checks.items() if outcome.status == "skipped"} == {"uncertainty"}


class Undescribed(Ridge):
    pass


class Forgetful(Ridge):
    """Does not store an argument."""

    def __init__(self, strength=1.0, seed=0):
        super().__init__(seed=seed)


class Doubles(Ridge):
    """Stores another argument than it takes."""

    def __init__(self, strength=1.0, seed=0):
        super().__init__(seed=seed)
        self.strength = 2 * strength


class Hides(Ridge):
    """Names fewer parameters than its constructor has."""

    def get_params(self, deep=True):
        return {k: v for k, v in super().get_params(deep).items() if k != "targets"}


class Returns(Ridge):
    """Its fit returns nothing."""

    def fit(self, architectures, targets):
        super().fit(architectures, targets)


class ReturnsAnother(Ridge):
    """Its fit returns another predictor."""

    def fit(self, architectures, targets):
        super().fit(architectures, targets)
        return Ridge()


class Short(Ridge):
    """Its predictions are of another kind."""

    def predict(self, architectures):
        return super().predict(architectures).astype(np.float32).astype(object)


class Column(Ridge):
    """A column instead of a vector."""

    def predict(self, architectures):
        return super().predict(architectures)[:, None]


class NothingForNothing(Ridge):
    """Where nothing is asked something is said."""

    def predict(self, architectures):
        predicted = super().predict(architectures)
        return predicted if len(predicted) else np.zeros(1)


class Sorts(Ridge):
    """Sorts the targets that it was given."""

    def fit(self, architectures, targets):
        super().fit(architectures, targets)
        if len(targets) == 12 and isinstance(targets, np.ndarray):
            targets.sort()
        return self


class Global(Ridge):
    """Draws from torch's global random numbers."""

    def _learn(self, x, y):
        torch.rand(3)
        super()._learn(x, y)


class Silent(Ridge):
    """Says the same of all."""

    def _value(self, x):
        return np.zeros(len(x))


class Spoiled(Ridge):
    """A clone is not what it is a clone of."""

    def __sklearn_clone__(self):
        again = type(self)(**self.get_params(deep=False))
        again.spoiled = True
        return again

    def _value(self, x):
        return super()._value(x) * (1.01 if hasattr(self, "spoiled") else 1.0)


class Wanders(Ridge):
    """Every call of predict gives more."""

    def predict(self, architectures):
        self.calls_ = getattr(self, "calls_", 0) + 1
        return super().predict(architectures) + 1e-9 * self.calls_ * (self.constant_ is None)


class Recency(Ridge):
    """What came last counts."""

    def fit(self, architectures, targets):
        super().fit(architectures, targets)
        self.last_ = 1e-3 * list(targets)[-1] * (len(list(architectures)) > 40)
        return self

    def _predict(self, architectures):
        return super()._predict(architectures) + self.last_


class Peeks(Ridge):
    """Standardises what it predicts."""

    def _value(self, x):
        value = super()._value(x)
        return (value - value.mean()) / (value.std() + 1e-9)


class Places(Ridge):
    """What stands first gets more."""

    def _predict(self, architectures):
        return super()._predict(architectures) + 0.01 * (np.arange(len(architectures)) == 0) * (len(architectures) > 1)


class Loses(Ridge):
    """Loses what it learned when it is pickled."""

    def __getstate__(self):
        return {**self.__dict__, "weights_": 2 * self.weights_ if hasattr(self, "weights_") else 0}


class Sure(Ridge):
    """Is sure of everything."""

    def predict_std(self, architectures):
        return np.full(len(list(architectures)), 1e-9)


class Negative(Ridge):
    """Its deviations are negative."""

    def predict_std(self, architectures):
        return np.full(len(list(architectures)), -1.0)


class Loud(Ridge):
    """Is in no unit, and says otherwise."""

    def _predict(self, architectures):
        return 1e6 * super()._predict(architectures)


class Halves(Ridge):
    """After one network it says half."""

    def predict(self, architectures):
        return super().predict(architectures) * (0.5 if self.number_ == 1 else 1)

    def fit(self, architectures, targets):
        self.number_ = len(list(architectures))
        return super().fit(architectures, targets)


class NotTwo(Ridge):
    """Divides by the number of networks beyond two."""

    def _learn(self, x, y):
        super()._learn(x, y)
        with np.errstate(divide="ignore", invalid="ignore"):
            self.weights_ = self.weights_ * (len(x) - 2.0) / (len(x) - 2.0)


class NotConstant(Ridge):
    """Cannot leave what is the same as it is."""

    def predict(self, architectures):
        return super().predict(architectures) + (self.constant_ == 71.5)


class NoRepeats(Ridge):
    """An architecture with two targets puzzles it."""

    def fit(self, architectures, targets):
        self.repeated_ = len(set(architectures)) < len(architectures)
        return super().fit(architectures, targets)

    def _predict(self, architectures):
        return super()._predict(architectures) * (np.nan if self.repeated_ else 1)


class NoLoneRepeats(Ridge):
    """One architecture with several targets puzzles it."""

    def fit(self, architectures, targets):
        self.alone_ = len(set(architectures)) < len(architectures) < 5
        return super().fit(architectures, targets)

    def predict(self, architectures):
        return super().predict(architectures) * (np.nan if self.alone_ else 1)


class TakesNan(Ridge):
    """Fills gaps in the targets."""

    def fit(self, architectures, targets):
        return super().fit(architectures, np.nan_to_num(targets))


class Blames(Ridge):
    """Refuses gaps in the targets and does not say whose."""

    def fit(self, architectures, targets):
        if not np.isfinite(np.asarray(targets, float)).all():
            raise zcbench.errors.InvalidInputError("some target is nan.")
        return super().fit(architectures, targets)


class TakesNothing(Ridge):
    """Learns from nothing."""

    def fit(self, architectures, targets):
        if not len(architectures):
            return self
        return super().fit(architectures, targets)


class Guesses(Ridge):
    """Predicts before it has learned."""

    def predict(self, architectures):
        return super().predict(architectures) if hasattr(self, "constant_") else np.zeros(len(architectures))


class Raises(Ridge):
    """Raises where there are two networks."""

    def _learn(self, x, y):
        if len(x) == 2:
            raise RuntimeError("two are too few")
        super()._learn(x, y)


#: (predictor, what it declares, the checks that it fails, what the first of them says)
BREACHES = [
    (Ridge, {"reference": ""}, {"declaration"}, "it cites no reference: pass reference=… to register_predictor"),
    (Undescribed, {}, {"declaration"}, "its class has no docstring"),
    (Forgetful, {}, None, "its constructor does not store its argument strength"),
    (Doubles, {}, None, "its constructor changes an argument before it stores it"),
    (Hides, {}, {"parameters"}, "get_params lacks some"),
    (Returns, {}, {"shape"}, "fit does not return the predictor, but a NoneType"),
    (ReturnsAnother, {}, {"shape"}, "fit does not return the predictor, but a Ridge"),
    (Short, {}, None, "predictions are not finite float64 numbers"),
    (Column, {}, None, "predictions of shape (80, 1) for 80 architectures"),
    (NothingForNothing, {}, {"shape"}, "predict([]) does not return an empty array"),
    (Sorts, {}, {"inputs unchanged"}, "fit changed the given architectures or targets"),
    (Global, {}, {"inputs unchanged"}, "global random states of Python, numpy or torch were changed"),
    (Silent, {}, {"better than chance"}, "tau nan on an easy table"),
    (Spoiled, {}, {"same seed, same predictions"}, "a second fit gives other predictions"),
    (Wanders, {}, None, "a second"),
    (Recency, {}, {"order of the training set"}, "the order of the training set changes predictions"),
    (Peeks, {}, {"independent predictions"}, "a prediction depends on the other predicted architectures"),
    (Places, {}, {"independent predictions"}, "the order of the predicted architectures changes predictions"),
    (Loses, {}, {"pickle"}, "a pickled copy gives other predictions"),
    (Sure, {}, {"uncertainty"}, "of the truth lies within three deviations"),
    (Negative, {}, {"uncertainty"}, "deviations are not finite and positive"),
    (Loud, {}, {"units"}, "predictions are not in the targets' units"),
    (Halves, {}, {"one network"}, "after fitting one network the prediction is not its target"),
    (NotTwo, {}, {"two networks"}, "after fitting two networks predictions are not finite"),
    (NotConstant, {}, {"constant targets"}, "if all targets are equal, the prediction is different"),
    (NoRepeats, {}, {"duplicates"}, "with a repeated architecture, predictions are not finite"),
    (NoLoneRepeats, {}, {"duplicates"}, "with one architecture only, predictions are not finite"),
    (TakesNan, {}, {"bad targets"}, "a target that is nan is accepted"),
    (Blames, {}, {"bad targets"}, "the message does not name"),
    (TakesNothing, {}, {"bad targets"}, "different lengths, empty input, or text for an architecture is accepted"),
    (Guesses, {}, {"not fitted"}, "predict before fit returns something"),
    (Raises, {}, {"two networks"}, "RuntimeError: two are too few"),
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
    assert caught == set(_Checker("gp", 0).checks())
