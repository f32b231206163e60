"""The networks that contracts run on."""

import torch

from zcbench.testing._zoo import oddities, specimens


def test_the_zoo_is_fresh_and_the_same_every_time():
    rng = torch.get_rng_state()
    for specimen in specimens():
        a, b = specimen.make(), specimen.make()
        assert a is not b
        assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))
        assert len(specimen.batch) == len(specimen.batch.targets)
    assert len({name for name, _, _ in oddities()}) == len(list(oddities()))
    assert torch.equal(rng, torch.get_rng_state())
