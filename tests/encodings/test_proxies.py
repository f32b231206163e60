"""Scores of proxies as features: the same as those of score."""

import numpy as np
import pytest
import torch

import zcbench
from zcbench.encodings import Feed, ProxyEncoding, get_encoding
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.types import Architecture

SPACE = zcbench.get_space("digits-201")
KEY = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_1x1~2|"


def test_proxies_are_those_of_score():
    from zcbench._process import stable_seed
    from zcbench.encodings.proxies import stand_in

    architecture = SPACE.parse(KEY)
    row = get_encoding("proxies(params+synflow+naswot)").rows([architecture])[0]
    batch = stand_in(SPACE)
    seed = stable_seed("network", "digits-201", KEY, 0)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = SPACE.build(architecture)
    scores = zcbench.score(network, batch.inputs, batch.targets, ["params", "synflow", "naswot"], seed=seed)
    assert row.tolist() == [float(score) for score in scores.values()]
    assert batch.inputs.shape == (32, 1, 32, 32)


def test_proxies_that_were_measured_elsewhere():
    unfed = ProxyEncoding(["params", "naswot"])
    architectures = [SPACE.parse(KEY)]
    encoding = unfed.fed([Feed(architectures, scores={"params": [7.0], "naswot": [np.nan], "more": [1.0]})])
    assert np.array_equal(encoding.rows(architectures)[0], [7.0, np.nan], equal_nan=True)
    assert (unfed.from_table, encoding.from_table) == (False, True)
    with pytest.raises(UnknownNameError, match="unknown score 'naswot'"):
        unfed.fed([Feed(architectures, scores={"params": [7.0]})])
    with pytest.raises(InvalidInputError, match="one number of params for each architecture"):
        unfed.fed([Feed(architectures, scores={"params": [7.0, 8.0], "naswot": [1.0]})])
    of_a_paper = unfed.fed([Feed(architectures, {"naswot": [2.0]}, scores={"params": [7.0]})])
    assert of_a_paper.rows(architectures)[0].tolist() == [7.0, 2.0]
    assert encoding.members == ("params", "naswot")
    assert get_encoding("onehot+proxies(params)+proxies(params+snip)").needs.proxies == ("params", "snip")


def test_a_network_that_cannot_be_built_has_gaps():
    row = ProxyEncoding(["params"], space=zcbench.get_space("table")).rows([Architecture("table", "x")])[0]
    assert np.isnan(row).all()
