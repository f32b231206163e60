"""Samples are drawn at random, from what comes with zcbench and from what others register."""

import pytest
import torch

from zcbench.batches import get_batch
from zcbench.errors import DataMissingError, InvalidInputError, UnknownNameError


def test_a_smaller_batch_begins_a_larger_and_seeds_differ():
    small, large, other = get_batch("digits", 8, 1), get_batch("digits", 64, 1), get_batch("digits", 8, 2)
    assert torch.equal(small.inputs, large.inputs[:8])
    assert not torch.equal(small.inputs, other.inputs)
    assert small.provenance == "digits/train/8 of 500/seed 1"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("digit", 8), UnknownNameError, "did you mean 'digits'"),
        (("digits", 0), InvalidInputError, "a batch of 0 samples is impossible"),
        (("digits", 501), InvalidInputError, "a batch of 501 samples: digits has only 500 here"),
        (("cifar10", 8), DataMissingError, r"no cifar10 images in .*: put the official binary version there"),
    ],
)
def test_what_cannot_be_had(tmp_path, monkeypatch, arguments, error, message):
    monkeypatch.setenv("ZCBENCH_DATA", str(tmp_path))
    with pytest.raises(error, match=message):
        get_batch(*arguments)
