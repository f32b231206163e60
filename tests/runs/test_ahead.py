"""What a run would do: numbers before anything is done."""

import dataclasses

import pytest
from toys import record, toy

import zcbench
from zcbench.records import Store
from zcbench.runs import Track
from zcbench.runs._ahead import Ahead, ahead_of
from zcbench.runs._resume import left_of
from zcbench.runs.fit_predictors import plans_ahead
from zcbench.runs.score_networks import ScorePlan


def test_as_json_has_it():
    ahead = Ahead("toy", "scores", "architectures", 4, 1, total=8, left=2, shard="1/3")
    assert ahead.known == 6
    assert ahead.to_dict() == {
        **{"benchmark": "toy", "shard": "1/3", "sample": None, "architectures": 4, "architectures_left": 1},
        **{"scores": 8, "known": 6, "left": 2},
    }


@pytest.fixture
def twins():
    """A table of five architectures, of which two have one network."""
    space = zcbench.get_space("digits-201")
    classes = {}
    for architecture in space:
        same = classes.setdefault(space.canonical(architecture).key, [])
        same.append(architecture.key)
        if len(same) == 2 and len(classes) > 4:
            others = [found[0] for found in classes.values() if found is not same]
            return toy((0.1, 0.2, 0.3, 0.4, 0.5), keys=[*same, *others[:3]])
    raise AssertionError


def test_equal_networks_share_their_scores(twins, tmp_path):
    plan = ScorePlan(Track(proxies=("params", "num_layers"), batch_size=4), twins)
    store = Store(tmp_path)
    before = ahead_of(plan, left_of(plan, store))
    assert (before.wanted_units, before.left_units, before.total, before.left) == (5, 5, 8, 8)
    first, second = twins.architectures[0].key, twins.architectures[-1].key
    network = next(network for network, served in plan.served.items() if first in served)
    fields = {"benchmark": "toy@1", "batch": plan.measurement.batch}
    with store.writer("toy") as writer:
        for name in ("params", "num_layers"):
            label = plan.proxies[name].identifier
            writer.record(record(first, 3.0, label, network="" if network == first else network, **fields))
        writer.record(record(second, 3.0, plan.proxies["params"].identifier, **fields))
    plan = plan.only(plan.keys)
    after = ahead_of(plan, left_of(plan, store), "1/2", "abc")
    assert (after.wanted_units, after.left_units, after.total, after.left, after.known) == (5, 3, 8, 5, 3)
    assert (after.shard, after.sample) == ("1/2", "abc")


def test_of_predictors_the_features_come_first(tmp_path):
    made = toy(range(12))
    track = Track(
        benchmarks=("toy",), predictors=("bayesian_ridge:encoding=proxies(params)",), train_sizes=(4, 6), seeds=3
    )
    plans = plans_ahead(track, made, Store(tmp_path))
    found = [ahead_of(plan, left_of(plan, Store(tmp_path))) for plan in plans]
    assert [(one.what, one.units, one.total, one.left) for one in found] == [
        ("scores", "architectures", 12, 12),
        ("trials", "splits", 6, 6),
    ]
    assert dataclasses.asdict(found[1])["wanted_units"] == 3
