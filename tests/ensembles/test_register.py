"""Names and declarations of ensembles, and evaluations that put scores together."""

import json
import sys

import pytest
from toys import record, records, registry_as_it_was, toy

import zcbench
from zcbench.ensembles import get_ensemble, list_ensembles, register_ensemble
from zcbench.ensembles._register import ensemble_info
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.evaluation import summarize


@pytest.mark.parametrize("name", list_ensembles())
def test_every_ensemble_says_what_it_is(name):
    ensemble = ensemble_info(name)
    assert ensemble.summary.endswith(".")
    assert ensemble.reference == "baseline" or "arXiv:" in ensemble.reference
    assert set(ensemble.members) <= set(zcbench.list_proxies())


def test_labels_are_read_back():
    labels = {
        "vote": "vote",
        "vote(naswot+2*synflow)": "vote(naswot+2*synflow)",
        " mean_rank( 1*naswot:repeats=3 + 1e-2*snip )": "mean_rank(naswot:repeats=3+0.01*snip)",
        "vote(0.1234567890123*naswot+1e20*snip)": "vote(0.1234567890123*naswot+1e20*snip)",
    }
    for text, label in labels.items():
        ensemble = get_ensemble(text)
        assert ensemble.label == label
        assert get_ensemble(label) == ensemble
    assert get_ensemble("vote").members == ("synflow", "jacov", "snip")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("votes", UnknownNameError, "unknown ensemble 'votes': did you mean 'vote'"),
        ("mean_rank", InvalidInputError, r"has no default members: write mean_rank\(naswot\+synflow\)"),
        ("vote(naswot", InvalidInputError, "brackets do not match, this one is not closed"),
        ("vote()", InvalidInputError, "at character 6: a name is missing"),
        ("vote(naswot+)", InvalidInputError, "at character 13: a name is missing"),
        ("vote(naswot+naswot)", InvalidInputError, "names a member twice"),
        ("vote(0*naswot+snip)", InvalidInputError, "weights must be positive"),
        ("vote(1.2.3*naswot+snip)", InvalidInputError, "weights must be positive"),
        ("vote(1e999*naswot+snip)", InvalidInputError, "weights must be positive"),
        (5, InvalidInputError, "the name of an ensemble must be text, not 5"),
    ],
)
def test_names_that_make_no_sense(text, error, message):
    with pytest.raises(error, match=message):
        get_ensemble(text)


@pytest.mark.parametrize(
    ("declared", "function", "message"),
    [
        ({"version": 1.5}, lambda scores, weights: scores[0], "version must be a positive integer"),
        ({"members": 5}, lambda scores, weights: scores[0], "members must be a tuple of texts"),
        ({"members": ("a", "a")}, lambda scores, weights: scores[0], "a name is repeated"),
        ({"members": (" ",)}, lambda scores, weights: scores[0], "unknown member ' '"),
        ({"reference": 5}, lambda scores, weights: scores[0], "reference must be text"),
        ({"override": "x"}, lambda scores, weights: scores[0], "override must be True or False"),
        ({}, lambda scores: scores[0], "is called with 2 arguments"),
        ({}, 5, "function must be a function"),
    ],
)
def test_declarations_out_of_range(declared, function, message):
    before = list_ensembles()
    with pytest.raises(InvalidInputError, match=message):
        register_ensemble("t-x", **declared)(function)
    assert list_ensembles() == before


def test_columns_that_do_not_fit():
    with pytest.raises(InvalidInputError, match=r"vote\(a\+b\) needs scores of b: run these proxies too"):
        get_ensemble("vote(a+b)").combine({"a": [1.0]})
    with pytest.raises(InvalidInputError, match="vectors of one length"):
        get_ensemble("vote(a+b)").combine({"a": [1.0, 2.0], "b": [1.0]})


