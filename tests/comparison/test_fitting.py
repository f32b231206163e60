"""Networks and samples that fit, or do not."""

import pytest
import torch
from torch import nn

from zcbench.comparison._data import Samples
from zcbench.comparison._fitting import (
    fitting_inputs,
    fitting_targets,
    output_choice,
    output_shape,
    shapes_of,
)
from zcbench.comparison._takes import Takes
from zcbench.errors import InvalidInputError
from zcbench.types import Batch


def fitted(shape, targets, classes=None, *, noise=False, size=6):
    batch = Batch(torch.ones(size, 3), targets)
    return fitting_targets("net", "data", batch, shape, Samples(batch, classes, noise), None, 0)


@pytest.mark.parametrize(("shape", "expected"), [((1, 4), (6,)), ((1, 5, 4), (6, 5)), ((1, 4, 8, 9), (6, 8, 9))])
def test_random_targets_have_the_outputs_classes(shape, expected):
    batch, _ = fitted(shape, None, noise=True)
    assert batch.targets.shape == expected
    assert int(batch.targets.max()) == 3


def test_classes_that_fit():
    assert fitted((1, 4), torch.arange(6) % 4, 4)[1] == []
    assert fitted((1, 5, 4), torch.zeros(6, 5, dtype=int), 4)[1] == []
    assert fitted((1, 4, 5), torch.zeros(6, 5, dtype=int), 4)[1] == []
    assert fitted((1, 9), torch.arange(6) % 4, 4)[1] == ["net has 9 outputs, and data has 4 classes."]


def test_classes_that_do_not():
    with pytest.raises(InvalidInputError, match="data has 10 classes, and net returns 4 outputs: build it with 10"):
        fitted((1, 4), torch.arange(6) % 4, 10)
    with pytest.raises(InvalidInputError, match=r"data has a class for every word.*a head for words"):
        fitted((1, 4), torch.zeros(6, 5, dtype=int), 4)
    with pytest.raises(InvalidInputError, match=r"data has one class per sample.*by --output"):
        fitted((1, 5, 4), torch.zeros(6, dtype=int), 4)


def test_real_targets():
    batch, _ = fitted((1, 1), torch.ones(6))
    assert batch.targets.shape == (6, 1)
    with pytest.raises(InvalidInputError, match=r"real targets of shape \(6,\), and net returns \(6, 3\)"):
        fitted((1, 3), torch.ones(6))


def test_inputs_by_name():
    ids, pixels = torch.ones(2, 5, dtype=int), torch.ones(2, 3, 4, 4)
    words = Takes(name="input_ids", vocabulary=9, longest=6)
    assert set(fitting_inputs("net", "data", words, ids)) == {"input_ids"}
    both = Takes(name="input_ids", vocabulary=9, decoder=True)
    assert set(fitting_inputs("net", "data", both, ids)) == {"input_ids", "decoder_input_ids"}
    assert set(fitting_inputs("net", "data", Takes(name="pixel_values"), pixels)) == {"pixel_values"}
    assert fitting_inputs("net", "data", Takes(), pixels) is pixels
    for takes, inputs, message in (
        (words, pixels, "net reads ids of words, and data holds numbers: choose e.g. --data wikitext2"),
        (Takes(name="pixel_values"), ids, "net reads numbers, and data holds ids of words"),
        (words, 9 * ids, "net knows 9 words, and data holds the word 9: reduce the vocabulary"),
        (words, torch.ones(2, 7, dtype=int), "net reads at most 6 words, and data has texts of 7"),
    ):
        with pytest.raises(InvalidInputError) as raised:
            fitting_inputs("net", "data", takes, inputs)
        assert message in str(raised.value)


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, a, b):
        return self.layer(a + b)


@pytest.mark.parametrize(
    ("model", "inputs", "message"),
    [
        (Two(), torch.ones(4, 3), "the network takes several inputs. Give them by name in a .npz file"),
        (nn.Conv2d(3, 2, 3), torch.ones(4, 8, 8, 3), "move the channels to the second place"),
        (nn.Conv2d(3, 2, 3), torch.ones(4, 1, 8, 8), "choose samples with as many channels"),
        (nn.Linear(3, 2), torch.ones(4, 5), "its layers expect samples of another size"),
        (nn.Embedding(4, 3), torch.full((4, 5), 9), "the samples hold more words than the network knows"),
        (Two(), {"a": torch.ones(4, 3), "b": torch.ones(4, 2)}, "cannot take the inputs a (1, 3), b (1, 2)"),
    ],
)
def test_a_network_that_cannot_be_called(model, inputs, message):
    with pytest.raises(InvalidInputError) as raised:
        output_shape("net", model, Batch(inputs), None)
    assert message in str(raised.value)


def test_the_shape_of_the_output_leaves_modes_as_they_were():
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    assert output_shape("net", model, Batch(torch.ones(4, 3)), None) == (1, 2)
    assert model.training
    assert int(model[1].num_batches_tracked) == 0


def test_shapes_and_choices():
    assert shapes_of(Batch(torch.ones(2, 3, 4))) == "3x4"
    assert shapes_of(Batch({"a": torch.ones(2, 3), "b": torch.ones(2, 3), "c": torch.ones(2)})) == "3, 1"
    assert output_choice(None) is None
    assert output_choice("heads.-1") == ["heads", -1]
    with pytest.raises(InvalidInputError, match="write names and indices"):
        output_choice("a..b")
