"""What has to stay as it was is noticed when it changes."""

import random

import numpy as np
import pytest
import torch

from zcbench.testing._world import differs, world

CHANGES = {
    "torch": lambda: torch.rand(1),
    "numpy": lambda: np.random.rand(),
    "python": random.random,
    "default type": lambda: torch.set_default_dtype(torch.float64),
    "precision": lambda: torch.set_float32_matmul_precision("medium"),
    "cudnn": lambda: setattr(torch.backends.cudnn, "benchmark", not torch.backends.cudnn.benchmark),
    "anomalies": lambda: torch.autograd.set_detect_anomaly(True),
    "gradients": lambda: torch.set_grad_enabled(False),
}


@pytest.fixture(autouse=True)
def as_it_was():
    benchmark = torch.backends.cudnn.benchmark
    yield
    torch.set_default_dtype(torch.float32)
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.benchmark = benchmark
    torch.autograd.set_detect_anomaly(False)
    torch.set_grad_enabled(True)


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_noticed(change):
    before = world()
    assert not differs(before, world())
    CHANGES[change]()
    assert differs(before, world())


def test_a_hook_on_all_modules_is_noticed():
    before = world()
    hook = torch.nn.modules.module.register_module_forward_hook(lambda *_: None)
    assert differs(before, world())
    hook.remove()
    assert not differs(before, world())


def test_nan_equals_nan_and_shapes_count():
    nan = torch.tensor([float("nan"), 1.0])
    assert not differs({"a": (nan, 1)}, {"a": (nan.clone(), 1)})
    assert differs(nan, torch.tensor([0.0, 1.0]))
    assert differs(torch.zeros(2), torch.zeros(2, 1))
    assert differs(np.zeros(2), np.ones(2))
    assert differs({"a": 1}, {"b": 1})
    assert differs((1,), (1, 2))
