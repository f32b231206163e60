"""Small nouns keep their promises."""

import dataclasses
import math

import pytest
import torch

from zcbench.records import Trial
from zcbench.types import Architecture, Batch, Cost, ProxyInfo, Score, Status


def test_architecture():
    a, b = Architecture("s", "x"), Architecture("s", "y")
    assert a == Architecture("s", "x") != Architecture("t", "x")
    assert len({a, b, Architecture("s", "x")}) == 2
    assert a < b
    assert str(a) == "x"
    with pytest.raises(dataclasses.FrozenInstanceError):
        a.key = "z"


@pytest.mark.parametrize("value", [0.0, -1.5, 5e-324, 1.7e308, 3])
def test_score_with_a_value(value):
    score = Score(value)
    assert score.status is Status.OK
    assert float(score) == value
    assert type(float(score)) is float


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.OK])
def test_score_without_a_value(status):
    score = Score(None, status, detail="why")
    assert math.isnan(float(score))
    with pytest.raises(ValueError, match=f"status {status} cannot have the value 1"):
        Score(1.0, status)


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_no_sentinels(value):
    with pytest.raises(ValueError, match="cannot have the value"):
        Score(value)


def test_a_reason_is_cut_and_can_be_stored():
    for noun in (
        Score(None, Status.FAILED, detail="x\udcff" * 10**6),
        Trial("b@1", "t", "", "p@1", 9, 5, 0, 0, Status.FAILED, {}, detail="x\udcff" * 10**6),
    ):
        assert len(noun.detail) == 500
        assert noun.detail.encode().startswith(b"x\\udcffx")
        assert noun.detail.endswith("…")
    assert dataclasses.replace(Score(None, Status.FAILED), detail="y" * 501).detail == "y" * 499 + "…"


def test_what_another_try_may_mend():
    assert {status for status in Status if status.worth_a_retry} == {
        Status.FAILED,
        Status.TIMED_OUT,
        Status.OUT_OF_MEMORY,
    }


@pytest.mark.parametrize(
    "inputs",
    [
        torch.arange(12.0).reshape(4, 3),
        (torch.arange(4.0), torch.arange(8.0).reshape(4, 2)),
        {"a": torch.arange(4.0), "b": torch.arange(8.0).reshape(4, 2)},
    ],
    ids=["tensor", "tuple", "mapping"],
)
def test_batch(inputs):
    batch = Batch(inputs, torch.arange(4), "somewhere")
    assert len(batch) == 4
    part = batch[1:3]
    assert len(part) == 2
    assert type(part.inputs) is type(inputs)
    assert part.targets.tolist() == [1, 2]
    assert part.provenance == "somewhere"
    for whole, cut, doubled in zip(
        batch.tensors(), part.tensors(), Batch(batch.map(lambda t: 2 * t)).tensors(), strict=True
    ):
        assert torch.equal(whole[1:3], cut)
        assert torch.equal(2 * whole, doubled)
    assert Batch(inputs)[:1].targets is None


def test_proxy_info():
    def function(probe):
        """First line.

        More.
        """

    info = ProxyInfo("mine", function, version=3)
    assert info.identifier == "mine@3"
    assert info.summary == "First line."
    assert info.cost is Cost.BACKWARD
    assert ProxyInfo("bare", lambda probe: 0.0).summary == ""
