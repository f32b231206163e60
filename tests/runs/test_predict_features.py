"""Columns that trained networks and candidates both have."""

import numpy as np
import pytest

from zcbench.datasets import own_benchmark
from zcbench.datasets._own_candidates import own_candidates
from zcbench.errors import InvalidInputError
from zcbench.runs._predict_features import line_of, usable_features


@pytest.fixture
def tables(tmp_path):
    """Read a table of trained networks and one of candidates from their texts."""

    def read(trained, rest, **settings):
        (tmp_path / "trained.csv").write_text(trained)
        (tmp_path / "rest.csv").write_text(rest)
        table = own_benchmark(tmp_path / "trained.csv", "acc", **settings)
        return table, own_candidates(tmp_path / "rest.csv", table)

    return read


TRAINED = "model,size,depth,act,seconds,acc\na,10,1,relu,5,1\nb,200,2,gelu,6,2\nc,5000,3,relu,7,3\n"


def test_sizes_are_logarithms(tables):
    found = usable_features(*tables(TRAINED, "model,size,depth,act\nd,1000,2,relu\n"), by_space=False)
    assert found.columns.names == ("act", "depth", "size")
    trained, rest = found.feeds
    assert np.allclose(trained.fact("size"), np.log([10, 200, 5000]))
    assert np.allclose(rest.fact("size"), np.log([1000]))
    assert trained.fact("depth").tolist() == [1, 2, 3]
    assert "As logarithms, because they span more than a factor of 10: size." in found.notes
    assert "Not used because the candidates have no values: seconds." in found.notes
    zero = usable_features(*tables(TRAINED, "model,size,depth,act\nd,0,2,relu\n"), by_space=False)
    assert zero.feeds[0].fact("size").tolist() == [10, 200, 5000]  # a size of 0 has no logarithm


def test_networks_that_are_equal_in_all_features_are_one_group(tables):
    found = usable_features(
        *tables("model,depth,act,acc\na,1,relu,1\nb,1,relu,2\nc,1,gelu,3\nd,2,gelu,4\n", "model,depth,act\nx,1,relu\n"),
        by_space=False,
    )
    trained, _ = found.feeds
    groups = found.shared(list(trained.architectures))
    assert [groups.index(one) for one in groups] == [0, 0, 2, 3]


def test_extrapolation_is_said(tables):
    rest = "model,size,depth,act\nd,9000,2,relu\ne,1,9,relu\nf,300,2,relu\n"
    found = usable_features(*tables(TRAINED, rest), by_space=False)
    assert (
        "2 of 3 candidates are outside of the range of the trained networks in a feature (size 2, depth 1): "
        "predictions there are extrapolations." in found.notes
    )


def test_lines_of_candidates(tables):
    _, rest = tables(TRAINED, "# a comment\nmodel,size,depth,act\nd,9000,2,relu\ne,1,9,relu\n")
    assert [line_of(rest, row) for row in (0, 1)] == ["line 3", "line 4"]


def test_names_that_are_architectures_are_recognised(tables):
    cells = [f"110010010000010101101:0020{digit}" for digit in range(3)]
    trained = "arch,acc\n" + "".join(f"{cell},{number}\n" for number, cell in enumerate(cells))
    with pytest.raises(InvalidInputError, match="The names are architectures of nasbench101: give --space nasbench101"):
        usable_features(*tables(trained, "arch\n110010010000010101101:00211\n"), by_space=False)


def test_columns_next_to_a_search_space(tables):
    cells = [f"110010010000010101101:0020{digit}" for digit in range(3)]
    trained = "arch,flops,acc\n" + "".join(f"{cell},{number},{number}\n" for number, cell in enumerate(cells))
    rest = "arch,flops\n110010010000010101101:00211,3\n"
    found = usable_features(*tables(trained, rest, space="nasbench101"), by_space=True)
    assert found.columns is None
    assert found.notes == (
        "Features are encodings of nasbench101. To add columns, such as 'flops', name them with --features.",
    )
    found = usable_features(*tables(trained, rest, space="nasbench101", features="flops"), by_space=True)
    assert found.columns.names == ("flops",)


@pytest.mark.parametrize("rest", ["arch", "arch,flops,val_acc", "arch,val_acc"])
def test_a_column_that_cannot_or_should_not_be_added_is_not_recommended(tables, rest):
    cells = [f"110010010000010101101:0020{digit}" for digit in range(3)]
    trained = "arch,val_acc,flops,acc\n" + "".join(f"{cell},{i},{3 - i},{i}\n" for i, cell in enumerate(cells))
    row = {"arch": "arch\n110010010000010101101:00211\n"}.get(rest)
    row = row or f"{rest}\n110010010000010101101:00211" + ",3" * rest.count(",") + "\n"
    found = usable_features(*tables(trained, row, space="nasbench101"), by_space=True)
    (note,) = found.notes
    assert "val_acc" not in note
    assert ("'flops'" in note) == ("flops" in rest)
