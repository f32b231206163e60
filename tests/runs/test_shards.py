"""Shards are disjoint, their union is the whole, and depend on nothing else in a run."""

import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zcbench.errors import InvalidInputError
from zcbench.runs._shards import Shard, parse_shard


@given(st.lists(st.text(), unique=True), st.integers(1, 40), st.booleans())
def test_every_key_is_in_exactly_one_shard(keys, count, again):
    shards = [Shard(number, count, again) for number in range(1, count + 1)]
    found = Counter(key for shard in shards for key in shard.of(keys))
    assert found == Counter(keys)


@given(st.lists(st.text(), unique=True), st.data())
def test_a_key_stays_where_it_is_in_whatever_company(keys, data):
    some = data.draw(st.lists(st.sampled_from(keys), unique=True)) if keys else []
    for number in (1, 2, 3):
        shard = Shard(number, 3)
        assert set(shard.of(some)) == set(shard.of(keys)) & set(some)


def test_shards_are_of_about_one_size():
    keys = [f"|nor_conv_3x3~0|{number}" for number in range(10_000)]
    sizes = [len(Shard(number, 10).of(keys)) for number in range(1, 11)]
    assert 850 < min(sizes) <= max(sizes) < 1150


def test_the_hash_is_the_same_in_every_process():
    program = "from zcbench.runs._shards import Shard\nprint([k for k in map(str, range(50)) if k in Shard(2, 7)])"
    texts = {
        subprocess.run(
            [sys.executable, "-c", program],
            check=True,
            capture_output=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout
        for seed in ("1", "2")
    }
    assert texts == {f"{Shard(2, 7).of(map(str, range(50)))}\n".encode()}
    # What was dealt out yesterday stays so: a new release must not move networks between shards of a run.
    assert Shard(2, 7).of(map(str, range(50))) == ["1", "5", "8", "12", "30", "31"]


def test_what_one_shard_left_is_dealt_out_to_all():
    left = Shard(3, 10).of(f"network {number}" for number in range(10_000))
    sizes = [len(Shard(number, 10, again=True).of(left)) for number in range(1, 11)]
    assert sum(sizes) == len(left)
    assert min(sizes) > len(left) / 20


@pytest.mark.parametrize(
    "text", ["", "3", "3/", "/3", "a/b", "1/0", "0/3", "4/3", "-1/3", "1.0/3", "1/3/5", "1/²", "1/9999999", "*/3"]
)
def test_what_is_no_shard_is_refused_in_one_sentence(text):
    with pytest.raises(InvalidInputError, match="shard"):
        parse_shard(text)


def test_what_a_shard_looks_like():
    assert parse_shard(" 3/100 ") == Shard(3, 100)
    assert str(Shard(3, 100)) == "3/100"
