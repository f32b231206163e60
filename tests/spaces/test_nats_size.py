"""Networks of NATS-Bench's size space against the authors' records."""

import pytest
import torch
from published import count, macs

from zcbench.errors import InvalidArchitectureError
from zcbench.spaces import get_space


@pytest.mark.parametrize(
    ("text", "classes", "params", "flops"),
    [
        ("8:8:8:8:8", 10, 11_714, 4.481114),
        ("8:8:8:16:32", 100, 52_172, 6.84362),
        ("8:8:40:32:40", 10, 144_834, 21.827994),
    ],
)
def test_nats_size(text, classes, params, flops):
    """As the authors' records (nats_fixtures) give them; their FLOPs count the classifier's biases too."""
    space = get_space("nats-size")
    network = space.build(space.parse(text), num_classes=classes)
    assert count(network) == params
    assert macs(network, torch.zeros(1, 3, 32, 32)) + classes == round(flops * 1e6)


def test_lists_and_the_authors_configuration():
    space = get_space("nats-size")
    assert space.parse((8, 16, 24, 32, 64)).key == "8:16:24:32:64"
    assert space.parse({"channels": "8:16:24:32:64", "name": "infer.shape.tiny"}).key == "8:16:24:32:64"
    with pytest.raises(InvalidArchitectureError):
        space.parse((8, 16, 24, 32, 65))