def test_in_an_evaluation():
    benchmark = toy([1, 2, 3, 4, 5, 6])
    up, down = [1, 3, 2, 4, 6, 5], [6, 5, 4, 3, 2, None]
    rows = [
        *records(benchmark, up, "up@1"),
        *records(benchmark, down, "down@1", higher_is_better=False),
        *(record(a.key, 1.0, "params@1", benchmark=benchmark.identifier) for a in benchmark.architectures),
    ]
    entry = summarize(rows, benchmark, ensembles=["mean_rank(up+down)"])["mean_rank(up+down)"]
    assert (entry.n, entry.total, entry.higher_is_better, entry.version) == (5, 6, True, 1)
    assert entry.scores.tolist() == [1, 2.5, 2.5, 4, 5]
    assert [f.example for f in entry.failures] == ["down: it broke."]
    assert entry.seconds == 1.0
    with pytest.raises(InvalidInputError, match="needs scores of missing"):
        summarize(rows, benchmark, ensembles=["mean_rank(up+missing)"])


def test_common_ranks_among_the_shared_architectures():
    benchmark = toy([1, 2, 3, 4])
    rows = [*records(benchmark, [4, 1, 2, 3], "a@1"), *records(benchmark, [None, 1, 2, 3], "b@1")]
    entry = summarize(rows, benchmark, common=True, ensembles=["mean_rank(a)"])["mean_rank(a)"]
    assert entry.scores.tolist() == [1, 2, 3]


def test_evaluate_scores_the_members_too():
    result = zcbench.evaluate("digits-201", ["params"], limit=12, ensembles=["mean_rank(num_layers+l2_norm)"])
    assert {e.proxy for e in result.entries} == {"params", "num_layers", "l2_norm", "mean_rank(num_layers+l2_norm)"}
    assert result["mean_rank(num_layers+l2_norm)"].n == 12


def test_on_the_command_line(tmp_path, capsys):
    from zcbench.cli import main

    store = ["--store", str(tmp_path)]
    words = ["run", "digits-201", "--limit", "6", "--workers", "1", "--proxies", "params", "--json", *store]
    assert main([*words, "--ensembles", "mean_rank(num_layers+l2_norm)"]) == 0
    names = {entry["proxy"] for entry in json.loads(capsys.readouterr().out)["entries"]}
    assert names == {"params", "num_layers", "l2_norm", "mean_rank(num_layers+l2_norm)"}
    assert main(["leaderboard", "digits-201", *store, "--ensembles", "vote(params+l2_norm)"]) == 0
    assert "vote(params+l2_norm)" in capsys.readouterr().out
    assert main(["list", "ensembles"]) == 0
    assert "synflow+jacov+snip" in capsys.readouterr().out
    assert main(["leaderboard", "digits-201", *store, "--ensembles", "vote"]) == 2
    assert "vote needs scores of synflow, jacov, snip" in capsys.readouterr().err


def test_a_strangers_ensemble():
    with registry_as_it_was():

        @register_ensemble("t-last", members=("params",), reference="baseline")
        def last(scores, weights):
            """The last member alone."""
            return scores[-1]

        assert get_ensemble("t-last(a+b)").combine({"a": [1, 2], "b": [4, 3]}).tolist() == [4, 3]
        with pytest.raises(zcbench.errors.DuplicateNameError):
            register_ensemble("t-last")(last)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda scores, weights: 1 / 0, r"t-odd\(a\+b\) could not combine scores: ZeroDivisionError"),
        (lambda scores, weights: sys.exit(3), "could not combine scores: SystemExit"),
        (lambda scores, weights: 0.5, r"returned an array \(\) for 3 candidates: its function must return one number"),
        (lambda scores, weights: scores, r"returned an array \(2, 3\) for 3 candidates"),
        (lambda scores, weights: ["a", "b", "c"], "could not combine scores: ValueError"),
    ],
)
def test_a_strangers_function_that_does_not_combine(function, message):
    with registry_as_it_was():
        zcbench.register_ensemble("t-odd")(function)
        odd = zcbench.get_ensemble("t-odd(a+b)")
        with pytest.raises(InvalidInputError, match=message):
            odd.combine({"a": [1.0, 2.0, 3.0], "b": [3.0, 2.0, 1.0]})
