"""A proxy as a scorer equals zcbench.score on the built network, and the records of a run; nothing is paid twice."""

import numpy as np
import pytest
import torch
from toys import distinct_cells, toy

import zcbench
from zcbench._process import stable_seed
from zcbench.batches import get_batch
from zcbench.errors import InvalidInputError
from zcbench.records import Store
from zcbench.scorers import get_scorer, proxy
from zcbench.spaces import get_space
from zcbench.types import Architecture

SPACE = get_space("digits-201")
PROXIES = ("naswot", "grad_norm", "params")


@pytest.mark.parametrize("name", PROXIES)
def test_equals_the_score_of_the_built_network(name):
    cells = distinct_cells(3)
    found = get_scorer(name, toy(), batch_size=8, seed=3).score(cells)
    batch = get_batch("digits", 8, 3)
    for place, cell in enumerate(map(SPACE.canonical, cells)):
        first = stable_seed("network", cell.space, cell.key, 3)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(first)
            network = SPACE.build(cell, num_classes=10)
        wanted = zcbench.score(network, batch.inputs, batch.targets, [name], seed=first)[name]
        assert found.values[place] == wanted.value or (wanted.value is None and wanted.detail == found.reasons[place])
    assert (found.seconds > 0).all()
    assert np.isfinite(found.values[2])


def test_a_search_and_a_run_share_scores(tmp_path):
    table = toy()
    zcbench.runs.evaluate(table, PROXIES, limit=None, batch_size=4, store=tmp_path)
    before = {record.key: record for record in Store(tmp_path).records("toy")}
    for name in PROXIES:
        scorer = get_scorer(name, table, batch_size=4, store=tmp_path)
        found = scorer.score(table.architectures)
        records = [r for r in before.values() if r.proxy.startswith(f"{name}@")]
        by_key = {record.architecture: record.score for record in records}
        assert found.values.tolist() == [by_key[one.key].value for one in table.architectures]
        assert found.seconds.tolist() == [by_key[one.key].seconds for one in table.architectures]
    assert len(Store(tmp_path).records("toy")) == len(before)


def test_a_run_takes_what_a_search_measured(tmp_path, monkeypatch):
    table = toy()
    found = get_scorer("naswot", table, batch_size=4, store=tmp_path).score(table.architectures)
    built = []
    monkeypatch.setattr(type(SPACE), "build", lambda *a, **k: built.append(1) or pytest.fail("it was measured again"))
    result = zcbench.runs.evaluate(table, ["naswot"], limit=None, batch_size=4, store=tmp_path)
    assert result.entries[0].n == 4
    again = get_scorer("naswot", table, batch_size=4, store=tmp_path).score(table.architectures)
    assert again.values.tolist() == found.values.tolist()
    assert not built


def test_equal_networks_share_one_measurement():
    classes = {}
    for architecture in list(SPACE)[:400]:
        classes.setdefault(SPACE.canonical(architecture).key, []).append(architecture)
    same = next(found[:2] for found in classes.values() if len(found) > 1)
    found = get_scorer("params", toy(), batch_size=2).score([*same, same[0]])
    assert len(set(found.values)) == 1
    assert found.seconds[0] > 0
    assert found.seconds[1:].tolist() == [0, 0]


def test_other_samples_seeds_and_classes_are_other_measurements(tmp_path):
    cell = distinct_cells(1)
    for options in ({}, {"seed": 1}, {"batch_size": 3}, {"classes": 7}):
        get_scorer("params", toy(), **{"batch_size": 2, "store": tmp_path, **options}).score(cell)
    records = Store(tmp_path).records("toy")
    assert len(records) == len(set(records.keys())) == 4


def test_what_cannot_be_built_or_measured_is_a_reason(monkeypatch):
    found = get_scorer("head_importance", toy(), batch_size=2).score(distinct_cells(1))
    assert np.isnan(found.values[0])
    assert found.reasons[0]

    def build(self, architecture, *, num_classes):
        raise RuntimeError("no network")

    monkeypatch.setattr(type(SPACE), "build", build)
    found = get_scorer("params", toy(), batch_size=2).score([Architecture("digits-201", distinct_cells(1)[0].key)])
    assert "no network" in found.reasons[0]
    assert found.seconds[0] > 0


def test_scores_that_disagree_are_not_chosen_between(tmp_path):
    table = toy()
    scorer = get_scorer("params", table, batch_size=2, store=tmp_path)
    one = table.architectures[0]
    scorer.score([one])
    record = Store(tmp_path).records("toy")[0]
    with Store(tmp_path).writer("toy") as writer:
        writer.record(type(record)(**{**vars(record), "score": type(record.score)(1.5, seconds=0.1)}))
    found = get_scorer("params", table, batch_size=2, store=tmp_path).score([one])
    assert "disagree" in found.reasons[0]


def test_seconds_include_building(monkeypatch):
    times = iter(range(0, 1000, 10))
    monkeypatch.setattr(proxy.time, "perf_counter", lambda: float(next(times)))
    assert get_scorer("params", toy(), batch_size=2).score(distinct_cells(1)).seconds[0] >= 10


class Bare:
    """A space of names alone."""

    name, domains, input_shape = "bare", (), (1,)

    def canonical(self, architecture):
        return architecture


def test_a_space_without_networks_is_refused():
    with pytest.raises(InvalidInputError, match="builds none"):
        get_scorer("params", Bare())


def test_what_came_from_the_store_is_told_from_what_was_built(tmp_path):
    table = toy()
    first, *rest = table.architectures
    assert not get_scorer("params", table, batch_size=2, store=tmp_path).score([first]).stored.any()
    again = get_scorer("params", table, batch_size=2, store=tmp_path)
    assert again.score([rest[0], first, first, *rest]).stored.tolist() == [False, True, False, *[False] * len(rest)]
    assert again.score([rest[0], first]).stored.all()  # another search with it builds nothing
    assert not get_scorer("params", table, batch_size=2).score([first, first]).stored.any()
