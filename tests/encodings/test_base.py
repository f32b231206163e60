"""What all encodings do: rows that are remembered, columns that a training set fixes."""

import copy
import pickle

import numpy as np
import pytest

import zcbench
from zcbench.encodings import Encoding, Needs, get_encoding
from zcbench.errors import InvalidInputError, UnsupportedModelError
from zcbench.types import Architecture

SPACE = zcbench.get_space("digits-201")
KEY = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_1x1~2|"


def test_columns_are_those_of_the_training_set():
    first, second = SPACE.parse(KEY), SPACE.parse(KEY.replace("avg_pool_3x3", "none"))
    encoder = get_encoding("path+onehot").fit([first])
    assert [name for name in encoder.names if name.startswith("path")] == [
        "path[]",
        "path[nor_conv_3x3>avg_pool_3x3]",
        "path[nor_conv_3x3>nor_conv_1x1]",
    ]
    assert encoder.groups.tolist() == [0] * 3 + [1] * 30
    matrix = encoder.transform([first, second])
    assert matrix.shape == (2, 33)
    assert matrix[:, :3].tolist() == [[1, 1, 1], [1, 0, 1]]
    assert encoder.transform([]).shape == (0, 33)


def test_rows_are_remembered_shared_and_left_out_of_pickles(monkeypatch):
    calls = []
    encoding = zcbench.Encoding("counting", lambda space, architecture: calls.append(1) or [1.0])
    architectures = [a for a, _ in zip(SPACE, range(5), strict=False)]
    for _ in range(3):
        encoding.rows(architectures)
    assert len(calls) == 5
    assert copy.deepcopy(encoding) is encoding
    monkeypatch.setattr("zcbench.encodings._base.REMEMBERED", 3)
    encoding.rows([a for a, _ in zip(SPACE, range(9), strict=False)])
    assert len(encoding._known) <= 3
    stats = get_encoding("stats")
    stats.rows(architectures)
    assert not pickle.loads(pickle.dumps(stats))._known


def test_vectors_of_different_lengths_are_of_different_spaces():
    other = zcbench.get_space("nasbenchmacro").sample(np.random.default_rng(0))
    encoder = get_encoding("onehot").fit([SPACE.parse(KEY)])
    with pytest.raises(InvalidInputError, match="fits one search space only"):
        encoder.transform([other])
    mixed = get_encoding("stats").fit([SPACE.parse(KEY), other])
    assert mixed.transform([SPACE.parse(KEY), other]).shape[0] == 2


@pytest.mark.parametrize("needs", [("params",), "params", None, Needs("params"), Needs((), ["loss"])])
def test_needs_that_are_none(needs):
    """A stranger's class is asked before anything is measured."""
    odd = Encoding("odd")
    odd.needs = needs
    with pytest.raises(InvalidInputError, match=r"the encoding odd needs .*: write needs = Needs"):
        Needs.of([get_encoding("stats"), odd])


class Bare:
    """A search space that can name architectures and nothing else."""

    name, input_shape = "bare", (3, 8, 8)

    def encode(self, architecture):
        """Raise of itself what a missing method raises."""
        return architecture.nothing

    def build(self, architecture, *, num_classes=10):
        """Nothing, yet."""
        raise NotImplementedError


@pytest.mark.parametrize(("encoding", "method"), [("stats", "graph"), ("path", "graph"), ("computation", "build")])
def test_what_a_search_space_lacks_is_named(encoding, method):
    found = get_encoding(encoding, Bare())
    with pytest.raises(UnsupportedModelError, match=rf"bare has no {method}, which the encoding {encoding} needs"):
        found.rows([Architecture("bare", "x")])


def test_what_a_search_space_does_wrong_is_its_own():
    with pytest.raises(AttributeError, match="nothing"):
        get_encoding("onehot", Bare()).rows([Architecture("bare", "x")])
