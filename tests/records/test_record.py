"""What is measured: keys and what a record holds."""

from dataclasses import fields, replace

import pytest
from toys import forecast, record, trace, trial

from zcbench.types import Score, Status

OTHER = {int: 7, str: "other", bool: False, Score: Score(7.0), Status: Status.FAILED, dict: {"tau": 0.1}, tuple: (7,)}
OTHER |= {float: 7.0}
#: where it was measured and what that took: values do not depend on it
DEVICE = {"device", "device_name", "memory"}
#: what may differ between two measurements of the same
OF_RECORDS = {"score", "network", "higher_is_better", "environment", "sample", "attempt"}
OF_TRIALS = {"status", "metrics", "detail", "environment", "attempt", *DEVICE}
OF_SEARCHES = {"status", "metrics", "rows", "clock", "epochs", "detail", "environment", "attempt", *DEVICE}
OF_FORECASTS = OF_TRIALS


@pytest.mark.parametrize(
    "item, free",
    [(record(), OF_RECORDS), (trial(), OF_TRIALS), (trace(), OF_SEARCHES), (forecast(), OF_FORECASTS)],
    ids=["record", "trial", "search", "forecast"],
)
def test_keys(item, free):
    assert replace(item).key == item.key
    for field in fields(item):
        changed = replace(item, **{field.name: OTHER[type(getattr(item, field.name))]})
        assert (changed.key == item.key) == (field.name in free), field.name


def test_a_long_detail_is_shortened():
    assert len(trial(detail="x" * 2000).detail) == 500


def test_label_and_version():
    assert (trial("gp:encoding=a@1@12").label, trial("gp@12").version) == ("gp:encoding=a@1", 12)


def test_a_search_is_called_by_searcher_and_scorers():
    assert trace("evolution:population=20@3").label == "evolution:population=20"
    assert trace("random@1", scorers="warm-start=naswot, filter=-params").label == (
        "random, warm-start=naswot, filter=-params"
    )


@pytest.mark.parametrize(
    "item", [record().score, trial(), trace(), forecast()], ids=["score", "trial", "search", "forecast"]
)
def test_what_nobody_counted_is_equal_whoever_says_so(item):
    """A worker's nan is another object than ours, and equality of dataclasses goes by identity first."""
    assert replace(item, memory=float("nan")) == item
