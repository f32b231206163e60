"""The easy space: what its checks rely on."""

import numpy as np

from zcbench.testing import _easy_search as easy


def test_the_truth():
    every = list(easy.EasySpace())
    assert len(every) == 7_776
    assert len(easy.truth()) == 21 * 6**3 == len({easy.equal(one) for one in every})
    assert (np.diff(easy.truth()) <= 0).all()
    assert max(map(easy.quality, every)) == easy.truth()[0]
    for one in every[::97]:
        swapped = one.key.split(":")
        swapped[:2] = swapped[1::-1]
        other = easy.EasySpace().from_choices(swapped)
        assert easy.quality(one) == easy.quality(other)
        assert easy.quality(one, 3) == easy.quality(other, 3)


def test_curves_rise_to_the_truth_and_tell_more_and_more():
    some = easy.easy_domain().sample(np.random.default_rng(0), 100)
    whole = [easy.quality(one) for one in some]
    for one in some:
        curve = [easy.quality(one, k) for k in range(1, easy.EPOCHS + 1)]
        assert curve == sorted(curve)
        assert curve[-1] == easy.quality(one)
    told = [np.corrcoef(whole, [easy.quality(one, k) for one in some])[0, 1] for k in (1, 9)]
    assert 0.8 < told[0] < told[1]


def test_hints_know_a_little():
    some = easy.easy_domain().sample(np.random.default_rng(0), 200)
    whole = [easy.quality(one) for one in some]
    assert np.corrcoef(whole, easy.Hint("a", 0.5).good(some))[0, 1] > 0.9
    assert abs(np.corrcoef(whole, easy.Hint("b", 500.0).good(some))[0, 1]) < 0.3


def test_bounds():
    assert sum(easy.width(one) <= 95 for one in easy.EasySpace()) / 7_776 < 0.25
    assert 0.001 < sum(easy.width(one) <= 56 for one in easy.EasySpace()) / 7_776 < 0.02
    assert len(easy.scattered(60)) == len({easy.equal(one) for one in easy.scattered(60)}) == 60
