"""Which column of a user-defined table names its architectures."""

import pytest

from zcbench.datasets import own_benchmark
from zcbench.errors import DataCorruptError


def read(tmp_path, text, **options):
    path = tmp_path / "my.csv"
    path.write_text(text)
    return own_benchmark(path, "acc", **options)


def test_columns_that_say_so(tmp_path):
    found = read(tmp_path, "dataset,Model Name,acc\nx,a,1\nx,b,2\n")
    assert [a.key for a in found.architectures] == ["a", "b"]
    with pytest.raises(DataCorruptError, match="'a' is in lines 2 and 5: keep one row of each architecture"):
        read(tmp_path, "dataset,Model Name,acc\nx,a,1\nx,b,2\nx,c,3\nx,a,1\n")


def test_few_models_are_no_names(tmp_path):
    found = read(tmp_path, "model type,acc\nresnet,1\nresnet,2\nvit,3\nvit,4\nvit,5\n")
    assert found.architectures[0].key == "row 2"


def test_the_text_that_differs_in_all_rows(tmp_path):
    found = read(tmp_path, "dataset,what,acc\nx,a,1\nx,b,2\n")
    assert [a.key for a in found.architectures] == ["a", "b"]


def test_names_that_repeat_for_seeds(tmp_path):
    text = "dataset,net name,run,acc\nx,a,0,1\nx,a,1,2\nx,b,0,3\nx,b,1,3\n"
    assert [a.key for a in read(tmp_path, text, seed_column="run").architectures] == ["a", "b"]
    with pytest.raises(DataCorruptError, match="--seed-column run"):
        read(tmp_path, text)
