import pytest
from searches import FIRST, Listed, engine

from zcbench.search import Answer, Objective, Proposal, Searcher
from zcbench.types import Status


def test_an_objective_is_written_with_its_direction():
    assert [str(Objective("flops", False)), str(Objective("accuracy"))] == ["-flops", "accuracy"]


def test_an_answer_knows_its_architecture():
    answer = Answer(Proposal(FIRST[0], 3), (1.0,))
    assert answer.architecture is FIRST[0] and answer.ok and not answer.equal
    assert not Answer(Proposal(FIRST[0]), (1.0,), Status.FAILED).ok


def test_what_is_proposed_is_a_value():
    assert len({Proposal(FIRST[0]), Proposal(FIRST[0]), Proposal(FIRST[0], 1), Proposal(FIRST[1])}) == 3


def test_a_searcher_has_all_of_its_methods():
    class Half(Searcher):
        def ask(self, count):
            return []

    with pytest.raises(TypeError, match="restore"):
        Half()


def test_a_searcher_gets_its_problem_once_and_is_shown_by_its_label():
    searcher = Listed()
    assert repr(searcher) == "<Searcher Listed>"
    searcher.label_ = "listed:keys=3"
    search = engine(searcher)
    assert searcher.problem is search.problem
    assert repr(searcher) == "<Searcher listed:keys=3>"
    assert (searcher.patient, searcher.several, searcher.epochs, dict(searcher.ranges)) == (True, False, False, {})
