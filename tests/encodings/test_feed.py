"""Encodings fed from a table: one protocol for ours and for strangers' own."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest
from toys import registry_as_it_was

import zcbench
from zcbench.encodings import Feed, Needs, TableEncoding, combined, get_encoding
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.testing import check_predictor
from zcbench.types import Graph

ONE, TWO = (zcbench.Architecture("table", name) for name in ("one", "two"))


class Ratio(TableEncoding):
    """A column divided by another, and the score of a proxy."""

    needs = Needs(proxies=("params",), curves=("loss",))

    def look_up(self, feed):
        return np.stack([feed.fact("a") / feed.fact("b"), feed.score("params")], axis=1)


class Scaled(TableEncoding):
    """A column of the table, doubled."""

    def __init__(self, column):
        super().__init__()
        self.column = column

    def look_up(self, feed):
        return 2 * feed.fact(self.column)


class Named(TableEncoding):
    """Numbers by name."""

    def look_up(self, feed):
        return [{f"over {i}": 1.0 for i in range(3) if value > i} for value in feed.fact("a")]


def table(**changes):
    known = {"architectures": [ONE, TWO], "facts": {"a": [1.0, 3.0], "b": [2.0, 2.0]}, "scores": {"params": [7.0, 8.0]}}
    return Feed(
        **{**known, "curves": {"loss": np.arange(8.0).reshape(2, 4)}, "epoch_seconds": {"loss": 5.0}, **changes}
    )


def test_an_encoding_knows_the_rows_of_what_it_was_fed():
    unfed = Ratio("ratio")
    encoding = unfed.fed([table()])
    assert [row.tolist() for row in encoding.rows([TWO, ONE])] == [[1.5, 8.0], [0.5, 7.0]]
    for other, message in ((unfed, "no row of one"), (unfed.fed([table()]), "no row of three")):
        with pytest.raises(InvalidInputError, match=f"{message}: ratio cannot encode it"):
            other.rows([ONE, zcbench.Architecture("table", "three")])
    for again in (pickle.loads(pickle.dumps(encoding)), copy.copy(encoding), copy.deepcopy(encoding)):
        assert again.rows([ONE])[0].tolist() == [0.5, 7.0]
    assert encoding.fed([table(facts={"a": [4.0, 3.0], "b": [2.0, 2.0]})]).rows([ONE])[0].tolist() == [2.0, 7.0]
    assert encoding.rows([ONE])[0].tolist() == [0.5, 7.0]  # each feeding makes a new one


def test_several_tables_at_once():
    three = zcbench.Architecture("table", "three")
    other = Feed([three], {"a": [1.0], "b": [4.0]}, {"params": [1.0]})
    assert [row[0] for row in Ratio().fed([table(), other]).rows([three, ONE])] == [0.25, 0.5]


def test_rows_beyond_what_encodings_remember(monkeypatch):
    """Rows that were measured are forgotten when there are too many; those of a table cannot be found again."""
    monkeypatch.setattr("zcbench.encodings._base.REMEMBERED", 2)
    space = zcbench.get_space("digits-201")
    architectures = [a for a, _ in zip(space, range(6), strict=False)]
    encoding = get_encoding("proxies(params)").fed([Feed(architectures[:4], scores={"params": [1.0, 2.0, 3.0, 4.0]})])
    encoding.rows(architectures)
    assert [row[0] for row in encoding.rows(architectures[:4])] == [1.0, 2.0, 3.0, 4.0]


def test_mappings_and_other_kinds():
    joined = zcbench.encodings.join([Named("named").fed([table()]), Ratio("ratio").fed([table()])])
    encoder = joined.fit([ONE, TWO])
    assert encoder.names == ["named[over 0]", "named[over 1]", "named[over 2]", "ratio[0]", "ratio[1]"]
    assert encoder.transform([TWO, ONE])[:, :3].tolist() == [[1, 1, 1], [1, 0, 0]]

    class Drawn(TableEncoding):
        kind = "graph"

        def look_up(self, feed):
            return [Graph(("input", "output"), ((0, 1),)) for _ in feed.architectures]

    assert Drawn().fed([table()]).rows([ONE])[0].edges == ((0, 1),)
    assert Drawn().digest(table()) == Drawn().digest(table())


def test_what_is_shown_of_a_table_has_a_digest():
    other = table(facts={"a": [1.0, 2.0], "b": [2.0, 2.0]})
    unseen = table(facts={"a": [1.0, 3.0], "b": [2.0, 2.0], "c": [1.0, 2.0]})
    for encoding in (Ratio(), Named(), zcbench.encodings.join([Ratio(), Named()])):
        assert encoding.digest(table()) == encoding.digest(unseen) != encoding.digest(other)
    assert get_encoding("curve(loss/2)").digest(table()) == np.array([[0.0, 1.0], [4.0, 5.0]]).tobytes()
    assert get_encoding("stats").digest(table()) == b""


def test_costs_are_paid_once():
    known = table(seconds={"params": 0.5, "zen": 2.0})
    parts = [
        get_encoding(text) for text in ("curve(loss/2)", "curve(loss/3)", "proxies(params)", "proxies(params+zen)")
    ]
    known = Feed(**{**known.__dict__, "scores": {"params": [7.0, 8.0], "zen": [1.0, 1.0]}})
    assert combined(parts, known) == {"training": 15.0, "params": 0.5, "zen": 2.0}
    assert combined([get_encoding("stats+onehot")], known) == {}
    assert Ratio().seconds(known) == {"params": 0.5, "training": 20.0}  # all four epochs
    assert get_encoding("stats+curve(loss/2)+proxies(zen)").seconds(known) == {"training": 10.0, "zen": 2.0}


def test_costs_that_nobody_knows_are_not_nothing():
    known = table(epoch_seconds={})
    for parts in ([get_encoding("curve(loss/2)")], [Ratio(), get_encoding("curve(loss/2)")]):
        assert np.isnan(combined(parts, known)["training"])
    twice = table(epoch_seconds={"loss": 5.0}, curves={"loss": np.ones((2, 4)), "err": np.ones((2, 4))})
    parts = [get_encoding("curve(loss/2)"), get_encoding("curve(err/2)")]
    assert all(np.isnan(combined(order, twice)["training"]) for order in (parts, parts[::-1]))


def test_needs_of_several():
    parts = [get_encoding("proxies(params+zen)+curve(loss/2)"), get_encoding("curve(loss/3)+curve(err/1)"), Ratio()]
    assert Needs.of(parts) == Needs(("params", "zen"), ("loss", "err"))
    assert Needs.of([get_encoding("stats")]) == Needs()
    assert get_encoding("stats+columns").from_table
    assert not get_encoding("stats+proxies(params)").from_table


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (lambda feed: np.ones(3), r"the encoding odd gives \(3, 1\) for 2 architectures"),
        (lambda feed: np.ones((2, 2, 2)), "look_up must give one row of numbers for each"),
        (lambda feed: [[1.0], [1.0, 2.0]], "the encoding odd cannot be fed: ValueError"),
        (lambda feed: None, "the encoding odd cannot be fed: TypeError"),
        (lambda feed: {}["a"], "the encoding odd cannot be fed: KeyError: 'a'"),
        (lambda feed: feed.fact("c"), "unknown column 'c'"),
        (lambda feed: feed.score("snip"), "unknown score 'snip'"),
        (lambda feed: feed.curve("err"), "unknown learning curve 'err'"),
    ],
)
def test_what_a_strangers_encoding_does_wrong_is_one_sentence(rows, message):
    class Odd(TableEncoding):
        look_up = staticmethod(rows)

    with pytest.raises((InvalidInputError, UnknownNameError), match=message):
        Odd("odd").fed([table()])


def test_tables_that_do_not_fit():
    for changes, look, message in (
        ({"facts": {"a": [1.0]}}, lambda t: t.fact("a"), "one number of a for each architecture"),
        ({"curves": {"loss": np.zeros((3, 2))}}, lambda t: t.curve("loss"), r"of shape \(2, epochs\), not \(3, 2\)"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            look(table(**changes))


def test_the_table_of_a_benchmark():
    benchmark = zcbench.get_benchmark("digits-201")
    known = Feed.of(benchmark, ["valid_nll"])
    assert known.curve("valid_nll").shape[0] == len(benchmark) == len(known.fact("train_seconds"))
    with pytest.raises(UnknownNameError, match="unknown learning curve 'nothing'"):
        Feed.of(benchmark, ["nothing"])
    with pytest.raises(InvalidInputError, match="has no learning curves"):
        Feed.of(dataclasses.replace(benchmark, curves={}), ["valid_nll"])


def test_a_predictor_with_a_strangers_table_passes_the_contract():
    with registry_as_it_was():
        zcbench.register_encoding("t-scaled", arguments="latency")(Scaled)
        report = check_predictor("random_forest:encoding=t-scaled(latency):trees=20")
        assert report.ok, str(report)


def test_a_table_that_is_asked_for_some_rows_only():
    other = table(facts={"a": [10.0, 30.0], "b": [2.0, 2.0]})
    both = Ratio("ratio").fed([table(), dataclasses.replace(other, asked=frozenset([TWO]))])
    assert [row.tolist() for row in both.rows([ONE, TWO])] == [[0.5, 7.0], [15.0, 8.0]]
    assert Ratio("ratio").fed([table(), other]).rows([ONE])[0].tolist() == [5.0, 7.0]


def test_what_is_known_is_one_line_at_a_prompt():
    benchmark = zcbench.get_benchmark("digits-201")
    assert repr(Feed.of(benchmark, ["valid_nll"])) == "<Feed of 4,930 architectures of digits-201: 1 column, 1 curve>"
    assert repr(Feed([])) == "<Feed of 0 architectures of the table: nothing>"
