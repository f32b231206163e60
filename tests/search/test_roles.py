"""What scorers serve for: each role does what it says, costs are counted once, oracles are named."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import rankdata
from toys import toy

import zcbench
from zcbench.errors import InvalidInputError, ZcbenchError
from zcbench.scorers import Context, Scorer
from zcbench.search import Searcher, read_ledger, read_search
from zcbench.search._base import Proposal
from zcbench.search._clock import unbuilt
from zcbench.search._metered import TRIED
from zcbench.search._roles import Roles

TABLE = zcbench.get_benchmark("digits-201")
TRUTH = dict(zip(TABLE.architectures, TABLE.truth("valid_nll").tolist(), strict=True))


def convolutions(architecture):
    return architecture.key.count("3x3") + 0.1 * architecture.key.count("1x1")


def search(**options):
    options = {"searcher": "random", "objectives": "valid_nll", "report": "test_nll", "budget": 8, **options}
    return zcbench.search(TABLE, **options)


def test_a_warm_start_takes_the_best_of_many(tmp_path):
    found = search(scorer="oracle(valid_nll)", role="warm-start:from=300", budget=3, batch=3, ledger=tmp_path / "l")
    (scored,) = [row for row in read_ledger(tmp_path / "l")[1] if row["kind"] == "scored"]
    drawn = [TABLE.space.parse(key) for key in scored["architectures"]]
    assert len(set(drawn)) == 300
    assert list(found.architectures) == sorted(drawn, key=TRUTH.__getitem__)[:3]


def test_a_filter_takes_the_best_of_each_many():
    found = search(scorer="oracle(valid_nll)", role="filter:from=40", budget=5)
    assert found.asks == 200
    assert np.median(found.values["valid_nll"]) < np.quantile(list(TRUTH.values()), 0.1)
    assert np.median(search(budget=5).values["valid_nll"]) > np.quantile(list(TRUTH.values()), 0.1)


def test_an_objective_is_searched_for_and_costs_no_training():
    found = search(scorer=convolutions, role="objective")
    assert [str(one) for one in found.objectives] == ["-valid_nll", "convolutions"]
    assert found.values["convolutions"].tolist() == [convolutions(one) for one in found.architectures]
    assert found.spent["training"] == search().spent["training"]
    turned = search(scorer="-oracle(test_nll)", role="objective")
    assert [str(one) for one in turned.objectives] == ["-valid_nll", "oracle(test_nll)"]
    assert turned.values["oracle(test_nll)"].tolist() == turned.values["test_nll"].tolist()


def test_scores_alone_can_be_searched_for():
    found = search(scorer=convolutions, role="objective", objectives=())
    assert [str(one) for one in found.objectives] == ["convolutions"]
    assert "test_nll" in found.values
    assert found.spent.get("training", 0) == 0
    found = zcbench.search(TABLE.space, scorer=convolutions, role="objective", searcher="random", budget=4)
    assert found.values["convolutions"].tolist() == [convolutions(one) for one in found.architectures]


def test_an_objective_of_ranks_has_one_value_for_one_architecture():
    one = search(scorer="mean_rank(oracle(valid_nll)+oracle(test_nll))", role="objective", budget=6)
    batches = search(scorer="mean_rank(oracle(valid_nll)+oracle(test_nll))", role="objective", budget=6, batch=3)
    name = one.objectives[1].name
    both = [dict(zip(r.architectures, r.values[name].tolist(), strict=True)) for r in (one, batches)]
    shared = both[0].keys() & both[1].keys()
    assert shared
    assert all(both[0][a] == both[1][a] for a in shared)


class Placed(Scorer):
    """A rank among what is asked for; a stranger's, who says no seconds and remembers nothing."""

    label, of_sets = "placed", True

    def __init__(self):
        self.asked = []

    def score(self, architectures):
        self.asked.append(list(architectures))
        return rankdata([convolutions(one) for one in architectures])


@pytest.mark.parametrize("batch", [1, 3])
def test_a_scorer_of_sets_gives_one_value_when_it_is_asked_again(tmp_path, batch):
    """Among a fixed sample, once for each architecture, also after a stop."""
    path, scorer = tmp_path / "ledger", Placed()
    found = search(scorer=scorer, role="objective", ledger=path, batch=batch)
    others = scorer.asked[0][:-1]
    assert len(others) == 100 and all(one[:-1] == others for one in scorer.asked)
    placed = [one[-1] for one in scorer.asked]
    assert len(set(placed)) == len(placed) and set(found.architectures) <= set(placed)
    wanted = [rankdata([convolutions(one) for one in [*others, mine]])[-1] for mine in found.architectures]
    assert found.values["placed"].tolist() == wanted
    assert found.scored == len(placed)
    again = Placed()
    more = search(scorer=again, role="objective", ledger=path, batch=batch, budget=14)
    assert more.values["placed"][:8].tolist() == wanted
    assert {one[-1] for one in again.asked} == set(more.architectures[8:])
    whole = search(scorer=Placed(), role="objective", batch=batch, budget=14)
    assert more.values["placed"].tolist() == whole.values["placed"].tolist()


