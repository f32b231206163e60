"""Scores as columns of what a predictor sees."""

import numpy as np
import pytest
from toys import distinct_cells

from zcbench.encodings import get_encoding, join
from zcbench.predictors import get_predictor
from zcbench.scorers import FunctionScorer, ScoreEncoding, get_scorer

CELLS = distinct_cells(12)


def test_each_architecture_is_scored_once_and_all_new_ones_at_once():
    asked = []

    class Counting(FunctionScorer):
        def score(self, architectures):
            asked.append(list(architectures))
            return super().score(architectures)

    encoding = ScoreEncoding(Counting(lambda a: len(set(a.key)), "kinds"))
    rows = encoding.rows([CELLS[0], CELLS[1], CELLS[0]])
    assert encoding.rows(CELLS[:3])[:2] == [pytest.approx(rows[0]), pytest.approx(rows[1])]
    assert asked == [[CELLS[0], CELLS[1]], [CELLS[2]]]
    assert rows[0].shape == (1,)


def test_what_ranks_gives_a_column_of_each_member():
    encoding = ScoreEncoding(get_scorer("params+2*num_layers", "digits-201", batch_size=2))
    some = encoding.rows(CELLS[:2])
    more = ScoreEncoding(get_scorer("params+2*num_layers", "digits-201", batch_size=2)).rows(CELLS[:4])
    assert np.array_equal(some, more[:2])
    assert encoding.name == "score(params+2*num_layers)"


def test_a_predictor_learns_from_it_with_gaps():
    def kinds(architecture):
        if architecture == CELLS[3]:
            raise ValueError
        return architecture.key.count("3x3")

    seen = join([get_encoding("onehot"), ScoreEncoding(FunctionScorer(kinds))])
    predictor = get_predictor("gp").with_encodings(lambda _: seen)
    targets = [one.key.count("3x3") + 0.0 for one in CELLS]
    assert np.isfinite(predictor.fit(CELLS, targets).predict(CELLS)).all()
