"""Proxies on inherited weights: those of the subnet, never mixed with those of fresh weights, nothing changed."""

import copy

import numpy as np
import pytest
import torch
from elastic import SPACE, supernet

import zcbench
from zcbench._process import stable_seed
from zcbench.errors import InvalidInputError
from zcbench.scorers import get_scorer
from zcbench.scorers.inherited import weights_digest
from zcbench.types import Batch


@pytest.fixture(scope="module")
def net():
    return supernet()


@pytest.fixture(scope="module")
def batch():
    generator = torch.Generator().manual_seed(1)
    return Batch(torch.randn(8, 1, 8, 8, generator=generator), torch.arange(8) % 3)


def some(count):
    rng = np.random.default_rng(0)
    return [SPACE.sample(rng) for _ in range(count)]


@pytest.mark.parametrize("name", ["naswot", "grad_norm", "zen", "flops", "lga:steps=1"])
def test_values_are_those_of_the_subnet(net, batch, name):
    chosen = [*some(2), SPACE.smallest]
    before = copy.deepcopy(net.state_dict())
    scorer = get_scorer(f"inherited({name})", net, data=batch, seed=3)
    found = scorer.score(chosen)
    for place, one in enumerate(chosen):
        subnet = net.subnet(one)
        seed = stable_seed("network", SPACE.name, one.key, 3)
        wanted = zcbench.score(subnet, batch.inputs, batch.targets, [name], seed=seed)[name]
        assert found.values[place] == wanted.value
    assert (found.seconds > 0).all() and scorer.higher_is_better
    after = net.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[key], after[key]) for key in before)


def test_inherited_and_fresh_weights_score_otherwise(net, batch):
    chosen = some(3)
    fresh = get_scorer("grad_norm", net, data=batch)
    inherited = get_scorer("inherited(grad_norm)", net, data=batch)
    assert not np.isclose(fresh.score(chosen).values, inherited.score(chosen).values).any()
    same = get_scorer("inherited(params)", net, data=batch).score(chosen)
    assert np.array_equal(same.values, get_scorer("params", net, data=batch).score(chosen).values)


def test_no_store_and_no_ledger_mixes_them(net, batch, tmp_path):
    chosen = some(2)
    fresh = get_scorer("grad_norm", net, data=batch, store=tmp_path)
    values = fresh.score(chosen).values
    kept = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    inherited = get_scorer("inherited(grad_norm)", net, data=batch, store=tmp_path)
    assert not np.isclose(inherited.score(chosen).values, values).any()
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == kept
    other = supernet(1)
    again = get_scorer("inherited(grad_norm)", other, data=batch)
    assert len({fresh.identifier, inherited.identifier, again.identifier}) == 3
    assert inherited.identifier == get_scorer("inherited(grad_norm)", supernet(0), data=batch).identifier


def test_a_search_takes_it(net, batch):
    net.held_out = (batch.inputs, batch.targets)
    found = zcbench.search(
        net, objectives="-nll", scorer="inherited(snip)+params", role="warm-start:from=6+filter:from=3", budget=6,
        data=batch, searcher="evolution:population=3:sample=2",
    )  # fmt: skip
    assert len(found) == 6 and found.best is not None


class Plain:
    """A supernet that is no module and cuts nothing: two numbers make all weights."""

    space = SPACE

    def __init__(self, weight):
        self.weight = weight

    def subnet(self, architecture):
        network = SPACE.build(architecture)
        for value in network.parameters():
            torch.nn.init.constant_(value, self.weight)
        return network.eval()


def test_a_strangers_supernet(batch):
    found = get_scorer("inherited(l2_norm)", Plain(0.5), data=batch).score([SPACE.smallest])
    weights = [value for value in SPACE.build(SPACE.smallest).parameters() if value.ndim > 1]
    assert found.values[0] == pytest.approx(sum(0.5 * value.numel() ** 0.5 for value in weights))
    assert weights_digest(Plain(0.5)) == weights_digest(Plain(0.5)) != weights_digest(Plain(0.25))


def test_a_supernet_that_cannot_be_calibrated_costs_scores_alone(batch):
    bare = supernet()
    bare.calibration = []
    found = get_scorer("inherited(naswot)", bare, data=batch).score([SPACE.smallest])
    assert np.isnan(found.values).all() and "batch norms" in found.reasons[0]


def test_what_is_refused(net):
    with pytest.raises(InvalidInputError, match="subnets of a supernet"):
        get_scorer("inherited(naswot)", "elastic-mobilenet")
    with pytest.raises(InvalidInputError, match="remove repeats"):
        get_scorer("inherited(naswot:repeats=2)", net)
    with pytest.raises(InvalidInputError, match="but the search is in"):
        get_scorer("naswot", zcbench.get_space("digits-201"), supernet=net)