def test_a_scorer_of_sets_is_a_feature_among_a_sample_and_a_filter_of_what_is_proposed():
    searcher, scorer = Seen(), Placed()
    found = search(searcher=searcher, scorer={"feature": scorer, "filter:from=5": scorer}, budget=4)
    sizes = [len(one) for one in scorer.asked]
    assert sizes.count(101) == len(sizes) - 4 - 1 and sizes.count(5) == 4 and sizes.count(10) == 1  # ten were tried
    encoding = searcher.problem.encoding("onehot").fit(list(found.architectures))
    one, *_ = several = list(found.architectures)
    alone, together = encoding.transform([one])[0, -1], encoding.transform(several)[:, -1]
    assert alone == together[0] and len(set(together)) > 1


class Seen(Searcher):
    """Proposes at random and keeps the problem."""

    def ask(self, count):
        return [Proposal(one) for one in self.problem.domain.sample(self.problem.rng, count, self.problem.history)]

    def tell(self, answers):
        pass

    def state(self):
        return {}

    def restore(self, state):
        pass


def test_features_are_paid_for_and_sets_give_their_members():
    searcher = Seen()
    found = search(
        searcher=searcher, scorer=["params+num_layers", convolutions], role="feature", budget=2, batch_size=2
    )
    problem = searcher.problem
    assert [one.label for one in problem.features] == ["params", "num_layers", "convolutions"]
    before = found.scored
    some = list(found.architectures)
    rows = problem.encoding("onehot").fit(some).transform(some)
    assert rows[:, -1].tolist() == [convolutions(one) for one in some]
    problem.encoding("onehot").fit(some)
    assert found.scored == before >= 30  # ten were tried, by three scorers


def test_several_roles_at_once_share_what_is_known():
    calls = []

    class Counting(Scorer):
        label = "counting"

        def value(self, architecture):
            calls.append(architecture)
            return convolutions(architecture)

    found = search(scorer=Counting(), role="warm-start:from=60+filter:from=10+objective", budget=6)
    assert len(calls) == len(set(calls)) == found.scored
    assert found.spent["scoring"] > 0


def test_a_mapping_says_the_role_of_each(tmp_path):
    path = tmp_path / "ledger"
    roles = {
        "warm-start:from=20": "oracle(test_nll)",
        "filter:from=5": convolutions,
        "objective": ["oracle(valid_accuracy)"],
    }
    search(scorer=roles, ledger=path)
    head, _ = read_ledger(path)
    assert list(head["scorers"]) == ["warm-start", "filter", "objective"]
    assert head["scorers"]["warm-start"] == [{"scorer": "oracle(test_nll) of digits-201@1", "from": 20}]
    assert head["scorers"]["filter"][0]["scorer"].startswith("convolutions@1 code ")
    with pytest.raises(InvalidInputError, match="its scorers"):
        search(scorer=roles | {"filter:from=5": "oracle(test_nll)"}, ledger=path)


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9])
def test_a_search_that_was_stopped_scores_nothing_again(tmp_path, kept):
    calls = []

    def counted(architecture):
        calls.append(architecture)
        return convolutions(architecture)

    counted.version = 1
    options = {"scorer": counted, "role": "warm-start:from=30+filter:from=5+objective", "searcher": "random"}
    whole = tmp_path / "whole"
    wanted = search(**options, ledger=whole)
    lines = whole.read_bytes().splitlines(keepends=True)
    stopped = tmp_path / "stopped"
    cut = max(1, int(kept * len(lines)))
    stopped.write_bytes(b"".join(lines[:cut]))
    read = sum(len(row["architectures"]) for row in map(json.loads, lines[1:cut]) if row["kind"] == "scored")
    total, calls[:] = len(calls), []
    found = search(**options, ledger=stopped)
    assert found.architectures == wanted.architectures
    assert len(calls) == total - read
    calls.clear()
    again = search(**options, ledger=whole, budget=12)  # goes on from the state that was kept
    assert again.architectures[:8] == wanted.architectures
    assert len(set(calls)) == len(calls)


def test_scores_from_a_store_are_noted_and_resume_with_the_search(tmp_path):
    """A score costs what it cost when it was measured; that building is left out then is said."""
    options = {"scorer": "params", "role": "warm-start:from=12", "batch_size": 2, "store": tmp_path / "store"}
    fresh = search(**options)
    assert fresh.stored == 0 and fresh.notes == () and fresh.scored == 12
    path = tmp_path / "ledger"
    found = search(**options, ledger=path)
    assert found.stored == found.scored == 12 and found.architectures == fresh.architectures
    assert found.spent["scoring"] < fresh.spent["scoring"]  # without building
    assert found.notes == (unbuilt("12 scores"),) and "12 scores came from the store" in str(found)
    again = search(**options, ledger=path, budget=9)
    assert again.notes == read_search(path, TABLE).notes == found.notes
    assert (again.stored, again.scored, read_search(path).stored) == (12, 12, 12)
    (note,) = search(constraints="params<=1e9", batch_size=2, store=tmp_path / "store", budget=3).notes
    assert " of params came from the store without the seconds of building" in note
    (note,) = search(constraints="params+num_layers>=0", batch_size=2, store=tmp_path / "store", budget=3).notes
    assert " of params+num_layers came from the store" in note


