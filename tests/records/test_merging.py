"""Lines with one key: equal ones count once, disagreement is named, and nothing depends on the order of files."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import record, trial

from zcbench.records import Record, Store, Trial, _schema
from zcbench.records._merging import ROUND_OFF


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def write(store, *items):
    """Each in a file of its own."""
    for item in items:
        with store.writer("toy") as writer:
            (writer.record if isinstance(item, Record) else writer.trial)(item)


def line_of(item, schema):
    return _schema.encoded({**_schema.record_line(item), "schema": schema})


def values(store):
    return {r.architecture: r.score.value for r in store.records("toy")}


def test_equal_records_count_once(store):
    write(store, record("a"), record("b", 2.0), record("a"), record("a", seconds=9.0, environment="e1"))
    assert values(store) == {"a": 1.0, "b": 2.0}
    assert len(store.records("toy")) == 2
    assert store.notes("toy") == []


@pytest.mark.parametrize("status", ["failed", "timed-out"])
@pytest.mark.parametrize("better", [record("a", 3.0), record("a", None, status="non-finite")])
def test_a_failure_yields(store, status, better):
    bad = record("a", None, status=status)
    write(store, bad, better, bad)
    assert store.records("toy") == [better]
    assert store.notes("toy") == []
    assert store.disagreeing("toy") == {}


def test_two_kinds_of_failure_are_no_disagreement(store):
    write(store, record("a", None, status="timed-out"), record("a", None, status="failed", detail="x"))
    assert len(store.records("toy")) == 1
    assert store.notes("toy") == []


def test_a_later_attempt_counts(store):
    write(store, record("a", 5.0, attempt=1), record("a", 1.0), record("a", 2.0), record("a", None, attempt=1))
    (found,) = store.records("toy")
    assert (found.score.value, found.attempt) == (5.0, 1)
    write(store, record("b", None), record("b", None, attempt=1, detail="again"))
    assert [(r.attempt, r.score.detail) for r in store.records("toy")][1:] == [(1, "again")]
    write(store, record("c", None, status="non-finite"), record("c", 3.0, attempt=1))
    assert values(store) == {"a": 5.0, "b": None, "c": 3.0}
    assert store.notes("toy") == []


@pytest.mark.parametrize("form", ["", "jsonl", "parquet"])
def test_an_attempt_gives_up_no_score(store, form):
    """Another run's score, which the retry had not seen, is neither forgotten nor preferred."""
    write(store, record("a", None), record("a", 5.0, attempt=1), record("a", 6.0))
    write(store, record("b", 5.0), record("b", None, attempt=1))
    write(store, record("c", None), record("c", 5.0, attempt=1), record("c", 5.0))
    write(store, record("d", 5.0), record("d", None, status="non-finite", attempt=1))
    write(store, trial(seed=1, tau=None), trial(seed=1, attempt=1), trial(seed=1, tau=0.1))
    if form:
        store.compact("toy", form)
    assert values(store) == {"b": 5.0, "c": 5.0}
    assert store.trials("toy") == []
    assert [len(found) for found in store.disagreeing("toy").values()] == [2, 2]
    assert len(store.notes("toy")) == 2
    write(store, record("a", 5.0, attempt=2), record("d", 4.0, attempt=2), trial(seed=1, attempt=2))
    assert values(store) == {"a": 5.0, "b": 5.0, "c": 5.0, "d": 4.0}
    assert len(store.trials("toy")) == 1
    assert store.notes("toy") == []


@pytest.mark.parametrize("known", [1.0, None])
def test_a_file_of_schema_1_against_a_score_of_today(store, known):
    store.folder.mkdir()
    (store.folder / "toy.jsonl").write_bytes(line_of(record("a", known), 1) + line_of(record("a", 2.0), 1))
    assert [(r.score.value, r.attempt) for r in store.records("toy")] == [(2.0, 1)]
    write(store, record("a", 3.0))
    assert values(store) == {}
    assert [[r.score.value for r in found] for found in store.disagreeing("toy").values()] == [[2.0, 3.0]]


def test_lines_of_both_schemas_in_one_file(store):
    with store.writer("toy") as writer:
        writer.record(record("a", 2.0))
        writer.record(record("a", 3.0))
    (path,) = store.files("toy")
    path.write_bytes(line_of(record("b"), 1) + path.read_bytes())
    assert values(store) == {"b": 1.0}
    assert len(store.disagreeing("toy")) == 1


@pytest.mark.parametrize(
    "other",
    [
        *(record("a", 1.5), record("a", -1.0), record("a", 1 + 2 * ROUND_OFF), record("a", 0.0), record("a", 1e300)),
        record("a", None, status="non-finite"),
        record("a", None, status="unsupported"),
    ],
)
def test_disagreement_is_named_and_left_out(store, other):
    write(store, record("a"), record("b"), other, record("a", environment="e1"))
    assert values(store) == {"b": 1.0}
    (note,) = store.notes("toy")
    assert store.records("toy").notes == (note,)
    assert note.startswith(
        "1 score was measured several times with different results and is excluded,"
        " for example mine@1 of a with seed 0: "
    )
    assert note.endswith("; --retry disagreeing measures again.")
    outcome = str(other.score.status) if other.score.value is None else repr(other.score.value)
    assert "1.0" in note
    assert f"{outcome}" in note
    found = store.disagreeing("toy")
    assert list(found) == [record("a").key]
    assert sorted(r.environment for r in found[record("a").key]) == ["e0", "e0", "e1"]
    # One more attempt settles it.
    write(store, record("a", 7.0, attempt=1))
    assert values(store) == {"a": 7.0, "b": 1.0}
    assert store.notes("toy") == []
    assert store.disagreeing("toy") == {}


