"""Settings and random states: what is changed is named and put back; nothing is named that was not."""

import random

import numpy as np
import pytest
import torch
from vandals import VANDALS

from zcbench.probe import _world
from zcbench.probe._world import RandomStates, Seeded, Settings
from zcbench.testing._world import differs, world

#: those that change settings of the process, and need no probe
ALONE = [
    *("grad_mode", "inference_mode", "default_dtype", "default_device", "autocast", "anomaly_mode", "deterministic"),
    *("precision", "threads", "flush", "numpy_errors", "cudnn", "onednn", "attention", "function_mode", "global_hook"),
    *("saved_hooks", "open_transform"),
]


@pytest.mark.parametrize("name", ALONE)
def test_settings(name):
    before, settings = world(), Settings()
    assert not settings.changed()
    assert settings.restore() == []
    VANDALS[name][0](None)
    assert settings.changed()
    assert VANDALS[name][1] in settings.restore()
    assert not settings.changed()
    assert settings.restore() == []
    assert not differs(before, world())


def test_every_setting_can_be_read_and_set():
    for name, get, put in _world._SETTINGS:
        value = get()
        if name != "inference mode":
            put(value)
        assert get() == value, name


def test_flushing_is_told_by_what_it_does():
    settings = Settings()
    torch.set_flush_denormal(True)
    assert float(torch.tensor(1e-310, dtype=torch.float64) * 1) == 0
    assert settings.restore() == ["flushing of small numbers to zero"]
    assert float(torch.tensor(1e-310, dtype=torch.float64) * 1) != 0


DRAWS = {
    "torch": lambda: torch.rand(1),
    "numpy": lambda: np.random.rand(),
    "numpy, by pairs": lambda: np.random.randn(),
    "python": lambda: random.random(),
    "python, by pairs": lambda: random.gauss(0, 1),
    "python's own seed": lambda: random.seed(3),
    "numpy's own seed": lambda: np.random.seed(3),
}


@pytest.mark.parametrize("draw", DRAWS)
def test_random_states(draw):
    before = RandomStates()
    seeded = Seeded(5)
    assert not seeded.changed()
    first = (torch.rand(1).item(), np.random.rand(), random.random())
    seeded.restore()
    DRAWS[draw]()
    assert seeded.changed()
    assert seeded.others_changed() == (draw != "torch")
    seeded.restore()
    assert not seeded.changed()
    assert (torch.rand(1).item(), np.random.rand(), random.random()) == first
    before.restore()


def test_random_states_come_back_bit_for_bit():
    before, state = world(), RandomStates()
    for draw in DRAWS.values():
        draw()
    state.restore()
    assert not differs(before, world())


def test_without_peeking(monkeypatch):
    monkeypatch.setattr(_world, "_PEEKS", False)
    state, seeded = RandomStates(), Seeded(1)
    assert not seeded.changed()
    random.random()
    assert seeded.changed()
    state.restore()


def newest():
    return [torch._C._get_fp32_precision_getter(*one) for one in _world._PRECISIONS]


@pytest.mark.skipif(not _world._OWN_PRECISIONS, reason="torch before 2.9")
@pytest.mark.parametrize("way", ["older", "newer", "mixed"])
def test_float32_is_float32_while_a_probe_is_open(way):
    """With whichever settings of torch it was said otherwise; the newer ones make the older ones raise."""
    from zcbench.probe import Probe
    from zcbench.types import Batch

    before = Settings()
    try:
        if way == "older":
            torch.set_float32_matmul_precision("medium")
        else:
            torch.backends.cuda.matmul.fp32_precision = "tf32"
            torch.backends.mkldnn.conv.fp32_precision = "bf16"
        if way == "mixed":
            torch.backends.cudnn.conv.fp32_precision = "ieee"
        asked, settings = newest(), Settings()
        assert {"tf32", "bf16"} & set(asked)
        with Probe(torch.nn.Linear(3, 2), Batch(torch.randn(4, 3), torch.arange(4) % 2)) as probe:
            assert not {"tf32", "bf16"} & set(newest())
            _ = probe.gradients
            assert probe.put_back() == {}
        assert newest() == asked
        assert not settings.changed()
    finally:
        before.restore()
