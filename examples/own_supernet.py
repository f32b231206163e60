"""A supernet of your own network, in one file.

    python examples/own_supernet.py

It needs a search space, whose architectures are a few choices written as a text, and a function that builds the network
of an architecture. Networks of all sizes have modules of the same names: smaller ones use the first entries of the
largest network's weights, and shallower ones its first blocks. The library provides everything else, from training to
exports.
"""

import torch
from torch import nn

import zcbench
from zcbench import supernets
from zcbench.spaces import ChoiceSpace
from zcbench.testing import check_supernet


class Sizes(ChoiceSpace):
    """Width, width inside blocks, and depth; an architecture is written ``16-64-2``."""

    def read(self, text: str) -> tuple[str, ...]:
        """Return the choices in a text."""
        return tuple(text.split("-"))

    def write(self, choices: "tuple[str, ...]") -> str:
        """Return the text of choices."""
        return "-".join(choices)


space = Sizes("sizes", [("8", "16", "32"), ("16", "32", "64"), ("1", "2", "3")])
smallest, largest = (space.from_choices([options[place] for options in space.options]) for place in (0, -1))


class Block(nn.Module):
    """A residual block, which does not depend on zcbench."""

    def __init__(self, width: int, inside: int) -> None:
        super().__init__()
        self.into, self.norm, self.out = nn.Linear(width, inside), nn.BatchNorm1d(inside), nn.Linear(inside, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add the block's output to its input."""
        found: torch.Tensor = x + self.out(self.norm(self.into(x)).relu())
        return found


def build(architecture: zcbench.Architecture) -> nn.Module:
    """Return a new network of an architecture."""
    width, inside, depth = map(int, space.choices(architecture))
    blocks = nn.Sequential(*(Block(width, inside) for _ in range(depth)))
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), blocks, nn.Linear(width, 10))


def main() -> None:
    """Check, train, search, and extract."""
    parts = supernets.digits_parts()
    torch.manual_seed(0)
    net = supernets.WeightSharing(
        space, build, largest=largest, smallest=smallest, calibration=[parts["train"][0][:250]], held_out=parts["valid"]
    )
    report = check_supernet(net, parts["train"][0][:8])  # reports errors of your supernet at once
    print(report)
    for _ in supernets.Training(net, *parts["train"], steps=200).run():
        ...
    found = zcbench.search(net, objectives="accuracy", constraints="params<=5000", budget=12)
    print(found)
    assert found.best is not None
    network = net.subnet(found.best.architecture)
    print(f"test accuracy {supernets.measured(network, *parts['test'])['accuracy']:.1%}")


if __name__ == "__main__":
    main()
