"""Which proxy to believe, by results on benchmarks."""

import math

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from zcbench.comparison._published import TRAINING, Published, believed, fitting, published
from zcbench.proxies import get_proxy
from zcbench.spaces import list_spaces


def of(name, domain, taus, inputs="images", truth=TRAINING):
    return Published(name, "acc", (domain,), inputs, truth, taus)


KNOWN = [
    of("a", "convolutional", {"params": 0.5, "snip": 0.6, "meco": 0.9}),
    of("b", "convolutional", {"params": 0.3, "snip": 0.45}),
    of("c", "convolutional", {"params": 0.1, "snip": 0.22, "zen": 0.3}),
    of("d", "convolutional", {"params": 0.9, "snip": 0.9}, truth="a surrogate's prediction"),
    of("e", "transformer", {"params": 0.2}, inputs="texts"),
    of("f", "transformer", {"params": -0.3}, truth="inherited weights"),
]


def test_benchmarks_of_the_kind_and_the_inputs():
    assert [one.name for one in fitting(["convolutional"], "images", KNOWN)[0]] == ["a", "b", "c"]
    assert [one.name for one in fitting(["transformer"], "texts", KNOWN)[0]] == ["e"]
    found, caveat = fitting(["transformer"], "images", KNOWN)
    assert [one.name for one in found] == ["f"]
    assert caveat == "The ground truth of these benchmarks is inherited weights, not the training of each network."
    found, caveat = fitting(["convolutional"], "texts", KNOWN)
    assert [one.name for one in found] == ["a", "b", "c"]
    assert caveat == "The networks of these benchmarks read images; there is none of texts."
    assert fitting(["recurrent"], "texts", KNOWN) == ([], "")
    assert fitting([], "images", KNOWN) == ([], "")


def test_means_and_advantages():
    belief = believed(["convolutional"], "images", ["params", "snip"], KNOWN)
    assert belief.benchmarks == ("a", "b", "c")
    assert belief.candidates == ("snip", "params")
    assert belief.best.mean == pytest.approx(np.mean([0.6, 0.45, 0.22]))
    assert belief.best.over_params == pytest.approx(np.mean([0.1, 0.15, 0.12]))
    assert belief.beyond == ""


def test_what_was_measured_on_few_is_no_candidate():
    belief = believed(["convolutional"], "images", ["meco", "params"], KNOWN)
    assert belief.candidates == ("params",)
    assert belief.few == ("meco",)
    assert belief.beyond == "snip"


def test_what_cannot_be_distinguished():
    """By a paired t-test over benchmarks."""
    rng = np.random.default_rng(0)
    for shift, sure in ((0.3, True), (0.0, False)):
        best = rng.normal(0.5, 0.2, 8)
        other = best - shift - 0.01 + 0.05 * np.tile([1.0, -1.0], 4)
        known = [
            of(f"b{k}", "convolutional", {"snip": x, "zen": y})
            for k, (x, y) in enumerate(zip(best, other, strict=True))
        ]
        belief = believed(["convolutional"], "images", ["snip", "zen"], known)
        first, second = belief.candidates
        taus = {"snip": best, "zen": other}
        test = ttest_1samp(taus[second] - taus[first], 0)
        assert (test.pvalue < 0.05) == sure
        assert belief.alike == (() if sure else (second,))


def test_one_benchmark_distinguishes_nothing():
    belief = believed(["transformer"], "texts", ["params", "snip"], [*KNOWN, of("g", "recurrent", {})])
    assert belief.candidates == ("params",)
    known = [of("a", "recurrent", {"params": 0.1, "snip": 0.9})]
    assert believed(["recurrent"], "images", ["params", "snip"], known).alike == ("params",)


def test_nothing_fits():
    belief = believed([], "", ["params"], KNOWN)
    assert (belief.benchmarks, belief.best, belief.standings) == ((), None, {})


def test_the_file():
    found = published()
    assert len(found) == 15
    assert {one.inputs for one in found} == {"images", "texts"}
    for one in found:
        assert set(one.domains) <= {"convolutional", "transformer", "recurrent"}
        assert "params" in one.taus
        assert all(-1 <= tau <= 1 and math.isfinite(tau) for tau in one.taus.values())
        assert [get_proxy(label).label for label in one.taus] == list(one.taus)  # as proxies call themselves
    assert {one.name for one in found} & {"nasbench201", "flexibert"}
    assert list_spaces()
