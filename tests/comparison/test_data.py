"""Samples: noise, batches, files, functions."""

import pickle

import numpy as np
import pytest
import torch

import zcbench
from zcbench.comparison._data import OfBatch, data_of
from zcbench.comparison._takes import Takes
from zcbench.errors import DataCorruptError, InvalidInputError, UnknownNameError

CODE = """
import numpy as np
import torch
import zcbench
def pair(): return torch.randn(20, 3, 8, 8), torch.randint(4, (20,))
def arrays(): return np.random.randn(6, 5), np.arange(6) % 3
def batch(): return zcbench.Batch(torch.ones(5, 2), torch.arange(5), "mine")
def yields():
    while True: yield pair()
def named(): return {"a": torch.randn(4, 2), "b": np.random.randn(4, 3)}, [0, 1, 1, 0]
def real(): return np.random.randn(6, 5), np.random.randn(6)
def nothing(): return None
def raises(): raise OSError("no disk")
def nan(): return torch.full((3, 2), float("nan")), torch.arange(3)
def negative(): return torch.ones(3, 2), torch.tensor([0, -1, 2])
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(9, 2), torch.arange(9)), batch_size=4)
number = 3
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath("data.py").write_text(CODE)
    return tmp_path


def drawn(text, size=None, seed=0):
    data = data_of(text, None, size, None)
    data.check()
    return data.samples(seed, Takes())


def test_noise_of_a_shape():
    found = data_of(None, (3, 4, 4), 5, None).samples(7, Takes(shape=(1, 2, 2)))
    assert found.batch.inputs.equal(torch.randn(5, 3, 4, 4, generator=torch.Generator().manual_seed(7)))
    assert found.noise
    assert found.batch.targets is None


def test_noise_of_what_a_network_takes():
    assert data_of(None, None, None, None).samples(0, Takes(shape=(1, 2, 2))).batch.inputs.shape == (16, 1, 2, 2)
    words = data_of(None, None, 50, None).samples(0, Takes(vocabulary=9, longest=12, first=4)).batch.inputs
    assert words.shape == (50, 12)
    assert (int(words.min()), int(words.max())) == (4, 8)
    assert data_of(None, None, 4, 7).samples(0, Takes(vocabulary=9, longest=12)).batch.inputs.shape == (4, 7)
    with pytest.raises(InvalidInputError, match="reads at most 12 words"):
        data_of(None, None, 4, 13).samples(0, Takes(vocabulary=9, longest=12))
    with pytest.raises(InvalidInputError, match=r"give --input, e\.g\. --input 3x32x32, or real samples"):
        data_of(None, None, 4, None).samples(0, Takes())


def test_a_registered_batch():
    found = drawn("digits", 10, 3)
    expected = zcbench.get_batch("digits", 10, 3)
    assert found.batch.inputs.equal(expected.inputs)
    assert (found.classes, found.batch.provenance) == (10, expected.provenance)


def test_a_file(place):
    x, y = np.random.RandomState(0).randn(40, 3, 4), np.arange(40) % 6
    for names in (("x", "y"), ("inputs", "targets"), ("X", "label")):
        np.savez(place / "own.npz", **dict(zip(names, (x, y), strict=True)))
        found = drawn("own.npz", 12, 5)
        rows = np.random.RandomState(5).permutation(40)[:12]
        np.testing.assert_array_equal(found.batch.inputs.numpy(), x[rows].astype(np.float32))
        np.testing.assert_array_equal(found.batch.targets.numpy(), y[rows])
        assert (found.classes, found.batch.provenance) == (6, "own.npz/12 of 40/seed 5")
    assert len(drawn("own.npz", 100).batch) == 40


def test_a_file_of_several_inputs(place):
    np.savez(
        place / "own.npz", input_ids=np.ones((8, 5), int), attention_mask=np.ones((8, 5), int), labels=np.arange(8) % 2
    )
    batch = drawn("own.npz", 4).batch
    assert {name: part.shape for name, part in batch.inputs.items()} == {"input_ids": (4, 5), "attention_mask": (4, 5)}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": np.ones(3), "b": np.ones(3)}, "has the arrays a, b: name them inputs and targets, or x and y"),
        ({"x": np.ones((3, 2)), "y": np.arange(4)}, "3 inputs and 4 targets"),
        ({"x": np.ones((3, 2), np.uint8), "y": np.arange(3)}, "its inputs are uint8: give float32, images normalised"),
        ({"x": np.full((3, 2), np.nan), "y": np.arange(3)}, "its inputs hold nan or infinity"),
        ({"x": np.ones((3, 2)), "y": np.array([0, -7, 1])}, "hold -7: number classes from 0"),
        ({"x": np.ones((0, 2)), "y": np.arange(0)}, "has no samples"),
        ({"a": np.ones((3, 2)), "b": np.ones((2, 2)), "y": np.arange(3)}, "different lengths"),
    ],
)
def test_files_that_hold_something_else(place, arrays, message):
    np.savez(place / "own.npz", **arrays)
    with pytest.raises(InvalidInputError, match=message):
        drawn("own.npz")


def test_files_that_cannot_be_read(place):
    np.savez(place / "code.npz", x=np.array([{"a": 1}], dtype=object), y=np.arange(1))
    place.joinpath("text.npz").write_text("x,y")
    for name in ("code.npz", "text.npz"):
        with pytest.raises(DataCorruptError, match=f"{name} cannot be read .*: write it by numpy.savez"):
            drawn(name)
    with pytest.raises(InvalidInputError, match="there is no such file"):
        drawn("absent.npz")


def test_functions():
    pair = drawn("data.py:pair", seed=4)
    torch.manual_seed(4)
    assert pair.batch.inputs.equal(torch.randn(20, 3, 8, 8))
    assert len(drawn("data.py:pair", 7).batch) == 7
    assert drawn("data.py:arrays").batch.inputs.dtype == torch.float32
    assert drawn("data.py:arrays").classes == 3
    assert drawn("data.py:batch").batch.provenance == "mine"
    assert len(drawn("data.py:yields").batch) == 20
    assert len(drawn("data.py:loader").batch) == 4
    named = drawn("data.py:named", 2).batch
    assert {name: tuple(part.shape) for name, part in named.inputs.items()} == {"a": (2, 2), "b": (2, 3)}
    assert drawn("data.py:real").classes is None


def test_a_function_leaves_random_numbers_as_they_were():
    torch.manual_seed(1)
    expected = torch.randn(3)
    torch.manual_seed(1)
    drawn("data.py:arrays")
    assert torch.randn(3).equal(expected)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "data.py:nothing gave None: write a function that returns"),
        ("raises", "--data data.py:raises raised OSError: no disk"),
        ("nan", "its inputs hold nan or infinity"),
        ("negative", "hold -1: number classes from 0"),
        ("number", "--data data.py:number is no function"),
        ("absent", "data.py has no 'absent'"),
    ],
)
def test_functions_that_give_no_batch(name, message):
    with pytest.raises(InvalidInputError) as raised:
        drawn(f"data.py:{name}")
    assert message in str(raised.value)


def test_what_stands_for_no_samples(place):
    with pytest.raises(UnknownNameError, match="did you mean 'cifar10'"):
        drawn("cifra10")
    place.joinpath("table.csv").write_text("x")
    with pytest.raises(InvalidInputError, match=r"write a \.npz file, file\.py:function or the name of a batch"):
        drawn("table.csv")
    with pytest.raises(InvalidInputError, match="--input is the size of random samples"):
        data_of("digits", (1, 8, 8), None, None)
    with pytest.raises(InvalidInputError, match="--batch-size 0: choose at least 1"):
        data_of("digits", None, 0, None)
    with pytest.raises(InvalidInputError, match="--length 0: choose at least 1"):
        data_of(None, None, None, 0)


def test_a_batch_of_the_callers():
    given = zcbench.Batch(torch.arange(12.0).reshape(6, 2), None)
    assert OfBatch(given, None).samples(0, Takes()).batch.inputs.equal(given.inputs)
    assert len(OfBatch((given.inputs, torch.arange(6)), 3).samples(1, Takes()).batch) == 3


def test_a_worker_process_reads_files_again(place):
    np.savez(place / "own.npz", x=np.ones((4, 2)), y=np.arange(4))
    data = data_of("own.npz", None, None, None)
    data.check()
    assert len(pickle.dumps(data)) < 200
    assert len(pickle.loads(pickle.dumps(data)).samples(0, Takes()).batch) == 4
