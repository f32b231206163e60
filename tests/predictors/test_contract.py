"""The contract: every registered predictor keeps it, and ways to break it are caught by the check of that name."""

import numpy as np
import pytest
from toys import registry_as_it_was

import zcbench
from zcbench.testing import check_predictor


@pytest.mark.parametrize("name", zcbench.list_predictors())
def test_every_registered_predictor_keeps_the_contract(name):
    report = check_predictor(name)
    assert report.ok, str(report)


@pytest.mark.parametrize("name", ["gcn:loss=hinge", "gates:loss=mse:encoding=graph", "parzc:loss=mse"])
def test_other_settings_keep_it_too(name):
    report = check_predictor(f"{name}:epochs=60")
    assert report.ok, str(report)


class Ridge(zcbench.VectorPredictor):
    """A line."""

    def _learn(self, x, y):
        self.weights_ = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ y)

    def _value(self, x):
        return x @ self.weights_


class Changes(Ridge):
    """Draws its own numbers."""

    def _value(self, x):
        return super()._value(x) + np.random.default_rng().normal(size=len(x))


class Peeks(Ridge):
    """Standardises what it predicts."""

    def _value(self, x):
        value = super()._value(x)
        return (value - value.mean()) / (value.std() + 1e-9)


class Silent(Ridge):
    """Says the same of all."""

    def _value(self, x):
        return np.zeros(len(x))


class Loud(Ridge):
    """Is in no unit, and says otherwise."""

    def _predict(self, architectures):
        return 1e6 * super()._predict(architectures)


class Renames(Ridge):
    """Stores another argument than it takes."""

    def __init__(self, strength=1.0, seed=0):
        super().__init__(seed=seed)
        self.strength = 2 * strength


class Sure(Ridge):
    """Is sure of everything."""

    def predict_std(self, architectures):
        return np.full(len(list(architectures)), 1e-9)


class Forgets(Ridge):
    """Loses what it learned when it is pickled."""

    def __getstate__(self):
        return {**self.__dict__, "weights_": 2 * self.weights_ if hasattr(self, "weights_") else 0}


class Global(Ridge):
    """Draws from torch's global random numbers."""

    def _learn(self, x, y):
        import torch

        torch.rand(3)
        super()._learn(x, y)


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (Changes, "same seed, same predictions"),
        (Peeks, "company"),
        (Silent, "better than chance"),
        (Loud, "units"),
        (Renames, "parameters"),
        (Sure, "uncertainty"),
        (Forgets, "pickle"),
        (Global, "inputs untouched"),
    ],
)
def test_what_breaks_it_is_caught(broken, check):
    with registry_as_it_was():
        zcbench.register_predictor("t-broken", reference="none")(broken)
        outcomes = {o.check: o.status for o in check_predictor("t-broken").outcomes}
    assert outcomes[check] == "failed"


def test_a_good_one_passes():
    with registry_as_it_was():
        zcbench.register_predictor("t-ridge", reference="Hoerl & Kennard 1970")(Ridge)
        report = check_predictor("t-ridge")
    assert report.ok
    assert {o.check for o in report.outcomes if o.status == "skipped"} == {"uncertainty"}


def test_undeclared():
    with registry_as_it_was():
        zcbench.register_predictor("t-ridge")(Ridge)
        outcomes = {o.check: o.detail for o in check_predictor("t-ridge").outcomes if o.status == "failed"}
    assert outcomes == {"declaration": "it cites no reference: pass reference=… to register_predictor"}
