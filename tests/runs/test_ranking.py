"""The predictors that are tried, and how one that fails is treated."""

import numpy as np
import pytest
from toys import registry_as_it_was

import zcbench
from zcbench.errors import InvalidInputError
from zcbench.runs import _ranking, predict
from zcbench.runs._predict import rows_of

TABLE = zcbench.get_benchmark("elastic-transformer")
TRAINED, REST = rows_of(TABLE, np.arange(12)), rows_of(TABLE, np.arange(12, 20))


class Fails(zcbench.VectorPredictor):
    """A predictor that cannot learn."""

    def _learn(self, x, y):
        raise RuntimeError("the matrix is singular")


def test_a_predictor_that_fails_is_not_chosen(monkeypatch):
    with registry_as_it_was():
        zcbench.register_predictor("fails")(Fails)
        monkeypatch.setattr(_ranking, "TRIED", ("fails", "bayesian_ridge"))
        found = predict(TRAINED, candidates=REST)
        assert found.predictor == "bayesian_ridge"
        assert "fails was not tried: RuntimeError: the matrix is singular." in found.notes
        with pytest.raises(InvalidInputError, match="fails cannot be used here: RuntimeError: the matrix is singular"):
            predict(TRAINED, candidates=REST, predictor="fails")
        monkeypatch.setattr(_ranking, "TRIED", ("fails",))
        with pytest.raises(InvalidInputError, match=r"no predictor can learn from these networks. fails was not tried"):
            predict(TRAINED, candidates=REST)


def test_the_average_is_the_mean_of_its_members(monkeypatch):
    monkeypatch.setattr(_ranking, "TRIED", ("one_column", "bayesian_ridge"))
    monkeypatch.setattr(_ranking, "AVERAGED", ("one_column", "bayesian_ridge"))
    found = predict(TRAINED, candidates=REST)
    assert _ranking.AVERAGE in found.choice.tried
    few = predict(rows_of(TABLE, np.arange(5)), candidates=REST)  # too few to choose
    parts = [predict(rows_of(TABLE, np.arange(5)), candidates=REST, predictor=one) for one in _ranking.AVERAGED]
    members = [{one.architecture: one.predicted for one in part.candidates} for part in parts]
    assert few.predictor == _ranking.AVERAGE
    for one in few.candidates:
        assert one.predicted == pytest.approx(np.mean([part[one.architecture] for part in members]))


def test_rankers_give_values_in_the_unit_of_the_target():
    found = predict(TRAINED, "test_nll", candidates=REST, predictor="mean:members=(bayesian_ridge+one_column)")
    truth = TRAINED.truth("test_nll")
    values = np.array([one.predicted for one in found.candidates])
    assert found.deviations.slope > 0 or np.ptp(values) == 0
    assert truth.min() - np.ptp(truth) < values.min() <= values.max() < truth.max() + np.ptp(truth)


def test_networks_of_one_kind_cannot_be_divided(tmp_path):
    rows = [f"m{n},{n % 3},{n}" for n in range(12)]
    (tmp_path / "my.csv").write_text("model,depth,acc\n" + "\n".join([*rows, "x,1,"]))
    with pytest.raises(InvalidInputError, match=r"12 trained networks of my.csv have 3 different rows of features"):
        predict(tmp_path / "my.csv", "acc", predictor="bayesian_ridge")
