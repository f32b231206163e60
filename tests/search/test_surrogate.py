"""A predictor in a search: pools are encoded once, features stand beside encodings."""

import tracemalloc

import numpy as np
import pytest

import zcbench
from zcbench.encodings import get_encoding
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.predictors import get_predictor
from zcbench.scorers import Scorer, Scores
from zcbench.search import Budget, Domain, Objective, Problem, _surrogate
from zcbench.search._surrogate import PoolEncoding, Surrogate

SPACE = zcbench.get_space("digits-201")


class Counting(Scorer):
    """Numbers by key, and how many were asked for."""

    label = "counting"

    def __init__(self):
        self.asked = []

    def score(self, architectures):
        self.asked += architectures
        values = np.array([one.key.count("conv_3x3") for one in architectures], float)
        return Scores(values, np.zeros(len(values)))


def problem(features=()):
    return Problem(Domain(SPACE), (Objective("value"),), Budget(10), np.random.default_rng(0), features=tuple(features))


def drawn(count, seed=0):
    return Domain(SPACE).sample(np.random.default_rng(seed), count)


def test_pool_gives_what_its_encoding_gives():
    pool = drawn(200)
    known = PoolEncoding(get_encoding("onehot+path"), pool)
    few, others = pool[:20], drawn(30, seed=1)
    encoder, whole = known.fit(few), get_encoding("onehot+path").fit(pool)
    at = [whole.names.index(name) for name in encoder.names]
    for asked in (pool, few, others):
        assert np.array_equal(encoder.transform(asked), whole.transform(asked)[:, at])
    assert np.array_equal(encoder.groups, whole.groups[at])
    x = whole.transform(few)
    assert at == np.flatnonzero((x != x[:1]).any(0)).tolist()
    assert len(known.fit(pool[:1]).names) == len(whole.names)  # they differ in nothing: all are kept


def test_a_pool_with_as_many_columns_as_networks_fits_into_memory(monkeypatch):
    monkeypatch.setattr(_surrogate, "_NUMBERS", 100_000)
    space = zcbench.get_space("nats-size")
    rng = np.random.default_rng(0)
    pool = list(dict.fromkeys(space.sample(rng) for _ in range(3000)))
    encoding = get_encoding("path")
    tracemalloc.start()
    known = PoolEncoding(encoding, pool)
    seen = known.fit(pool[:30]).transform(pool)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seen.shape[1] < 100
    assert peak < 8 * len(pool) ** 2 / 2  # half of the matrix that is written out
    assert np.array_equal(seen[:50], get_encoding("path").fit(pool[:30]).transform(pool[:50]))


def test_predictions_over_a_pool_are_those_of_the_predictor():
    pool = drawn(150)
    good = np.random.default_rng(0).normal(size=40)
    found = Surrogate(problem(), "(gp:encoding=onehot:targets=standard)", "values").over(pool)
    found.fit(pool[:40], good)
    mean, deviation = found.predict(pool)
    own = get_predictor("gp:encoding=onehot:targets=standard").fit(pool[:40], good)
    assert np.allclose(mean, own.predict(pool), atol=1e-6)
    assert np.allclose(deviation, own.predict_std(pool), atol=1e-6)
    assert found.best == good.max()


def test_ranks_are_learned_by_default():
    pool = drawn(60)
    good = np.exp(5 * np.random.default_rng(0).normal(size=60))
    found = Surrogate(problem(), "gp:encoding=onehot")
    found.fit(pool, good)
    before = found.predict(pool)
    found.fit(pool, np.log(good))  # the same order
    assert np.array_equal(found.predict(pool)[0], before[0])


def test_features_are_scored_once_and_learned():
    pool, counting = drawn(200), Counting()
    found = Surrogate(problem([counting]), "gbdt_nas").over(pool)
    wanted = np.array([one.key.count("conv_3x3") for one in pool], float)
    for size in (100, 120):
        found.fit(pool[:size], wanted[:size])
    found.predict(pool)
    assert len(counting.asked) == len(set(counting.asked)) == 200
    plain = Surrogate(problem(), "gbdt_nas").over(pool)
    plain.fit(pool[:120], wanted[:120])

    assert np.corrcoef(found.predict(pool)[0][120:], wanted[120:])[0, 1] > 0.95
    assert not plain.uncertain and np.isnan(plain.predict(pool)[1]).all()


def test_what_cannot_be_is_said():
    with pytest.raises(UnknownNameError):
        Surrogate(problem(), "gpp")
    with pytest.raises(InvalidInputError, match="not a vector"):
        Surrogate(problem([Counting()]), "gcn")