def test_many_disagreements_are_one_sentence(store):
    with store.writer("toy") as writer:
        for number in range(1500):
            writer.record(record(f"a{number}", 1.0))
            writer.record(record(f"a{number}", 2.0))
    assert store.records("toy") == []
    (note,) = store.notes("toy")
    assert note.startswith("1,500 scores were measured several times with different results and are excluded, ")
    assert len(store.disagreeing("toy")) == 1500


@pytest.mark.parametrize("first", [1.0, -1e-30, 1e300, 5e-324, -1.7e308])
@pytest.mark.parametrize("part", [0.0, 2.0**-52, 0.9 * ROUND_OFF])
def test_round_off_is_named_and_one_is_taken(store, first, part):
    second = first * (1 - part)
    write(store, record("a", first), record("a", second), record("a", first))
    assert values(store) == {"a": min(first, second)}
    if second == first:
        assert store.notes("toy") == []
    else:
        (note,) = store.notes("toy")
        assert note.startswith("1 score differs between machines by round-off, for example mine@1 of a with seed 0: ")


def test_zeros_are_equal(store):
    write(store, record("a", 0.0), record("a", -0.0))
    assert store.notes("toy") == []
    assert len(store.records("toy")) == 1


def test_the_largest_numbers(store):
    write(store, record("a", 1.7e308), record("a", -1.7e308))
    assert store.records("toy") == []


def test_trials(store):
    one = trial(seed=1)
    slower = trial(seed=1, environment="e1")
    object.__setattr__(slower, "metrics", {**slower.metrics, "fit_seconds": 99.0})
    close = trial(seed=2, tau=0.5 + ROUND_OFF / 2)
    write(store, one, slower, trial(seed=2), close, trial(seed=3), trial(seed=3, tau=0.6), trial(seed=4, tau=None))
    write(store, trial(seed=4), trial(seed=5, tau=None), trial(seed=5, tau=None, detail="other"))
    assert [t.seed for t in store.trials("toy")] == [1, 2, 4, 5]
    assert [t.metrics.get("tau") for t in store.trials("toy")] == [0.5, 0.5, 0.5, None]
    disagreeing, rounded = store.notes("toy")
    assert disagreeing == (
        "1 trial was measured several times with different results and is excluded, for example gp@1 for 2 networks"
        " with seed 3: tau 0.5 and tau 0.6; --retry disagreeing measures again."
    )
    assert rounded.startswith("1 trial differs between machines by round-off, for example gp@1 for 2 networks")
    assert list(store.disagreeing("toy", Trial)) == [trial(seed=3).key]
    assert store.disagreeing("toy") == {}


def test_metrics_that_only_one_trial_has(store):
    more = trial(seed=1)
    object.__setattr__(more, "metrics", {**more.metrics, "nll": 1.0})
    unknown = trial(seed=2)
    object.__setattr__(unknown, "metrics", {**unknown.metrics, "rho": math.nan})
    write(store, trial(seed=1), more, trial(seed=2), unknown, unknown, trial(seed=3))
    assert [t.seed for t in store.trials("toy")] == [3]
    assert len(store.disagreeing("toy", Trial)) == 2


# -- the same by other means ---------------------------------------------------------------------

SCORES = [1.0, 1.0 + 2.0**-40, 2.0, "failed", "timed-out", "non-finite"]
items = st.builds(
    lambda a, s, n, seconds: (
        record(a, s, attempt=n, seconds=seconds)
        if isinstance(s, float)
        else record(a, None, status=s, attempt=n, seconds=seconds)
    ),
    *(st.sampled_from("abc"), st.sampled_from(SCORES), st.sampled_from([0, 0, 0, 1]), st.sampled_from([0.25, 0.5])),
)


def outcome_of(records):
    statuses = {r.score.status for r in records}
    scores = [r.score.value for r in records if r.score.value is not None]
    if records[0].score.status.worth_a_retry:
        return "again"
    if len(statuses) > 1 or (scores and max(scores) - min(scores) > ROUND_OFF * max(map(abs, scores))):
        return None
    return min(scores) if scores else next(iter(statuses))


def by_hand(records):
    """What the rules give, key by key: the outcome, or None where there is disagreement."""
    found = {}
    for key in {r.key for r in records}:
        some = []
        for attempt in (0, 1):
            new = [r for r in records if r.key == key and r.attempt == attempt]
            if new and not isinstance(found.get(key), float):  # nothing that this attempt could not give up
                some = []
            some += new
            some = [r for r in some if not r.score.status.worth_a_retry] or some
            if some:
                found[key] = outcome_of(some)
    return found


@settings(deadline=None, max_examples=30)
@given(st.lists(items, min_size=1, max_size=12), st.randoms())
def test_the_rules_do_not_depend_on_files(tmp_path_factory, records, random):
    found = []
    for _ in range(2):
        store = Store(tmp_path_factory.mktemp("store") / "runs")
        random.shuffle(records)
        place = 0
        while place < len(records):
            size = random.randint(1, 5)
            with store.writer("toy") as writer:
                for item in records[place : place + size]:
                    writer.record(item)
            place += size
        found.append((sorted(map(repr, store.records("toy"))), set(store.disagreeing("toy")), store))
    assert found[0][:2] == found[1][:2]
    expected = by_hand(records)
    store = found[0][2]
    for item in store.records("toy"):
        outcome = item.score.value if item.score.value is not None else item.score.status
        assert expected[item.key] == ("again" if item.score.status.worth_a_retry else outcome)
    assert set(store.disagreeing("toy")) == {key for key, outcome in expected.items() if outcome is None}
    assert len(store.records("toy")) + len(store.disagreeing("toy")) == len(expected)
