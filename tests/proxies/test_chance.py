"""The proxy that is drawn at random."""

from by_hand import value
from networks import Twice, convnet, images


def test_random_depends_on_the_seed_alone():
    draws = [value("random", m, images()[0], seed=s) for m, s in ((convnet(), 0), (Twice(), 0), (convnet(), 1))]
    assert draws[0] == draws[1] != draws[2]
    assert all(0 <= draw < 1 for draw in draws)
