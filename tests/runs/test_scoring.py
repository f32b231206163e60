"""One architecture: whatever goes wrong is a score, and the same seed gives the same one."""

import math

import pytest
import torch
from torch import nn
from toys import toy

from zcbench import _imports
from zcbench.batches import get_batch
from zcbench.errors import UnsupportedModelError
from zcbench.runs._scoring import NetworkScoring
from zcbench.spaces import get_space

KEY, OTHER = (a.key for a in toy().architectures[:2])


@pytest.fixture
def job():
    return NetworkScoring("digits-201", 10, get_batch("digits", 8, 0), 0)


def scores(job, proxies, key=KEY):
    return dict(job.results(key, proxies))


def test_seed_and_architecture_decide(job, plugin):
    names = ["t-count", "random"]
    first, again = (scores(job, names) for _ in range(2))
    assert {n: s.value for n, s in first.items()} == {n: s.value for n, s in again.items()}
    other_seed = scores(NetworkScoring(job.space, job.classes, job.batch, 1), names)
    other_network = scores(job, names, OTHER)
    for name in names:
        assert len({s[name].value for s in (first, other_seed, other_network)}) == 3


def test_company_order_and_global_state_do_not_matter(job, plugin):
    alone = scores(job, ["t-count"])["t-count"].value
    torch.manual_seed(99)
    state = torch.get_rng_state()
    together = scores(job, ["grad_norm", "random", "t-raises", "t-count"])
    assert together["t-count"].value == alone
    assert list(together) == ["grad_norm", "random", "t-raises", "t-count"]
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("proxy", "status", "detail"),
    [
        ("t-raises", "failed", "RuntimeError: no luck \\udc80"),
        ("t-none", "failed", "TypeError"),
        ("t-nan", "non-finite", "the formula gave nan."),
        ("t-inf", "non-finite", "the formula gave -inf."),
        ("t-tensors", "failed", ""),
        ("t-tensor", "ok", ""),
    ],
)
def test_what_proxies_do(job, plugin, proxy, status, detail):
    score = scores(job, [proxy, "params"])[proxy]
    assert score.status == status
    assert score.detail.startswith(detail)
    assert "\n" not in score.detail
    assert (score.value is None) == (status != "ok")
    assert score.seconds >= 0


def space_that(build, monkeypatch):
    class Space(type(get_space("digits-201"))):
        pass

    Space.build = staticmethod(build)
    monkeypatch.setattr(_imports, "get_space", lambda name: Space(name))


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("two\nlines"), "failed"),
        (UnsupportedModelError("too odd"), "unsupported"),
        (SystemExit("bye"), "failed"),
        (KeyboardInterrupt("not yours"), "failed"),
        (GeneratorExit("gone"), "failed"),
    ],
)
def test_a_network_that_cannot_be_built(job, monkeypatch, error, status):
    def build(architecture, *, num_classes):
        raise error

    space_that(build, monkeypatch)
    found = scores(job, ["params", "snip"])
    assert [s.status for s in found.values()] == [status] * 2
    first_line = str(error).splitlines()[0]
    assert found["snip"].detail == f"the network cannot be built: {type(error).__name__}: {first_line}"


def test_a_network_that_is_none(job, monkeypatch):
    space_that(lambda architecture, *, num_classes: None, monkeypatch)
    found = scores(job, ["params", "snip"])
    assert [s.status for s in found.values()] == ["failed"] * 2
    assert found["params"].detail.startswith("the network cannot be measured: InvalidInputError: the model is a None")


class Hostile(nn.Linear):
    """A network that cannot be looked at."""

    def __init__(self):
        super().__init__(64, 10)

    def named_modules(self, *args, **kwargs):
        raise SystemExit(3)

    modules = named_modules


def test_a_network_that_cannot_be_looked_at(job, monkeypatch):
    space_that(lambda architecture, *, num_classes: Hostile(), monkeypatch)
    found = scores(job, ["params", "snip"])
    assert {s.detail for s in found.values()} == {"the network cannot be measured: SystemExit: 3"}


def test_what_is_begun_is_said(job, plugin):
    said = []
    names = ["random:repeats=2", "t-raises", "params"]
    list(job.results(KEY, names, said.append))
    first, *parts = said
    assert first == ""
    assert sorted(set(parts)) == sorted(names)
    assert parts.count("random:repeats=2") >= 2  # before each initialisation


def test_a_network_that_cannot_run(job, monkeypatch):
    space_that(lambda architecture, *, num_classes: nn.Linear(3, num_classes), monkeypatch)
    found = scores(job, ["params", "grad_norm"])
    assert found["params"].value == 40
    assert found["grad_norm"].status == "failed"
    assert found["grad_norm"].detail.startswith("RuntimeError: ")


def test_the_batch_is_the_one_asked_for(job):
    small = scores(job, ["grad_norm"])
    large = scores(NetworkScoring(job.space, job.classes, get_batch("digits", 16, 0), 0), ["grad_norm"])
    assert small["grad_norm"].value != large["grad_norm"].value
    assert math.isfinite(float(large["grad_norm"]))


BROKEN = """
import os, zcbench

@zcbench.register_proxy("t-first", cost="static")
def first(probe): return float(os.getpid())

@zcbench.register_proxy("t-second", cost="static")
def second(probe): raise RuntimeError("CUDA error: device-side assert triggered")

@zcbench.register_proxy("t-third", cost="static")
def third(probe): return float(os.getpid())
"""


def test_a_process_whose_gpu_refuses_everything_is_replaced(tmp_path):
    """Such an error costs the score that raised it, and nothing that was or is still to be computed."""
    from zcbench._workers import in_parallel

    path = tmp_path / "broken.py"
    path.write_text(BROKEN)
    work = NetworkScoring("digits-201", 10, get_batch("digits", 8, 0), 0, imports=(str(path),))
    names = ("t-first", "t-second", "t-third")
    found = [(part, score) for _, part, score in in_parallel(work, [(KEY, names)], 1)]
    assert [part for part, _ in found] == list(names)
    scores = dict(found)
    assert (scores["t-second"].status, "device-side assert" in scores["t-second"].detail) == ("failed", True)
    assert scores["t-first"].value != scores["t-third"].value
