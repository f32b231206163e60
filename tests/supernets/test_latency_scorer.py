"""Latency as a number that searches bound, look for and rank by."""

import numpy as np
import pytest
import torch
from elastic import SPACE, supernet

import zcbench
from zcbench.errors import InvalidInputError
from zcbench.supernets import Latency, _latency_scorer
from zcbench.types import Batch


class Clock:
    """In place of measurements: milliseconds by the number of parameters, others at each time; it counts networks."""

    def __init__(self):
        self.names = []
        self.plans = []

    def __call__(self, networks, inputs, **plan):
        self.plans.append((len(Batch(inputs)), plan))
        return {name: self.one(name, network) for name, network in networks.items()}

    def one(self, name, network):
        self.names.append(name)
        assert not network.training
        size = sum(value.numel() for value in network.parameters())
        if size < 500:
            return "it is too small to be measured."
        value = size / 10_000 + 1e-6 * len(self.names)
        about = {"repeats": 1, "threads": 1, "batch": 1, "processes": 1, "waited": 0.0, "runtime": "", "machine": ""}
        return Latency(value, value, value, value - 0.098, value + 0.098, **about)


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(_latency_scorer, "latencies", made)
    return made


def size(one):
    return sum(value.numel() for value in SPACE.build(one).parameters())


def searched(ledger, budget):
    return zcbench.search(
        supernet(),
        lambda one: float(size(one)),
        searcher="evolution:population=4",
        constraints={"flops": 500_000, "latency_ms": 1.0},
        budget=budget,
        ledger=ledger,
    )


def test_scores_are_medians_of_subnets(clock):
    net = supernet()
    scorer = zcbench.get_scorer("latency_ms:batch=3:seconds=0.5", net)
    found = scorer.score([SPACE.largest, SPACE.smallest])
    assert found.values[0] == pytest.approx(size(SPACE.largest) / 10_000, abs=1e-5)
    assert np.isnan(found.values[1]) and found.reasons == {1: "it is too small to be measured."}
    assert found.std[0] == pytest.approx(0.05)
    assert not scorer.higher_is_better and scorer.timed
    ((_, plan),) = clock.plans
    assert plan == {"batch": 3, "threads": 1, "seconds": 0.5, "rounds": 6, "processes": 1}
    plain = zcbench.get_scorer("latency_ms", SPACE).score([SPACE.largest])  # of a space, with fresh weights
    assert plain.values[0] == pytest.approx(found.values[0], abs=1e-5)


def test_a_bound_keeps_slow_subnets_out_and_asks_what_costs_less_first(clock):
    found = searched(None, 12)
    assert found.best.values["value"] <= 10_000
    flops = zcbench.get_scorer("flops", SPACE)
    tried = [SPACE.parse(name) for name in clock.names]
    slow = flops.score(tried).values > 500_000
    assert slow.sum() <= 10  # those that tell what is within reach


def test_a_search_goes_on_with_the_times_that_were_written_down(clock, tmp_path):
    whole = searched(tmp_path / "a.jsonl", 10)
    searched(tmp_path / "b.jsonl", 5)
    before = len(clock.names)
    parts = searched(tmp_path / "b.jsonl", 10)
    assert len(clock.names) > before
    assert parts.best == whole.best
    lines = (tmp_path / "b.jsonl").read_text().splitlines()
    measured = [line for line in lines if '"scored"' in line and "latency_ms" in line]
    assert measured
    again = len(clock.names)
    assert searched(tmp_path / "b.jsonl", 10).best == whole.best
    assert len(clock.names) - again <= 10  # what is within reach is asked for anew


def test_it_is_an_objective(clock):
    net = supernet()
    found = zcbench.search(
        net,
        lambda one: float(size(one)),
        scorer="latency_ms",
        role="objective",
        searcher="nsga2:population=4",
        budget=8,
    )
    assert {"value", "latency_ms"} <= set(found.best.values)
    assert len(found.front) > 1


def test_searchers_that_know_objectives_beforehand_measure_what_they_evaluate_alone(clock):
    found = zcbench.search(
        supernet(),
        lambda one: float(size(one)),
        scorer="-params,latency_ms",
        role="objective",
        searcher="ehvi:initial=4",
        budget=7,
    )
    assert len(clock.names) <= 7 + 10  # those by which a scorer is tried out
    assert {"value", "params", "latency_ms"} <= set(found.best.values)


def test_bounds_below_the_fastest_say_what_is_within_reach(clock):
    with pytest.raises(InvalidInputError, match=r"latency_ms ranges from .* to 1\.8"):
        zcbench.search(supernet(), lambda one: 1.0, constraints={"latency_ms": 0.001}, budget=3)


def test_more_samples_than_there_are():
    with pytest.raises(InvalidInputError, match="there are 4 samples for a batch of 9"):
        zcbench.get_scorer("latency_ms:batch=9", supernet(), data=Batch(torch.zeros(4, 1, 8, 8)))


def test_a_real_measurement():
    found = zcbench.get_scorer("latency_ms:seconds=0.02:rounds=2", supernet()).score([SPACE.smallest, SPACE.largest])
    assert (found.values > 0).all() and found.reasons == {}
    assert (found.seconds > 0).all()
