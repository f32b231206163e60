"""Latency: what a network takes is what is given, failures are sentences, nothing of ours runs beside it."""

import os
import sys
import time

import numpy as np
import pytest
import torch
from torch import nn

from zcbench.errors import InvalidInputError, MissingDependencyError
from zcbench.supernets import Latency, latencies, latency
from zcbench.supernets._latency import _interval, _summary
from zcbench.supernets._timing import Plan, Round

QUICK = {"seconds": 0.06, "rounds": 2, "processes": 1}


def forward(function):
    """A network of one function, whose class travels by value."""

    class Network(nn.Module):
        def forward(self, x):
            return function(x)

    return Network().eval()


def sleeps(seconds):
    return forward(lambda x: time.sleep(seconds) or x)


def test_several_at_once_each_with_its_number_or_its_sentence():
    def dies(x):
        os._exit(3)

    def raises(x):
        raise ValueError("not\nnow")

    found = latencies(
        {"dies": forward(dies), "fast": sleeps(0.002), "slow": sleeps(0.02), "raises": forward(raises),
         "trains": nn.Linear(2, 2)},
        torch.randn(4, 2), **QUICK,
    )  # fmt: skip
    assert list(found) == ["dies", "fast", "slow", "raises", "trains"]
    assert found["dies"] == "the network ended its process: the worker process died with exit code 3."
    assert found["raises"] == "the network fails: ValueError: not"
    assert "is in training mode" in found["trains"]
    fast, slow = found["fast"], found["slow"]
    assert isinstance(fast, Latency) and isinstance(slow, Latency)
    assert fast.p10 >= 2 and slow.p10 >= 20  # what sleeps is never faster than it says
    for one in (fast, slow):
        assert one.p10 <= one.median <= one.p90 and one.low <= one.median <= one.high
        assert one.threads == one.batch == one.processes == 1 and one.repeats >= 1
        assert one.runtime == f"torch {torch.__version__}" and f"{os.cpu_count()} cores" in one.machine
        assert one.as_dict()["median"] == one.median and "ms" in str(one)
    assert fast.waited > 0.05 and "The machine was busy" in fast.note  # a process that sleeps has no core


@pytest.mark.slow
def test_one_that_never_ends_is_a_sentence_too():
    found = latencies(
        {"hangs": forward(lambda x: time.sleep(3600)), "fast": sleeps(0.002)}, torch.randn(4, 2), timeout=5, **QUICK
    )
    assert found["hangs"] == "the network was not done within 5 s: give a longer timeout."
    assert isinstance(found["fast"], Latency)


def test_onnx_files(tmp_path):
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])], "g",
        [helper.make_tensor_value_info("x", kind, ["n", 4])], [helper.make_tensor_value_info("y", kind, ["n", 4])],
    )  # fmt: skip
    path = tmp_path / "a.onnx"
    path.write_bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10).SerializeToString()
    )
    (tmp_path / "b.onnx").write_bytes(b"nothing")
    found = latencies({"a": path, "b": str(tmp_path / "b.onnx"), "c": tmp_path / "c.onnx"}, torch.randn(2, 4), **QUICK)
    assert found["a"].runtime.startswith("onnxruntime ") and found["a"].median > 0
    assert found["b"].startswith("the network fails: ")
    assert found["c"].endswith("c.onnx cannot be read: No such file or directory.")


def test_onnx_files_need_onnxruntime(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingDependencyError, match=r"zcbench\[onnx\]"):
        latency(tmp_path / "a.onnx", torch.randn(2, 4))


PLAN = Plan(batch=1, threads=1, rounds=4, processes=2, seconds=1.0, timeout=60.0)


def rounds(*pairs):
    return [Round(np.asarray(times, dtype=float), waited, "torch") for times, waited in pairs]


def test_only_the_rounds_that_waited_least_count():
    processes = [
        rounds(([9, 9, 9], 0.5), ([1, 2, 3], 0.0), ([4, 5, 6], 0.02), ([9, 9, 9], 0.9)),
        rounds(([7, 8, 9], 0.01), ([90], 0.4), ([10, 11, 12], 0.03), ([90], 0.5)),
    ]
    found = _summary(processes, PLAN, "here")
    values = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    assert found.repeats == 12 and found.median == np.median(values)
    assert (found.p10, found.p90) == tuple(np.quantile(values, (0.1, 0.9)))
    assert found.waited == pytest.approx(0.015) and "p90 is" in found.note
    assert found.low <= 3.5 and found.high >= 9.5  # the medians of both processes
    busy = _summary([rounds(([1], 0.5), ([2], 0.7))], PLAN, "here")
    assert busy.note == "The machine was busy: 50% of the time was spent waiting for a core."
    spread = _summary([rounds(([1, 2, 3, 4], 0.0), ([5], 0.01))], PLAN, "here")
    assert spread.note.startswith("Inferences differ much (p90 is 2.8 times p10)")
    several = _summary([rounds(([1], 0.5), ([2], 0.7))], Plan(1, 10**6, 2, 1, 1.0, 1.0), "here")
    assert several.waited is None and "1000000 threads for" in several.note


def test_the_interval_knows_that_rounds_are_not_independent_draws():
    """Rounds that differ as a whole: the interval is about that of so many numbers, not of all inferences."""
    rng = np.random.default_rng(0)
    covered = widths = 0
    for _ in range(60):
        middles = rng.normal(10, 1, size=15)
        low, high = _interval([middle + 0.01 * rng.normal(size=20) for middle in middles])
        covered += low <= 10 <= high
        widths += high - low
    assert covered >= 50  # 95 % of 60 are 57; 3.4 standard deviations less
    assert 0.5 < widths / 60 < 2.5


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"batch": 5}, "there are 4 samples for a batch of 5"),
        ({"threads": 0}, "threads 0"),
        ({"rounds": 1}, "rounds 1"),
        ({"seconds": 0}, "seconds 0"),
        ({"timeout": -1}, "a timeout of -1 seconds"),
        ({"network": 3}, "the network is 3: give a torch.nn.Module or an .onnx file"),
        ({"network": "a.pt"}, "a.pt is not an .onnx file"),
        ({"network": nn.Linear(2, 2)}, "training mode"),
        ({"inputs": 3}, "without a tensor"),
    ],
)
def test_bad_input_is_a_sentence(changed, sentence):
    with pytest.raises(InvalidInputError, match=sentence):
        latency(**({"network": nn.Linear(2, 2).eval(), "inputs": torch.randn(4, 2)} | changed))


def test_a_network_that_cannot_travel_is_a_sentence():
    network = nn.Linear(2, 2).eval()
    network.lock = sys._getframe()
    with pytest.raises(InvalidInputError, match="cannot be sent to another process"):
        latency(network, torch.randn(4, 2))
