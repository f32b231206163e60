"""Records of runs and of scorers share their keys exactly where they measure the same."""

import torch
from toys import toy

from zcbench.batches import get_batch
from zcbench.proxies import get_proxy
from zcbench.runs._track import Track
from zcbench.runs.score_networks import ScorePlan
from zcbench.scorers import Context
from zcbench.scorers._conditions import Conditions
from zcbench.spaces import get_space
from zcbench.types import Batch, Score


def made(info="params", **options):
    return Conditions.of(Context.of(options.pop("where", toy()), batch_size=4, **options), get_proxy(info))


def test_keys_are_those_of_a_run():
    plan = ScorePlan(Track(proxies=("params",), batch_size=4, seed=2), toy())
    assert made(seed=2).measurement == plan.measurement
    one = toy().architectures[0]
    record = made(seed=2).record(one, one, Score(1.0, seconds=0.1), "")
    assert plan.label_of(record.key) == "params"
    assert made(seed=2).has_key(record.key)
    assert not made(seed=3).has_key(record.key)
    assert not made("num_layers", seed=2).has_key(record.key)
    assert made(seed=2, data=get_batch("digits", 4, 2)).measurement == plan.measurement


def test_what_no_run_measures_has_another_key():
    usual = made().measurement
    assert made(classes=10).measurement == usual
    assert made(classes=7).measurement.batch.endswith("/7 classes")
    given = get_batch("digits", 4, 0)
    assert made(data=given).measurement == usual
    assert made("params:epochs=1", data=given).measurement != made("params:epochs=1").measurement


def test_samples_without_a_name_are_told_by_what_they_hold():
    def of(value):
        return made(data=Batch(torch.full((2, 1, 8, 8), value), torch.zeros(2, dtype=torch.long))).measurement.batch

    assert of(0.0) == of(0.0) != of(1.0)


def test_a_space_alone_has_a_folder_of_its_own():
    found = made(where=get_space("digits-201"))
    assert found.folder == "space-digits-201"
    assert found.measurement.benchmark == "space-digits-201@1"
