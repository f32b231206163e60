"""From records to correlations: what scipy says, read in the right direction, over the right architectures."""

import dataclasses
import math

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr
from toys import record, records, toy

from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.evaluation import summarize
from zcbench.evaluation._summary import summarize_columns
from zcbench.records import Records
from zcbench.types import Status

RNG = np.random.default_rng(3)
TRUTH = np.round(RNG.normal(size=40), 1)  # with ties
NOISY = np.round(TRUTH + RNG.normal(size=40), 1)


def test_against_scipy():
    benchmark = toy(TRUTH)
    entry = summarize(records(benchmark, NOISY), benchmark)["mine"]
    assert entry.tau.value == pytest.approx(kendalltau(NOISY, TRUTH).statistic, abs=1e-12)
    assert entry.rho.value == pytest.approx(spearmanr(NOISY, TRUTH).statistic, abs=1e-12)
    assert entry.tau.low < entry.tau.value < entry.tau.high
    assert (entry.n, entry.total, entry.version, entry.failures) == (40, 40, 1, ())
    assert entry.scores.tolist() == NOISY.tolist()
    assert entry.truths.tolist() == TRUTH.tolist()
    assert entry.architectures == tuple(a.key for a in benchmark.architectures)


def test_order_of_records_does_not_matter():
    benchmark = toy(TRUTH)
    rows = records(benchmark, NOISY)
    shuffled = [rows[i] for i in RNG.permutation(len(rows))]
    assert summarize(shuffled, benchmark)["mine"].tau == summarize(rows, benchmark)["mine"].tau


@pytest.mark.parametrize("target_up", [True, False])
@pytest.mark.parametrize("proxy_up", [True, False])
def test_positive_is_good_in_every_direction(target_up, proxy_up):
    quality = np.arange(10.0)
    benchmark = toy(quality if target_up else -quality, higher_is_better=target_up)
    rows = records(benchmark, quality if proxy_up else -quality, higher_is_better=proxy_up)
    entry = summarize(rows, benchmark)["mine"]
    assert (entry.tau.value, entry.rho.value) == pytest.approx((1, 1))
    assert entry.scores.tolist() == (quality if proxy_up else -quality).tolist()
    assert entry.truths.tolist() == (quality if target_up else -quality).tolist()
    assert entry.higher_is_better is proxy_up


def test_the_best_comes_first_and_the_undefined_last():
    benchmark = toy(TRUTH)
    rows = [
        *records(benchmark, [1.0] * 40, "constant@1"),
        *records(benchmark, -TRUTH, "worst@1"),
        *records(benchmark, NOISY, "good@1"),
        *records(benchmark, TRUTH, "best@1"),
    ]
    evaluation = summarize(rows, benchmark)
    assert [e.proxy for e in evaluation.entries] == ["best", "good", "worst", "constant"]
    assert [e.tied_with_best for e in evaluation.entries] == [True, False, False, False]
    assert evaluation.total == 40
    with pytest.raises(KeyError):
        evaluation["absent"]


def test_constant_column():
    benchmark = toy(TRUTH)
    entry = summarize(records(benchmark, [7.0] * 40), benchmark)["mine"]
    assert entry.n == 40
    assert math.isnan(entry.tau.value)
    assert math.isnan(entry.rho.value)


def test_constant_truth():
    benchmark = toy([0.5] * 10)
    assert math.isnan(summarize(records(benchmark, range(10)), benchmark)["mine"].tau.value)


def test_scores_without_a_value_are_counted_and_left_out():
    benchmark = toy([1, 2, 3, 4, 5, 6])
    values = [1.0, None, 3.0, None, 5.0, 6.0]
    rows = records(benchmark, values, seconds=0.25)
    keys = [a.key for a in benchmark.architectures]
    rows[3] = record(keys[3], None, status="non-finite", detail="nan", seconds=99)
    entry = summarize(rows, benchmark)["mine"]
    assert (entry.n, entry.total) == (4, 6)
    assert entry.tau.value == pytest.approx(1)
    assert {(f.status, f.count, f.example) for f in entry.failures} == {
        (Status.FAILED, 1, "it broke."),
        (Status.NON_FINITE, 1, "nan"),
    }
    assert entry.architectures == (keys[0], keys[2], keys[4], keys[5])
    assert entry.seconds == 0.25


