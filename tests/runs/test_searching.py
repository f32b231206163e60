"""What a worker does to search a table: one search from one text, and what identifies it."""

from dataclasses import replace
from pathlib import Path

import pytest
from toys import registry_as_it_was

import zcbench
from zcbench.errors import InvalidInputError
from zcbench.runs._searching import PART, TableSearching
from zcbench.types import Status


def searching(budget="6", **fields):
    known = {"guide": ("valid_nll",), "constraints": (), "cost": None, "store": Path("unused"), "batch_size": 8}
    return TableSearching(zcbench.get_benchmark("digits-201"), budget=budget, **(known | fields))


def test_a_key_is_a_seed_a_searcher_and_scorers():
    work = searching()
    ((part, result),) = work.results("3 random | filter=oracle(valid_accuracy)", [PART])
    found = zcbench.search(
        work.benchmark,
        searcher="random",
        budget=6,
        seed=3,
        objectives="valid_nll",
        scorer={"filter": "oracle(valid_accuracy)"},
    )
    assert part == PART and result.status is Status.OK and result.metrics["evaluations"] == 6
    assert [work.benchmark.architectures[row] for row in result.rows] == list(found.architectures)
    assert result.epochs == () and "the budget is spent" in result.detail


def test_trainings_that_were_stopped_are_told_by_their_epochs():
    ((_, result),) = searching("4").results("0 halving | none", [PART])
    assert len(result.epochs) == len(result.rows) > 4
    assert min(result.epochs) >= 0 and any(result.epochs)


def test_what_a_stranger_raises_is_the_result_of_that_search():
    with registry_as_it_was():

        @zcbench.register_searcher("t-broken")
        class Broken(zcbench.search.searcher_info("random").make):
            """Raises."""

            def ask(self, count):
                raise ZeroDivisionError("no idea")

        work = searching()
        ((_, result),) = work.results("0 t-broken | none", [PART])
        said = "t-broken failed in ask: ZeroDivisionError: no idea"
        assert (result.status, result.detail, result.rows) == (Status.FAILED, said, ())
        assert work.code("t-broken | none") and not work.code("random | none")


def test_scorers_are_made_once_and_read_by_role():
    work = searching()
    found = work.scorers("warm-start=params, filter=params")
    assert list(found) == ["warm-start", "filter"] and found["filter"] is found["warm-start"]
    assert work.scorers("none") == {} and work.labels("filter=params") == "filter=params"
    assert work.proxies(["none", "filter=params+naswot", "filter=naswot"]) == ["params", "naswot"]
    with pytest.raises(InvalidInputError, match="write  ROLE=SCORER"):
        work.scorers("params")


def test_the_digest_changes_with_what_a_search_depends_on():
    work = searching()
    others = [searching(guide=("valid_accuracy",)), searching(cost=2.0), searching(batch_size=16)]
    texts = ["none", "filter=naswot"]
    assert len({one.digest(text) for one in [work, *others] for text in texts}) == 7  # no batch without proxies
    facts = {**work.benchmark.facts, "train_seconds": work.benchmark.facts["train_seconds"] * 2}
    slower = replace(searching(), benchmark=replace(work.benchmark, facts=facts))
    assert slower.digest("none") != work.digest("none")
