"""From trials to sample efficiency: means over splits, paired differences, what was left out."""

import dataclasses
import math
import statistics
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import t
from toys import toy, trial

from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.evaluation import sample_efficiency
from zcbench.evaluation._efficiency import mean_interval, training_seconds
from zcbench.records import Trials

RNG = np.random.default_rng(5)


def trials(label="gp", sizes=(8, 20), seeds=4, **changes):
    """Trials with random tau."""
    return [
        trial(f"{label}@1", float(RNG.uniform(0, 0.9)), train_size=n, seed=s, **changes)
        for n in sizes
        for s in range(seeds)
    ]


def test_means_over_seeds_and_paired_differences():
    rows = [*trials("gp"), *trials("random_forest:trees=5")]
    found = sample_efficiency(rows, toy())
    assert (found.seeds, found.pool, found.benchmark) == (4, 4, "toy@1")
    for point in found.points:
        own = [x.metrics["tau"] for x in rows if (x.label, x.train_size) == (point.predictor, point.train_size)]
        half = t.ppf(0.975, 3) * np.std(own, ddof=1) / 2
        assert point.metrics["tau"].value == pytest.approx(np.mean(own))
        assert point.metrics["tau"].high == pytest.approx(np.mean(own) + half)
    for size in (8, 20):
        first, second = (p for p in found.points if p.train_size == size)
        assert first.behind.value == 0
        assert first.tied_with_best
        assert second.behind.value == pytest.approx(first.metrics["tau"].value - second.metrics["tau"].value)
        assert second.tied_with_best == (second.behind.low <= 0)


def test_one_lucky_split_is_not_the_best():
    rows = [trial("lucky@1", 0.9), *(trial("lucky@1", None, seed=s) for s in range(1, 5)), trial("dead@1", None)]
    rows += [trial("good@1", 0.8 + s / 1000, seed=s) for s in range(5)] + [
        trial("bad@1", 0.3, seed=s) for s in range(5)
    ]
    tied = {p.predictor: p.tied_with_best for p in sample_efficiency(rows, toy()).points}
    assert tied == {"good": True, "bad": False, "lucky": False, "dead": False}


def test_constant_predictions_tie_with_nothing():
    rows = [trial("constant@1", 0.0, detail="all predictions are the same.", seed=s) for s in range(4)]
    rows += [trial("unsure@1", 0.01 * (-1) ** s, seed=s) for s in range(4)]
    rows += [trial("bad@1", -0.9, seed=s) for s in range(4)]
    tied = {p.predictor: p.tied_with_best for p in sample_efficiency(rows, toy()).points}
    assert tied == {"constant": False, "unsure": True, "bad": False}


def test_interval_of_a_mean():
    assert mean_interval([]).n == 0
    assert math.isnan(mean_interval([1.0]).low)
    assert math.isnan(mean_interval([1.0, math.nan]).value)
    for values in ([1e308, 1.5e308, 1.7e308], [5e-324, 1e-323, 5e-324], [0.0, 0.0], [-3.25, 1e-9, 7.5]):
        estimate, exact = mean_interval(values), statistics.mean(map(Fraction, values))
        assert estimate.value == pytest.approx(float(exact), rel=1e-15, abs=5e-324)
        assert not math.isnan(estimate.low)


def test_what_training_takes():
    benchmark = toy()
    assert math.isnan(training_seconds(benchmark, "quality"))
    own = dataclasses.replace(benchmark, facts={"train_seconds": np.array([1.0, 3.0, np.nan])})
    assert training_seconds(own, "quality") == 2.0
    scaled = dataclasses.replace(benchmark, facts={"train_seconds_12ep": np.array([24.0])})
    assert training_seconds(scaled, "test_accuracy_200ep") == 400.0
    assert math.isnan(training_seconds(scaled, "test_accuracy"))
    elsewhere = {"other": dataclasses.replace(own.targets["other"], dataset="cifar100")}
    assert math.isnan(training_seconds(dataclasses.replace(own, targets={**own.targets, **elsewhere}), "other"))


def test_trials_of_different_pools_are_not_mixed():
    with pytest.raises(InvalidInputError, match="cannot be mixed"):
        sample_efficiency([*trials(), *trials(pool=3)], toy())
    with pytest.raises(InvalidInputError, match="no trials of predictors on toy: run"):
        sample_efficiency([], toy())


@pytest.mark.parametrize("change", [{"predictor": "gp@999999"}, {"code": "0123456789ab"}])
def test_of_several_versions_the_one_that_was_run_last(change):
    rows = trials()
    newer = [dataclasses.replace(x, **change, metrics={"tau": 0.123}) for x in rows]
    called = "version 999999" if "predictor" in change else "version 1 with code 01234567"
    found = sample_efficiency([*rows, *newer], toy(), notes=["before."])
    assert [p.metrics["tau"].value for p in found.points] == pytest.approx([0.123, 0.123])
    assert found.notes == ("before.", f"gp: 8 results of version 1 were excluded; {called} is shown.")
    assert list(found.notes) == found.footnotes()[-2:]
    # One line hides no others.
    found = sample_efficiency([*rows, newer[0]], toy())
    assert found.rows() == sample_efficiency(rows, toy()).rows()
    assert found.notes == (f"gp: 1 result of {called} was excluded; version 1 is shown.",)


def test_trials_that_learned_from_other_data_are_counted():
    rows = trials(seeds=2)
    other = [dataclasses.replace(x, data="of-before", metrics={**x.metrics, "tau": 0.123}) for x in rows]
    found = sample_efficiency([*other, *rows], toy())
    assert found.rows() == sample_efficiency(rows, toy()).rows()
    assert found.notes == ("4 trials with other training data were excluded; the latest are shown.",)


def test_any_sequence_of_trials_and_columns_give_the_same():
    rows = [*trials(), *trials("mean")]
    expected = sample_efficiency(rows, toy()).content()
    assert sample_efficiency(iter(rows), toy()).content() == expected
    assert sample_efficiency(Trials.of(rows), toy()).content() == expected


def test_another_metric():
    found = sample_efficiency(trials(), toy())
    assert found.showing("rho").headline().startswith("toy@1: Spearman's rho with quality")
    assert found.headline().startswith("toy@1: Kendall's tau with quality")
    with pytest.raises(UnknownNameError, match="unknown metric 'rhoo': did you mean 'rho'"):
        found.showing("rhoo")


def test_repr_is_one_line():
    found = sample_efficiency(trials(), toy())
    assert repr(found) == "<SampleEfficiency of 1 predictor on 4 architectures of toy@1, quality>"
    assert repr(found.points[0]).startswith("<Point of gp at 8 networks: tau 0.")