def test_nothing_but_failures():
    benchmark = toy([1, 2, 3])
    entry = summarize(records(benchmark, [None] * 3), benchmark)["mine"]
    assert (entry.n, entry.total, entry.failures[0].count) == (0, 3, 3)
    assert math.isnan(entry.tau.value)
    assert math.isnan(entry.seconds)


def test_truths_that_are_nan_are_left_out():
    truth = [1, math.nan, 3, 4, math.nan, 6]
    benchmark = toy(truth)
    entry = summarize(records(benchmark, [1, 99, 2, 3, -99, 4]), benchmark)["mine"]
    assert entry.n == 4
    assert entry.tau.value == pytest.approx(1)
    assert entry.truths.tolist() == [1, 3, 4, 6]


def test_common_uses_the_same_architectures_for_all():
    benchmark = toy([1, 2, 3, 4, 5, 6])
    rows = [
        *records(benchmark, [9, 1, 2, 3, 4, 5], "a@1"),
        *records(benchmark, [None, 1, 2, 3, 4, None], "b@1"),
    ]
    apart, together = (summarize(rows, benchmark, common=common) for common in (False, True))
    assert [apart[name].n for name in "ab"] == [6, 4]
    assert apart["a"].tau.value == pytest.approx(kendalltau([9, 1, 2, 3, 4, 5], range(6)).statistic)
    assert [together[name].n for name in "ab"] == [4, 4]
    assert (together["a"].tau.value, together["b"].tau.value) == pytest.approx((1, 1))
    assert together.total == 4
    assert together["a"].architectures == together["b"].architectures


def test_common_without_anything_in_common():
    benchmark = toy([1, 2, 3, 4])
    rows = [*records(benchmark, [1, 2, None, None], "a@1"), *records(benchmark, [None, None, 1, 2], "b@1")]
    evaluation = summarize(rows, benchmark, common=True)
    assert [e.n for e in evaluation.entries] == [0, 0]
    assert evaluation.total == 0


def test_of_several_versions_the_one_that_was_measured_last():
    benchmark = toy([1, 2, 3, 4])
    down, up = records(benchmark, [4, 3, 2, 1], "mine@10"), records(benchmark, [1, 2, 3, 4], "mine@9")
    for rows, version, tau in ((down + up, 9, 1), (up + down, 10, -1)):
        evaluation = summarize(rows, benchmark)
        assert [(e.proxy, e.version) for e in evaluation.entries] == [("mine", version)]
        assert evaluation["mine"].tau.value == pytest.approx(tau)
        assert evaluation.notes == (
            f"mine: 4 results of version {19 - version} were excluded; version {version} is shown.",
        )


def test_scores_of_different_code_are_never_in_one_row():
    """A formula was edited and measured on five networks; its old scores are of a hundred."""
    benchmark = toy(np.arange(100.0))
    old = records(benchmark, np.arange(100.0), code="0123456789ab")
    new = records(benchmark, -np.arange(100.0), code="abcdef012345")[50:55]
    entry = summarize([*old, *new], benchmark)["mine"]
    assert (entry.n, entry.total, entry.code, entry.tau.value) == (5, 5, "abcdef012345", pytest.approx(-1))
    assert summarize([*old, *new], benchmark).notes == (
        "mine: 100 results of version 1 with code 01234567 were excluded; version 1 with code abcdef01 is shown.",
    )
    # A formula of ours has no digest, and is another version than a stranger's of the same name and number.
    ours = [dataclasses.replace(r, code="") for r in old[:4]]
    assert summarize([*old, *new, *ours], benchmark)["mine"].total == 4


