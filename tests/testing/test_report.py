"""Outcomes of named checks: what passes, fails, is skipped or raises, and what the report says."""

from zcbench.testing._report import FailedError, Report, SkippedError, run_checks


def failed():
    raise FailedError("3 is not 4")


def skipped():
    raise SkippedError("it has no labels")


def broken():
    raise RuntimeError("no luck\nsecond line")


def test_every_outcome():
    report = run_checks("mine", {"good": lambda: "on 5 networks", "bad": failed, "none": skipped, "odd": broken})
    assert [(o.check, o.status, o.detail) for o in report.outcomes] == [
        ("good", "passed", "on 5 networks"),
        ("bad", "failed", "3 is not 4"),
        ("none", "skipped", "it has no labels"),
        ("odd", "failed", "RuntimeError: no luck"),
    ]
    assert not report.ok
    assert str(report).splitlines() == [
        "mine: FAILED: 1 passed, 2 failed, 1 skipped",
        "  passed  good  on 5 networks",
        "  failed  bad   3 is not 4",
        "  skipped none  it has no labels",
        "  failed  odd   RuntimeError: no luck",
    ]


def test_where_nothing_ran_nothing_is_ok():
    assert run_checks("mine", {"good": lambda: ""}).ok
    assert not run_checks("mine", {"none": skipped}).ok
    assert not Report("mine").ok
