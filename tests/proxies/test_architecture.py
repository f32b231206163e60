"""An architecture's scores follow from it and the seed, and whatever goes wrong is a score."""

import torch
from networks import images
from toys import registry_as_it_was

import zcbench
from zcbench._process import stable_seed
from zcbench.errors import UnsupportedModelError
from zcbench.proxies._architecture import score_architecture
from zcbench.types import Architecture, Batch

ONE, TWO = Architecture("t-space", "one"), Architecture("t-space", "two")
BATCH = Batch(*images())


class Space:
    """Every architecture is the same network with weights of its own."""

    def build(self, architecture, *, num_classes=10):
        return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten(), torch.nn.Linear(144, num_classes))


def scores(architecture=ONE, space=Space, proxies=("params", "snip", "random"), **options):
    return dict(score_architecture(space, architecture, proxies, BATCH, classes=5, **options))


def test_weights_and_random_numbers_follow_from_architecture_and_seed():
    state = torch.get_rng_state()
    first = scores()
    torch.manual_seed(99)
    again = scores()
    for other in (scores(TWO), scores(seed=1)):
        assert other["params"].value == first["params"].value
        assert other["snip"].value != first["snip"].value
        assert other["random"].value != first["random"].value
    assert {name: s.value for name, s in again.items()} == {name: s.value for name, s in first.items()}
    torch.set_rng_state(state)
    scores()
    assert torch.equal(torch.get_rng_state(), state)


def test_it_is_score_on_the_network_that_the_seed_draws():
    seed = stable_seed("network", "t-space", "one", 7)
    torch.manual_seed(seed)
    network = Space().build(ONE, num_classes=5)
    expected = zcbench.score(network, BATCH.inputs, BATCH.targets, ["snip", "random"], seed=seed)
    found = scores(proxies=("snip", "random"), seed=7)
    assert {name: s.value for name, s in found.items()} == {name: s.value for name, s in expected.items()}


def test_what_cannot_be_built_or_measured_is_a_score_for_every_proxy():
    def space_that(raises):
        class Broken(Space):
            def build(self, architecture, *, num_classes=10):
                if isinstance(raises, Exception):
                    raise raises
                return raises

        return Broken

    for given, status, reason in (
        (RuntimeError("no luck"), "failed", "the network cannot be built: RuntimeError: no luck"),
        (UnsupportedModelError("too large."), "unsupported", "the network cannot be built: "),
        (None, "failed", "the network cannot be measured: "),
    ):
        found = scores(space=space_that(given))
        assert list(found) == ["params", "snip", "random"]
        for score in found.values():
            assert (score.value, str(score.status)) == (None, status)
            assert reason in score.detail

    def gone():
        raise KeyError("t-space")

    assert all("cannot be built: KeyError" in score.detail for score in scores(space=gone).values())


def test_it_is_told_what_begins_and_a_proxy_that_raises_costs_its_own_score():
    begun = []
    with registry_as_it_was():

        @zcbench.register_proxy("t-raises", cost="static")
        def raises(probe):
            raise RuntimeError("no luck")

        found = scores(proxies=("t-raises", "params"), begin=begun.append)
    assert begun[0] == ""
    assert {"t-raises", "params"} <= set(begun)
    assert found["t-raises"].status == "failed"
    assert found["params"].value == sum(p.numel() for p in Space().build(ONE, num_classes=5).parameters())


def test_training_data_are_those_of_who_asks():
    other = Batch(*images(seed=5))
    mine, theirs = (scores(proxies=("snip:steps=2",), training_data=data) for data in (BATCH, other))
    assert scores(proxies=("snip:steps=2",))["snip:steps=2"].value == mine["snip:steps=2"].value
    assert mine["snip:steps=2"].value != theirs["snip:steps=2"].value