@pytest.mark.parametrize("line", [{"proxy": "mine@999999"}, {"code": "0123456789ab"}])
def test_one_line_does_not_hide_what_has_an_interval(line):
    benchmark = toy(np.arange(20.0))
    good = records(benchmark, np.arange(20.0))
    strange = [dataclasses.replace(r, **line) for r in good]
    for count, shown in ((1, 20), (3, 20), (4, 4), (20, 20)):
        evaluation = summarize([*good, *strange[:count]], benchmark)
        assert (evaluation["mine"].total, len(evaluation.notes)) == (shown, 1)
        named = strange[0] if count >= 4 else good[0]
        assert (evaluation["mine"].version, evaluation["mine"].code) == (int(named.proxy.split("@")[1]), named.code)
    # Where nothing has an interval, the most results count, and of equally many the last.
    assert summarize([*good[:3], *strange[:1]], benchmark)["mine"].total == 3
    assert summarize([*strange[:2], *good[:2]], benchmark)["mine"].version == 1


def test_another_target():
    benchmark = toy([1, 2, 3, 4])
    evaluation = summarize(records(benchmark, [1, 2, 3, 4]), benchmark, "other")
    assert evaluation.target.name == "other"
    assert evaluation["mine"].tau.value == pytest.approx(-1)
    with pytest.raises(UnknownNameError, match=r"unknown target 'qualiti': did you mean 'quality'\? Try  zcbench show"):
        summarize(records(benchmark, [1, 2, 3, 4]), benchmark, "qualiti")


@pytest.mark.parametrize("change", [{"seed": 1}, {"batch": "digits/train/16 of 500/seed 0"}, {"benchmark": "toy@2"}])
def test_runs_do_not_mix(change):
    benchmark = toy([1, 2, 3, 4])
    rows = records(benchmark, [1, 2, 3, 4])
    rows[2] = record(rows[2].architecture, 3.0, **change)
    with pytest.raises(InvalidInputError, match="records of different runs cannot be mixed"):
        summarize(rows, benchmark)


def test_records_of_another_version():
    benchmark = toy([1, 2, 3, 4])
    with pytest.raises(InvalidInputError):
        summarize(records(benchmark, [1, 2, 3, 4]), toy([1, 2, 3, 4], version=2))


def test_no_records():
    with pytest.raises(InvalidInputError, match="no records of toy@1: run  zcbench run toy"):
        summarize([], toy())


def test_architectures_that_are_not_in_the_table():
    benchmark = toy()
    good = records(benchmark, [4, 3, 2, 1])
    strange = [record(f"nowhere{i}", float(i)) for i in range(5)]
    evaluation = summarize([*strange[:2], *good, *strange[2:]], benchmark, notes=["before."])
    entry, alone = evaluation["mine"], summarize(good, benchmark)["mine"]
    assert (entry.n, entry.total, entry.tau, evaluation.total) == (4, 4, alone.tau, 4)
    assert evaluation.notes == (
        "before.",
        "5 records of architectures that toy@1 does not have were excluded: nowhere0, nowhere1, nowhere2 and 2 more.",
    )
    message = r"no records of toy@1: run  zcbench run toy\. 1 record of architectures that toy@1 .*: nowhere\."
    with pytest.raises(InvalidInputError, match=message):
        summarize([record("nowhere")], benchmark)


def test_records_that_disagree_on_the_direction():
    benchmark = toy()
    good = records(benchmark, [4, 3, 2, 1], higher_is_better=False)
    turned = dataclasses.replace(good[0], higher_is_better=True)
    evaluation = summarize([turned, *good[1:]], benchmark)
    assert (evaluation["mine"].n, evaluation["mine"].tau.value, evaluation["mine"].higher_is_better) == (3, 1.0, False)
    assert evaluation.notes == ("mine@1: 1 record with the other direction was excluded.",)


def test_any_sequence_of_records_and_columns_give_the_same():
    benchmark = toy(TRUTH)
    rows = [*records(benchmark, NOISY), *records(benchmark, [None, *TRUTH[1:]], "params@2", detail="odd")]
    expected = summarize(rows, benchmark).content()
    assert summarize(iter(rows), benchmark).content() == expected
    assert summarize(Records.of(rows), benchmark).content() == expected
    assert summarize(Records.of([record("nowhere"), *rows])[1:], benchmark).content() == expected


