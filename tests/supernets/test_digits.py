"""The digits for supernets: parts, shifts, and a supernet that follows from its seed."""

import pytest
import torch

from zcbench.errors import InvalidInputError
from zcbench.supernets import digits_parts, digits_supernet, shifted


def test_parts_do_not_overlap_and_are_of_known_sizes():
    parts = digits_parts()
    assert {name: len(images) for name, (images, _) in parts.items()} == {"train": 500, "valid": 297, "test": 1000}
    assert parts["train"][0].shape[1:] == (1, 8, 8) and parts["train"][1].dtype == torch.int64


def test_an_image_is_moved_by_a_pixel_at_most():
    images = torch.arange(2 * 3 * 4 * 5, dtype=torch.float32).reshape(2, 3, 4, 5).repeat(40, 1, 1, 1) + 1
    moved = shifted(images, torch.Generator().manual_seed(0))
    background, seen = 1.0, set()
    for one, other in zip(images, moved, strict=True):
        fits = []
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                expected = torch.full_like(one, background)
                for y in range(4):
                    for x in range(5):
                        if 0 <= y - down < 4 and 0 <= x - right < 5:
                            expected[:, y, x] = one[:, y - down, x - right]
                if torch.equal(expected, other):
                    fits.append((down, right))
        assert len(fits) == 1
        seen.update(fits)
    assert len(seen) == 9
    assert torch.equal(moved, shifted(images, torch.Generator().manual_seed(0)))


def test_the_supernet_follows_from_its_seed_and_leaves_random_numbers():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one, same, other = digits_supernet(1), digits_supernet(1), digits_supernet(2)
    assert torch.equal(torch.random.get_rng_state(), before)
    weights = [torch.cat([p.flatten() for p in net.parameters()]) for net in (one, same, other)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])
    assert set(one.evaluate(one.smallest)) == {"accuracy", "nll"}
    with pytest.raises(InvalidInputError, match="seed"):
        digits_supernet(-1)


def test_spaces_by_name():
    net = digits_supernet(3, "elastic-transformer")
    assert net.space.name == "elastic-transformer" and set(net.evaluate(net.smallest)) == {"accuracy", "nll"}
    with pytest.raises(InvalidInputError, match="no largest"):
        digits_supernet(0, "digits-201")
