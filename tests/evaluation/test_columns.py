"""Cells as people read them."""

import math

import pytest
from toys import record, records, toy

from zcbench.evaluation import COLUMNS, footnotes, headline, interval, summarize
from zcbench.evaluation._columns import ranks
from zcbench.metrics import Estimate

NAN = math.nan


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(0.617, 0.5801, 0.6599, 9), "0.62 [0.58, 0.66]"),
        (Estimate(-0.5, -0.75, 0.25, 9), "-0.50 [-0.75, 0.25]"),
        (Estimate(0.5, NAN, NAN, 2), "0.50"),
        (Estimate(NAN, NAN, NAN, 0), "–"),
    ],
)
def test_interval(estimate, text):
    assert interval(estimate) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(NAN, "–"), (5e-5, "<0.1 ms"), (0.00123, "1.2 ms"), (0.05, "50 ms"), (0.5, "0.50 s"), (12.345, "12.35 s")],
)
def test_time(seconds, text, plain):
    import dataclasses

    entry = dataclasses.replace(plain.entries[0], seconds=seconds)
    assert {c.title: c.text("1", entry) for c in COLUMNS}["time"] == text


def cells(evaluation, proxy):
    shown = dict(zip([e.proxy for e in evaluation.entries], ranks(evaluation.entries), strict=True))
    return {c.title: c.text(shown[proxy], evaluation[proxy]) for c in COLUMNS}


def test_a_row(plain):
    row = cells(plain, "first")
    assert row["#"] == "1"
    assert row["tau [95 % CI]"] == interval(plain["first"].tau)
    assert row["scored"] == "30/30"
    assert row["time"] == "0.33 ms"
    assert cells(plain, "params")["over params"] == ""
    assert cells(plain, "third")["#"] in {"3", "4"}


def test_numbers_are_what_the_text_shows(plain):
    for rank, entry in enumerate(plain.entries, 1):
        numbers = {c.title: c.number(rank, entry) for c in COLUMNS}
        assert numbers["tau [95 % CI]"] == entry.tau.value
        assert numbers["rho [95 % CI]"] == entry.rho.value
        assert numbers["of ceiling"] == entry.of_ceiling.value
        assert numbers["scored"] == entry.n
        assert numbers["time"] == entry.seconds


def test_undefined_is_a_dash(odd):
    reasons = {
        "constant": "scores all equal",
        "failed": "fewer than two scores",
        "single": "fewer than two scores",
    }
    for proxy, reason in reasons.items():
        row = cells(odd, proxy)
        assert {row["#"], row["rho [95 % CI]"], row["of ceiling"]} == {"–"}
        assert row["tau [95 % CI]"] == reason
    assert cells(odd, "failed")["time"] == "–"
    assert cells(odd, "failed")["scored"] == "0/4"


def test_headline(plain, odd):
    text = headline(plain)
    assert text.startswith("toy@1: 30 architectures against quality (how good; higher is better), seed 0, batch ")
    assert f"(noise ceiling): {interval(plain.ceiling)}." in text
    assert "lower is better" in headline(odd)
    assert "noise ceiling is unknown" in headline(odd)


def test_footnotes(plain, odd):
    assert footnotes(plain) == []
    notes = footnotes(odd)
    assert "failed: 4 of 4 failed: it broke." not in notes
    assert any(note.startswith("failed: 4 of 4 failed: two") for note in notes)
    assert "constant: its 4 scores are all equal, so it ranks nothing." in notes
    assert not any(note.startswith("single: its") for note in notes)
    assert "--common" in notes[-1]


def test_notes_on_scores_are_shown():
    benchmark = toy([0.1, 0.2, 0.3, 0.4])
    note = "The proxy changed grad mode; everything was restored."
    rows = [*records(benchmark, [1, 2, 3, None], "mine@1", detail=note), *records(benchmark, [1, 2, 3, 4], "params@1")]
    rows = [row if row.score.value is not None else record(row.architecture, None, "mine@1") for row in rows]
    notes = footnotes(summarize(rows, benchmark))
    assert f"mine: 3 of 4 scores with a note: {note}" in notes
    assert "mine: 1 of 4 failed: it broke." in notes


def test_what_has_no_interval_has_no_tie_mark(odd):
    (name,) = [e.proxy for e in odd.entries if e.standing == "no interval"]
    assert cells(odd, name)["#"] == "1"
    few = "fewer than 10 architectures have a score and a target."
    assert any(note.startswith(f"{name}: {few}") for note in footnotes(odd))


def test_all_that_are_tied_with_the_best_share_the_first_rank(plain):
    import dataclasses

    tied = [dataclasses.replace(e, tied_with_best=i in (0, 2)) for i, e in enumerate(plain.entries)]
    assert ranks(tied) == ["1=", "2", "1=", "4"]
    alone = [dataclasses.replace(e, tied_with_best=i == 0) for i, e in enumerate(plain.entries)]
    assert ranks(alone) == ["1", "2", "3", "4"]


def test_one_architecture_alone_has_no_interval():
    benchmark = toy([0.0] * 11 + [1.0])
    evaluation = summarize(records(benchmark, [0] * 11 + [1]), benchmark)
    note = "mine: tau over 12 architectures has no interval, so it is ranked after taus that have one."
    assert footnotes(evaluation) == [note]


@pytest.mark.parametrize(("rows", "said"), [(9, "it needs 10 architectures with repeated"), (10, "(noise ceiling): 1")])
def test_a_ceiling_of_few_architectures_is_not_shown(rows, said):
    benchmark = toy([[v, v] for v in range(rows)])
    assert said in headline(summarize(records(benchmark, range(rows)), benchmark))


def test_what_the_summary_left_out_is_said_below(plain):
    import dataclasses

    assert footnotes(dataclasses.replace(plain, notes=("Something is missing.",)))[-1] == "Something is missing."


def test_every_column_explains_itself():
    assert all(column.title and column.help.endswith(".") for column in COLUMNS)
    assert len({column.title for column in COLUMNS}) == len(COLUMNS)
