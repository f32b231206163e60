"""Beginnings of learning curves."""

import numpy as np
import pytest

from zcbench.encodings import CurveEncoding, Feed, get_encoding
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.types import Architecture


@pytest.mark.parametrize("epochs", ["²", "٣", "-1", "1e3", " 3", "", "9" * 12])
def test_epochs_of_curves_are_plain_numbers(epochs):
    with pytest.raises(InvalidInputError):
        get_encoding(f"curve(valid_nll/{epochs})")


def test_curves_and_their_differences():
    encoding = get_encoding("curve(valid_nll/3)")
    assert isinstance(encoding, CurveEncoding)
    known = Architecture("table", "one")
    unfed, encoding = encoding, encoding.fed([Feed([known], curves={"valid_nll": [[4.0, 2.0, 1.5, 9.0]]})])
    assert encoding.rows([known])[0].tolist() == [4.0, 2.0, 1.5, -2.0, -0.5, 1.5]
    assert encoding.beginnings([known]).tolist() == [[4.0, 2.0, 1.5]]
    with pytest.raises(InvalidInputError, match="no row of one"):
        unfed.rows([known])  # what one table knows another does not
    for curves, message in ((np.zeros((1, 2)), "only 2 epochs"), (np.zeros((2, 3)), "of shape")):
        with pytest.raises(InvalidInputError, match=message):
            unfed.fed([Feed([known], curves={"valid_nll": curves})])
    with pytest.raises(UnknownNameError, match="unknown learning curve 'valid_nll'"):
        unfed.fed([Feed([known], curves={"loss": [[1.0] * 4]})])
    with pytest.raises(InvalidInputError, match="no row of two"):
        encoding.rows([Architecture("table", "two")])
    with pytest.raises(InvalidInputError, match="at least one epoch"):
        get_encoding("curve(valid_nll/0)")


def test_epochs_without_a_value_are_interpolated_from_what_is_seen():
    nan = np.nan
    known = [Architecture("table", name) for name in "abcd"]
    curves = [[4, nan, 2, 9], [nan, 3, nan, 9], [nan, nan, nan, 9], [1, np.inf, nan, 9]]
    encoding = get_encoding("curve(loss/3)").fed([Feed(known, curves={"loss": curves})])
    wanted = [[4, 3, 2], [3, 3, 3], [nan, nan, nan], [1, np.inf, 1]]  # the fourth epoch is not seen
    np.testing.assert_array_equal(encoding.beginnings(known), wanted)
    assert len(encoding.rows(known)[3]) == 6
