"""Where a user-defined table is and how it was read."""

import hashlib

import zcbench
from zcbench.spaces import FactorySpace


def test_what_is_needed_to_read_it_again(tmp_path):
    path = tmp_path / "my.csv"
    path.write_text("net,acc,size\na,1,2\nb,2,3\n")
    own = zcbench.own_benchmark(path, "acc", arch="net", lower="size", classes=3).own
    assert (own.path, own.file, own.target, own.rows, own.columns) == (
        str(path),
        "my.csv",
        "acc",
        2,
        ("net", "acc", "size"),
    )
    assert own.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert own.settings == {"arch": "net", "lower": ["size"], "classes": 3}
    assert (own.space, own.factory) == (None, False)
    again = zcbench.own_benchmark(own.path, own.target, space=own.space, **own.settings)
    assert again.own == own


def test_networks(tmp_path):
    path = tmp_path / "my.csv"
    path.write_text("net,acc\na,1\nb,2\n")
    own = zcbench.own_benchmark(path, "acc", space=FactorySpace("nets.py:build", str)).own
    assert (own.space, own.factory) == ("nets.py:build", True)


def test_only_tables_of_users_have_one():
    assert zcbench.get_benchmark("digits-201").own is None


def test_the_path_is_in_nothing_that_is_published(tmp_path):
    path = tmp_path / "my.csv"
    path.write_text("# a remark\nnet,acc,text\na,1,x\nb,2,y\n")
    table = zcbench.own_benchmark(path, "acc")
    said = " ".join([table.source, table.target().description, *table.notes])
    assert "my.csv" in said
    assert str(tmp_path) not in said
