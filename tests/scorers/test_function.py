"""Functions as scorers."""

import pytest
from toys import distinct_cells

import zcbench
from zcbench._kinds import isolated
from zcbench.errors import InvalidInputError
from zcbench.scorers import FunctionScorer, get_scorer

CELLS = distinct_cells(2)


def size(architecture):
    return len(architecture.key)


def test_a_function_of_ones_own():
    found = get_scorer(size)
    assert found.label == "size"
    assert found.score(CELLS).values.tolist() == [len(CELLS[0].key), len(CELLS[1].key)]
    assert "code" in found.identifier
    assert get_scorer(lambda a: 1).label == get_scorer(lambda a: 2).label
    assert get_scorer(lambda a: 1).identifier != get_scorer(lambda a: 2).identifier
    with pytest.raises(InvalidInputError, match="is not a function"):
        FunctionScorer(5)


def test_a_registered_function_with_settings():
    with isolated():

        @zcbench.register_scorer("scaled", higher_is_better=False)
        def scaled(space, architecture, *, factor: float = 1.0):
            """Nodes times a factor."""
            return factor * len(space.graph(architecture).nodes)

        found = get_scorer("scaled:factor=2", "digits-201")
        assert found.label == "scaled:factor=2.0"
        assert not found.higher_is_better
        assert found.score(CELLS).values.tolist() == [
            2 * v for v in get_scorer("scaled", "digits-201").score(CELLS).values
        ]
        assert "needs a search space" in get_scorer("scaled").score(CELLS).reasons[0]
        assert get_scorer("-scaled", "digits-201").higher_is_better
