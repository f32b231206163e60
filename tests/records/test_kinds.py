"""Fields of records, trials and traces of searches: every one is a column, and all come back."""

from dataclasses import fields

import pytest
from toys import forecast, record, trace, trial

from zcbench.records._kinds import FORECASTS, RECORDS, SEARCHES, TRIALS, metrics_of, metrics_text
from zcbench.types import Score


@pytest.mark.parametrize(
    "kind, item",
    [
        (RECORDS, record("a", 1 / 3, seed=1, code="c", sample="s", attempt=2, network="n", repeats=3, detail="d")),
        (RECORDS, record("a", None, higher_is_better=False)),
        (TRIALS, trial(transfer_from="x", code="c", attempt=2, detail="d")),
        (TRIALS, trial(tau=None)),
        (SEARCHES, trace(scorers="filter=naswot@1", code="c", attempt=2, detail="d", epochs=(1, 2, 3))),
        (SEARCHES, trace(rows=())),
        (FORECASTS, forecast(code="c", attempt=2, detail="d")),
        (FORECASTS, forecast(log_density=None)),
    ],
)
def test_values_make_the_item(kind, item):
    values = kind.values(item)
    assert len(values) == len(kind.fields)
    assert kind.item(*values) == item
    by_name = dict(zip(kind.names, values, strict=True))
    assert tuple(by_name[name] for name in kind.keys) == item.key
    assert {field.name for field in fields(item)} <= {*by_name, "score"}
    stored = {field.name for field in fields(Score)} - {"wall"}  # which tells nothing of another day's machine
    assert not hasattr(item, "score") or stored <= by_name.keys()


def test_origin_is_no_part_of_the_key():
    assert RECORDS.traced.keys == RECORDS.keys
    assert RECORDS.traced.names == (*RECORDS.names, "origin")


def test_metrics_come_back():
    metrics = {"tau": 1 / 3, "big": 1.7e308, "\ud800": -0.0, "one": 1.0}
    assert metrics_of(metrics_text(metrics)) == metrics
    assert (
        str(metrics_of(metrics_text({"a": float("nan"), "b": float("inf"), "c": None})))
        == "{'a': nan, 'b': nan, 'c': nan}"
    )
