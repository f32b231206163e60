"""Patterns that find the columns of a learning curve."""

import pytest

from zcbench.datasets._curve_columns import curve_columns, likely_patterns
from zcbench.errors import DataCorruptError, InvalidInputError


def test_columns_by_number():
    names = ["arch", "valid_loss_10", "valid_loss_9", "valid_loss_best", "train_loss_1"]
    found = curve_columns("valid_loss_*", names, "t.csv")
    assert (found.name, found.epochs, found.left_out) == ("valid_loss", (9, 10), ("valid_loss_best",))
    assert found.columns == ("valid_loss_9", "valid_loss_10")


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("valid_loss_*", "valid_loss"),
        ("epoch *: loss", "epoch_loss"),
        ("*", "curve"),
        ("acc@*", "acc"),
        ("my loss = epoch *: loss", "my_loss"),
        ("epoch=*", "epoch"),
    ],
)
def test_names(pattern, name):
    columns = [pattern.rpartition(" = ")[2].replace("*", str(n)) for n in (1, 2)]
    if pattern == "epoch=*":  # the name, and columns that are numbers
        columns = ["1", "2"]
    assert curve_columns(pattern, columns, "t.csv").name == name


@pytest.mark.parametrize("pattern", ["loss", "loss_*_*", "", "x="])
def test_one_star(pattern):
    with pytest.raises(InvalidInputError, match="write one \\*"):
        curve_columns(pattern, ["loss_1", "loss_2"], "t.csv")


def test_too_few_and_two_of_one_epoch():
    with pytest.raises(DataCorruptError, match="both epoch 1"):
        curve_columns("x*", ["x1", "x01", "x2"], "t.csv")
    with pytest.raises(DataCorruptError, match="a curve needs two epochs"):
        curve_columns("x*", ["x1", "y2"], "t.csv")


def test_likely_patterns():
    names = ["arch", "nb201_acc_1", "nb201_acc_2", "loss 1", "params"]
    assert likely_patterns(names) == ["nb201_acc_*"]
    assert likely_patterns(["1", "2", "3"]) == ["*"]
    assert likely_patterns(["acc_0.5", "acc_1.0", "acc_1.5"]) == []  # and not epochs 0 and 5 of acc_1.*
    assert likely_patterns(["v1.acc_1", "v1.acc_2"]) == ["v1.acc_*"]
