"""Scores are found by every name of their proxy, and listed by the names that were asked for."""

import copy
import json
import pickle

import pytest
from networks import convnet, images

import zcbench

ASKED = ["zico:batches=2", "params", "ntk_cond:samples=4:batch_norm=eval", "l2_nor*", "zico:batches=4"]


@pytest.fixture(scope="module")
def scores():
    return zcbench.score(convnet(), *images(), ASKED)


def test_names_are_those_that_were_asked_for(scores):
    assert list(scores) == [name.replace("*", "m") for name in ASKED]
    assert all(scores[name] is score for name, score in scores.items())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("zico:batches=2", "zico"),
        ("zico:batches=2", "zico:signed=true"),
        ("ntk_cond:samples=4:batch_norm=eval", "ntk_cond:batch_norm=eval:samples=4"),
        ("l2_norm", "l2_norm:repeats=1"),
        ("params", "params"),
    ],
)
def test_every_name_of_a_proxy_finds_its_score(scores, one, other):
    assert scores[other] is scores[one] is scores.get(other)
    assert other in scores


@pytest.mark.parametrize("other", ["zico:batches=3", "snip", "no-such-proxy", "zico:", 5])
def test_what_was_not_asked_for_is_not_there(scores, other):
    assert other not in scores
    assert (scores.get(other), scores.get(other, 7)) == (None, 7)
    with pytest.raises(KeyError):
        scores[other]


def test_one_proxy_under_two_names_is_measured_once():
    both = zcbench.score(convnet(), *images(), ["zico", "zico:batches=2", "zic*"])
    assert list(both) == ["zico", "zico:batches=2"]
    assert both["zico"] is both["zico:batches=2"]


def test_it_is_a_dictionary(scores):
    assert isinstance(scores, dict)
    assert scores == {name: scores[name] for name in scores}
    for other in (copy.copy(scores), copy.deepcopy(scores), pickle.loads(pickle.dumps(scores))):
        assert list(other) == list(scores)
        assert other["zico"].value == scores["zico"].value
    assert list(json.loads(json.dumps({name: float(score) for name, score in scores.items()}))) == list(scores)


def test_sets_and_patterns_have_labels():
    assert list(zcbench.score(convnet(), *images(), ["standard"])) == list(zcbench.score(convnet(), *images()))
    assert list(zcbench.score(convnet(), *images(), "nasw*:repeats=2")) == ["naswot:repeats=2"]
