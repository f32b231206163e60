"""A stranger's small space and supernet, made quickly, and a ranking whose numbers are made up."""

import math
from collections import Counter

import numpy as np
import torch
from torch import nn

from zcbench.metrics import Estimate
from zcbench.spaces import ChoiceSpace
from zcbench.supernets import RankedScorer, SubnetRanking, WeightSharing
from zcbench.supernets._ranking_statistics import Agreement
from zcbench.types import Graph


class Widths(ChoiceSpace):
    """Two hidden layers; the string is their widths, ``3-5``."""

    input_shape = (6,)

    def read(self, text):
        return tuple(text.split("-"))

    def write(self, choices):
        return "-".join(choices)

    def graph(self, architecture):
        return Graph(("input", *self.choices(architecture), "output"), ((0, 1), (1, 2), (2, 3)))

    def build(self, architecture, *, num_classes=3):
        a, b = map(int, self.choices(architecture))
        return nn.Sequential(
            nn.Linear(6, a), nn.BatchNorm1d(a), nn.ReLU(), nn.Linear(a, b), nn.ReLU(), nn.Linear(b, num_classes)
        )

    @property
    def largest(self):
        return self.from_choices([options[-1] for options in self.options])

    @property
    def smallest(self):
        return self.from_choices([options[0] for options in self.options])


SPACE = Widths("rank-widths", [[str(width) for width in (2, 3, 4, 5, 6, 8)]] * 2)


def data(seed=0, count=48):
    """Inputs ``(count, 6)`` and three classes that follow from them."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, 6, generator=generator)
    return inputs, (inputs[:, 0] > 0).long() + (inputs[:, 1] * inputs[:, 2] > 0).long()


def make(seed):
    """An untrained supernet."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return WeightSharing(
            SPACE, largest=SPACE.largest, smallest=SPACE.smallest, calibration=[data()[0]], held_out=data(1)
        )


def truth(count=16, seeds=3):
    """Losses by seed of some subnets: larger ones are better, with noise."""
    rng = np.random.default_rng(5)
    keys = [one.key for one in SPACE]
    chosen = [keys[k] for k in rng.permutation(len(keys))[:count]]
    return {key: list(3 - 0.05 * sum(map(int, key.split("-"))) + 0.05 * rng.random(seeds)) for key in chosen}


NOTHING = Estimate(math.nan, math.nan, math.nan, 0)


def row(name, kind="proxy", tau=0.5, over=(0.0, -0.1, 0.1), weights="", failures=0, all_in=10.0, same_as="", n=4):
    """A row."""
    found = Agreement(
        Estimate(tau, *((tau - 0.1, tau + 0.1) if n > 3 else (math.nan, math.nan)), n), Estimate(tau, tau, tau, n),
        Estimate(tau / 2, 0.0, 1.0, 2), (tau, tau), 0.01, Estimate(*over, n), 0.9,
    )  # fmt: skip
    statuses = Counter({"ok": 8 - failures, "failed": failures})
    found = None if failures == 8 else found
    return RankedScorer(name, kind, weights, found, 2, statuses, "why", 0.05, all_in - 0.2, all_in, same_as)


def ranking(**changed):
    """Seven scorers of four subnets."""
    scorers = (
        row("one stand-alone training", "training", 0.8, (0.1, 0.05, 0.2), all_in=100.0),
        row("inherited(naswot)", "proxy on inherited weights", 0.7, (0.05, 0.01, 0.1), "sandwich", 2, all_in=30.0),
        row("params", tau=0.65, over=(0.0, 0.0, 0.0), all_in=0.5),
        row("sandwich loss", "inherited", 0.6, weights="sandwich", all_in=28.0),
        row("naswot", tau=-0.2, over=(-0.85, -1.0, -0.4), all_in=2.0),
        row("inherited(params)", "proxy on inherited weights", 0.65, weights="sandwich", same_as="params"),
        row("head_confidence", failures=8),
    )
    plan = {"draws": 5, "few": ("ntk_cond",), "few_subnets": 40, "quick": False, "subnet_steps": 10}
    settings = {
        "folder": "here", "space": "elastic-mobilenet", "target": "test_nll", "subnets": ("a", "b", "c", "d|e"),
        "trainings": 4, "ceiling": Estimate(0.73, 0.7, 0.76, 4), "half_ceiling": Estimate(0.5, 0.4, 0.6, 2),
        "scorers": scorers, "plan": plan, "left_out": 1,
        "shown": {"truth": [1.0, 2.0, 3.0, 4.0], "label": "sandwich", "rows": [0, 1, 3], "scores": [1.0, 3.0, 2.0]},
    }  # fmt: skip
    return SubnetRanking(**{**settings, **changed})
