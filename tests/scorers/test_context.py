"""The task that scorers are given: samples and classes as a run of the same table has them."""

import pytest
import torch
from toys import toy

from zcbench.batches import get_batch
from zcbench.errors import InvalidInputError
from zcbench.records import Store
from zcbench.scorers import Context
from zcbench.spaces import get_space
from zcbench.types import Batch


def test_of_a_benchmark():
    found = Context.of(toy(), batch_size=8, seed=3)
    wanted = get_batch("digits", 8, 3)
    assert found.batch.provenance == wanted.provenance
    assert torch.equal(found.batch.inputs, wanted.inputs)
    assert found.outputs == 10
    assert len(found.training_data) == 500


def test_of_a_space_alone():
    found = Context.of(get_space("nasbench201"))
    assert found.batch.inputs.shape == (32, 3, 32, 32)
    assert found.outputs == 10
    assert found.training_data is found.batch


def test_given_samples(tmp_path):
    own = Batch(torch.zeros(2, 1, 8, 8), torch.zeros(2, dtype=torch.long))
    assert Context.of(toy(), data=own).batch is own
    assert Context.of(toy(), data="noise@8", batch_size=4).batch.provenance.startswith("noise@8")
    assert isinstance(Context.of(toy(), store=tmp_path).store, Store)
    made = Context.of(toy(), classes=7)
    assert made.outputs == 7
    assert Context.of(made) is made


@pytest.mark.parametrize(
    "options", [{"batch_size": 0}, {"classes": 0}, {"seed": -1}, {"store": 5}, {"data": 5}, {"batch_size": 2.5}]
)
def test_what_is_out_of_range_is_said(options):
    with pytest.raises(InvalidInputError):
        Context.of(toy(), **options)


def test_what_is_no_task():
    with pytest.raises(InvalidInputError, match="is not a benchmark, a search space or a supernet"):
        Context.of(5)