def test_oracles_are_named():
    assert search(scorer=convolutions).notes == ()
    (note,) = search(scorer="oracle(test_nll)", role="warm-start+filter:from=3", budget=2).notes
    assert note.startswith(
        "The scorer oracle(test_nll) is an oracle as warm-start and filter: it reads test_nll, by which"
    )
    (note,) = search(scorer="oracle(valid_accuracy)", budget=2).notes
    assert "by which" not in note
    (note,) = search(scorer="mean_rank(oracle(test_accuracy)+oracle(test_nll))", budget=2).notes
    assert "it reads test_accuracy, test_nll" in note


def test_a_fact_that_is_reported_makes_an_oracle():
    roles = Roles.of("oracle(train_seconds)", "filter", Context.of(TABLE))
    assert "by which the search is evaluated" in roles.notes(["train_seconds"])[0]
    table = replace(toy(), facts={"flops": np.arange(4.0)})
    roles = Roles.of("table(flops)", "filter", Context.of(table))
    assert roles.notes(["quality"]) == []
    assert "is an oracle" in roles.notes(["flops"])[0]


@pytest.mark.parametrize("role", ["warm-start", "filter", "feature", "objective"])
def test_a_scorer_that_fails_on_all_is_said_before_money_is_spent(role):
    spent = []

    def nothing(architecture):
        raise ValueError("no way")

    with pytest.raises(InvalidInputError, match=r"nothing has no score for any of .*no way"):
        zcbench.search(
            TABLE.space, lambda a: spent.append(a) or 1.0, scorer=nothing, role=role, searcher="random", budget=4
        )
    assert not spent


@pytest.mark.parametrize("role", ["warm-start:from=40", "filter:from=8", "objective"])
def test_a_scorer_that_fails_on_some_breaks_nothing_and_they_come_last(role):
    def some(architecture):
        if "skip_connect~0" in architecture.key:
            raise ValueError("too large")
        return 1.0

    found = search(scorer=some, role=role)
    assert len(found) == 8
    if role.startswith("filter") or role.startswith("warm"):
        assert not any("skip_connect~0" in one.key for one in found.architectures)


@pytest.mark.parametrize(
    ("scorer", "role", "why"),
    [
        ("params", "filtre", "did you mean 'filter'|known: "),
        ("params", "filter+filter", "twice"),
        ({"filter": "params", "warm-start+filter": "num_layers"}, "", "twice"),
        ("params,num_layers", "filter", "takes one scorer"),
        ([], "feature", "has no scorer"),
        ("params", "filter:from=0", "too small"),
        ("params", "filter:to=3", "unknown setting"),
        ("params", "feature:from=3", "unknown setting"),
        ("params", "2*filter", "no weights"),
        ("valid_nll", "filter", "write oracle"),
        ({"filter": lambda a: 1, "warm-start": lambda a: 2}, "", "give one of them another label"),
        ("params", 5, "role"),
    ],
)
def test_what_cannot_be_a_role(scorer, role, why):
    with pytest.raises(ZcbenchError, match=why):
        search(scorer=scorer, role=role)


def test_objectives_that_are_none_or_twice():
    with pytest.raises(InvalidInputError, match="needs an objective"):
        search(objectives=())
    with pytest.raises(InvalidInputError, match="give evaluate"):
        zcbench.search(TABLE.space, scorer=convolutions)
    with pytest.raises(InvalidInputError, match="remove one of them"):
        zcbench.search(TABLE.space, lambda a: 1, objectives="convolutions", scorer=convolutions, role="objective")


def test_a_scorer_without_a_role_is_refused():
    for scorer, role in (("params", []), ({}, "filter")):
        with pytest.raises(InvalidInputError, match="the scorer has no role: name one, warm-start, filter"):
            zcbench.search("digits-201", scorer=scorer, role=role, budget=1)


@pytest.mark.parametrize("searcher", zcbench.search.list_searchers())
def test_who_uses_features_scores_what_may_come_next(searcher):
    asked = set()

    def scorer(architecture):
        asked.add(architecture.key)
        return float(len(architecture.key))

    small = "guided", "linas", "ehvi", "gbdt_nas", "cheap-first"
    settings = ":initial=3" if searcher in small else ""
    zcbench.search("digits-201", searcher=searcher + settings, scorer=scorer, role="feature", budget=5)
    assert len(asked) >= TRIED  # which are tried out
    assert zcbench.search.searcher_info(searcher).make.featured == (len(asked) > TRIED)


def test_a_feature_that_nobody_uses_is_told():
    said = (
        "params as feature changed nothing, because evolution uses no features. Searchers with a surrogate use them, "
        "such as guided."
    )
    found = zcbench.search("digits-201", searcher="evolution", scorer="params", role="feature", budget=2)
    assert said in found.report.footnotes()
    found = zcbench.search(
        "digits-201", searcher="guided:initial=2", scorer="params", role="warm-start:from=3", budget=2
    )
    assert "feature" not in str(found.report.footnotes())
