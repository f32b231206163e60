"""Signals as attributes: computed once, and described by their docstring."""

import pytest
import torch

from zcbench.probe import Probe
from zcbench.probe._ledger import Ledger
from zcbench.probe._signal import Signal


class Owner(Ledger):
    def __init__(self):
        super().__init__(torch.device("cpu"))
        self.calls = 0

    def _as_given(self, *, ours):
        from contextlib import nullcontext

        return nullcontext()

    @Signal
    def answer(self):
        """What is asked for."""
        self.calls += 1
        return 42

    @Signal
    def broken(self):
        self.calls += 1
        raise ValueError("no")


def test_computed_once():
    owner = Owner()
    assert (owner.answer, owner.answer, owner.calls) == (42, 42, 1)


def test_failures_are_kept():
    owner = Owner()
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            _ = owner.broken
    assert owner.calls == 1


def test_of_the_class():
    assert repr(Owner.answer) == "<Signal answer: What is asked for.>"
    assert Probe.gradients.__doc__.startswith("Compute the gradient of the loss")