def test_numbers_as_large_and_as_small_as_there_are():
    values = [-1.7e308, -1e308, -5e-324, 0.0, 5e-324, 1e308, 1.7e308]
    benchmark = toy([[v, v] for v in values])
    (entry,) = summarize(records(benchmark, values), benchmark).entries
    assert (entry.n, entry.standing) == (7, "no interval")
    assert (entry.tau.value, entry.rho.value) == pytest.approx((1, 1))
    assert entry.truths.tolist() == values


def test_infinite_truths_are_named():
    benchmark = toy([1, math.inf, 3, -math.inf, math.nan, 6, 7, 8])
    evaluation = summarize(records(benchmark, range(8)), benchmark)
    assert (evaluation["mine"].n, evaluation["mine"].total, evaluation.total) == (5, 8, 8)
    assert evaluation.notes == (
        "3 of 8 architectures cannot be ranked by quality (2 infinite, 1 missing): correlations exclude them.",
    )
    assert summarize(records(toy(TRUTH), TRUTH), toy(TRUTH)).notes == ()


def test_infinite_repeats_are_named():
    benchmark = toy([[1, 2], [3, math.inf], [5, 4], [math.inf, math.inf], [7, math.nan]])
    evaluation = summarize(records(benchmark, range(5))[:4], benchmark)
    assert evaluation["mine"].truths.tolist() == [1.5, 3, 4.5]
    assert evaluation.notes == (
        "1 of 4 architectures cannot be ranked by quality (1 infinite): correlations exclude them.",
        "1 of 4 architectures have infinite repeats of quality: their means and the noise ceiling exclude these.",
    )


def test_infinite_truths_outside_of_the_sample_are_named():
    benchmark = toy([1, 2, 3, 4, math.inf, math.nan])
    evaluation = summarize(records(benchmark, range(6))[:4], benchmark)
    assert evaluation.notes == ("The table has an infinite quality for 1 more architecture, never drawn for a sample.",)


def test_columns_of_numbers_count_as_records_of_them_do():
    benchmark = toy(TRUTH)
    scored = [math.nan if i % 4 == 0 else v for i, v in enumerate(NOISY)]
    columns = {"low": (-NOISY, False), "holes": (np.array(scored), True), "params": (TRUTH, True)}
    rows = [
        *records(benchmark, -NOISY, "low@1", higher_is_better=False, batch=""),
        *records(benchmark, [None if math.isnan(v) else v for v in scored], "holes@1", batch="", detail="missing"),
        *records(benchmark, TRUTH, "params@1", batch=""),
    ]
    found, expected = summarize_columns(benchmark, columns), summarize(rows, benchmark)
    for entry, other in zip(found.entries, expected.entries, strict=True):
        for what in ("proxy", "tau", "rho", "over_params", "n", "total", "tied_with_best", "architectures", "standing"):
            assert getattr(entry, what) == getattr(other, what)
        assert entry.scores.tolist() == other.scores.tolist()
    (failure,) = found["holes"].failures
    assert (failure.status, failure.count, failure.example) == (Status.NON_FINITE, 10, "missing")
    infinite = summarize_columns(benchmark, {"x": (np.array([math.inf, *NOISY[1:]]), True)})["x"]
    assert (infinite.n, infinite.failures[0].example) == (39, "infinite")


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_architectures(n):
    benchmark = toy(list(range(n)))
    entry = summarize(records(benchmark, list(range(n))), benchmark)["mine"]
    assert entry.n == n
    assert math.isnan(entry.tau.value) == (n == 1)
    assert math.isnan(entry.tau.low)


def test_no_folder_of_this_machine_is_published(tmp_path):
    benchmark = dataclasses.replace(toy(TRUTH), source=f"{tmp_path}/t.parquet (means)")
    evaluation = summarize(records(benchmark, NOISY), benchmark)
    assert evaluation.source == "t.parquet (means)"
    assert str(tmp_path) not in evaluation.to_json() + evaluation.to_csv() + evaluation.to_markdown()
