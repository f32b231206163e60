"""What a searcher is given: what a surrogate sees."""

import numpy as np
import pytest
from toys import distinct_cells, toy

from zcbench.encodings import Feed
from zcbench.errors import InvalidInputError
from zcbench.scorers import FunctionScorer
from zcbench.search import Budget, Domain, Objective, Problem
from zcbench.spaces import TableSpace
from zcbench.types import Architecture

CELLS = distinct_cells(10)
TABLE = toy(np.arange(10.0), keys=[one.key for one in CELLS])


def convolutions(architecture):
    return architecture.key.count("3x3")


def problem(*features, **options):
    domain = Domain(TABLE.space, TABLE.architectures)
    made = Problem(domain, (Objective("quality"),), Budget(5), np.random.default_rng(0), **options)
    made.features = tuple(map(FunctionScorer, features))
    return made


def test_scores_stand_behind_the_encoding():
    encoder = problem(convolutions).encoding("onehot").fit(CELLS)
    assert encoder.names[-1] == "score(convolutions)[0]"
    assert encoder.transform(CELLS)[:, -1].tolist() == list(map(convolutions, CELLS))
    assert problem().encoding("onehot").name == "onehot"


def test_a_surrogate_learns_from_them():
    made = problem(convolutions).surrogate("gp:encoding=onehot")
    assert np.isfinite(made.fit(CELLS, np.arange(10.0)).predict(CELLS)).all()
    assert "score(convolutions)" in made.encodings()[0].name
    members = problem(convolutions).surrogate("mean").encodings()
    assert all("score(convolutions)" in one.name for one in members)


def test_proxies_of_an_encoding_are_paid_for():
    asked = []

    def scorer(text):
        asked.append(text)
        return FunctionScorer(convolutions, text)

    encoder = problem(scorer=scorer).encoding("onehot+proxies(params+naswot)").fit(CELLS)
    assert asked == ["params", "naswot"]
    assert encoder.names[-2:] == ["score(params)[0]", "score(naswot)[0]"]
    with pytest.raises(InvalidInputError, match="no source of scores"):
        problem().encoding("proxies(params)")


def test_columns_come_from_the_table():
    feed = Feed(TABLE.architectures, {"flops": np.arange(10.0)})
    rows = problem(feed=feed).encoding("columns(flops)").fit(CELLS).transform(CELLS)
    assert rows[:, 0].tolist() == list(range(10))


def test_what_scores_cannot_stand_beside():
    with pytest.raises(InvalidInputError, match="is not a vector"):
        problem(convolutions).surrogate("gcn")
    assert problem().surrogate("gcn").kind == "graph"
    with pytest.raises(InvalidInputError, match="need training"):
        problem().encoding("onehot+curve(valid_nll/3)")


def test_names_alone_are_no_code():
    names = [Architecture("table", f"net{row}") for row in range(10)]
    domain = Domain(TableSpace(), names)
    made = Problem(domain, (Objective("quality"),), Budget(5), np.random.default_rng(0))
    with pytest.raises(InvalidInputError, match=r"the encoding onehot needs more than names.*encoding=columns"):
        made.surrogate("gp:encoding=onehot")
    made.feed = Feed(names, {"flops": np.arange(10.0)})
    assert made.surrogate("gp:encoding=columns(flops)") is not None
    assert problem().surrogate("gp:encoding=onehot") is not None
