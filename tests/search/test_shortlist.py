"""Short lists: constraints, scores, diversity, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import zcbench
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.search import shortlist
from zcbench.supernets import WeightSharing

SPACE = zcbench.get_space("elastic-mobilenet")


def small(architecture):
    return -float(sum(sum(stage) for stage in SPACE.stages(architecture)))


def wide(architecture):
    return float(SPACE.stages(architecture)[0][1])


def test_constraints_hold_and_scores_are_those_of_the_chosen():
    found = shortlist(SPACE, 6, scorer=[small, wide], constraints=lambda one: one.key[:2] == "d2", keep=50)
    assert len(found) == 6 and found.drawn == 432 and found.scored == {"small": 432, "wide": 50}
    assert all(one.key.startswith("d2") for one in found)
    assert found.scores["small"].tolist() == [small(one) for one in found]
    assert found.scores["wide"].tolist() == [wide(one) for one in found]
    assert found.scores["wide"][0] == max(found.scores["wide"])


def test_scores_of_a_supernet_are_of_the_networks_that_it_builds():
    x, y = torch.randn(8, 1, 8, 8), torch.arange(8) % 3
    net = WeightSharing(
        SPACE,
        lambda one: SPACE.build(one, num_classes=3),
        largest=SPACE.largest,
        smallest=SPACE.smallest,
        calibration=[x],
        held_out=(x, y),
    )
    found = shortlist(net, 3, scorer="params,inherited(naswot)", constraints="params<=4000", candidates=20, keep=5)
    inherited = zcbench.get_scorer("inherited(naswot)", net).score(found.architectures)
    for one, params, naswot, expected in zip(found, *found.scores.values(), inherited.values, strict=True):
        assert params == sum(value.numel() for value in net.subnet(one).parameters()) <= 4000
        assert naswot == expected


def test_same_call_same_list_and_supernets_are_spaces():
    class Net:
        space = SPACE

        def subnet(self, architecture):
            raise AssertionError("nothing is cut out")

    asked = {"scorer": small, "candidates": 200, "seed": 3}
    assert shortlist(Net(), 5, **asked).architectures == shortlist(SPACE, 5, **asked).architectures


def test_diversity_spreads():
    def distance(weight):
        found = shortlist(SPACE, 8, scorer=small, diversity=weight, candidates=300)
        codes = np.array([SPACE.encode(one) for one in found])
        return np.abs(codes[:, None] - codes[None]).sum()

    assert distance(3.0) > 1.2 * distance(0.0)


def test_a_table_and_fewer_than_asked_for():
    found = shortlist("digits-201", 10, scorer="params", candidates=4)
    assert len(found) == 4 == found.drawn and "only 4" in found.notes[0]


def test_what_is_refused():
    with pytest.raises(InvalidInputError, match="k "):
        shortlist(SPACE, 0)
    with pytest.raises(InvalidInputError, match="twice"):
        shortlist(SPACE, 1, scorer=[small, small])
    with pytest.raises(InvalidInputError, match="needs a scorer"):
        shortlist(SPACE, 1, scorer=[])
    with pytest.raises(UnknownNameError):
        shortlist(SPACE, 1, scorer="paramz")
    with pytest.raises(InvalidInputError, match="allows nothing"):
        shortlist(SPACE, 1, scorer=small, constraints=lambda one: False)

    def broken(architecture):
        raise ValueError("no luck")

    with pytest.raises(InvalidInputError, match=r"no score for any of 1,296.*no luck"):
        shortlist(SPACE, 1, scorer=broken)
