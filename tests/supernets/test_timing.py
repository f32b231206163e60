"""Processes that measure: what runs in them, and how often."""

import os
import pickle
import time

import numpy as np
import pytest
import torch
from torch import nn

from zcbench.errors import InvalidInputError
from zcbench.supernets import latency
from zcbench.supernets._timing import Measuring, Plan, Round, warmed


def test_what_runs_in_a_process_of_its_own():
    """One call: how many threads, whether small numbers are zero, garbage collection, grad mode, which process."""
    here = os.getpid()

    class Look(nn.Module):
        def forward(self, x):
            import gc

            found = (torch.get_num_threads(), float(torch.tensor(1e-39) * 1.0), gc.isenabled())
            raise ValueError(repr((*found, torch.is_grad_enabled(), os.getpid() == here, len(x))))

    with pytest.raises(InvalidInputError, match=r"ValueError: \(2, 0.0, False, False, False, 3\)"):
        latency(Look().eval(), torch.randn(4, 2), threads=2, batch=3, seconds=0.1, rounds=2, processes=1)


def test_the_number_of_inferences_follows_from_the_fastest():
    calls = []
    assert 1 <= warmed(lambda: (calls.append(0), time.sleep(0.01)), 0.1) <= 10
    assert len(calls) >= 5
    assert warmed(lambda: time.sleep(0.11), 0.01) == 1


def test_a_round_is_of_single_inferences_and_says_how_much_of_it_was_waiting():
    plan = Plan(batch=1, threads=1, rounds=2, processes=1, seconds=0.1, timeout=1.0)
    work = Measuring({"a": b""}, pickle.dumps(torch.randn(1, 2)), plan, ())
    work._calls["a"] = (lambda: time.sleep(0.005), "torch", 4)
    ((part, found),) = work.results("a", ("x",))
    assert part == "x" and isinstance(found, Round)
    assert found.times.shape == (4,) and np.all(found.times >= 5) and 0.3 < found.waited <= 1
