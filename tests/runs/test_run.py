"""A run is data that another machine can do."""

import dataclasses
import json
import pickle

import pytest
from toys import calls

from zcbench.errors import InvalidInputError
from zcbench.runs import OwnTable, Run, Track
from zcbench.runs._asked import make_run

pytestmark = pytest.mark.usefixtures("place")


def test_a_run_is_data(place, plugin):
    made = Run(
        track=Track(name="mine", benchmarks="digits-201", limit=6, proxies="t-count", batch_size={"digits-201": 8}),
        store="there",
        imports=[plugin],
        timeout=5.5,
        retry="failed",
        own=OwnTable(lower="size", classes=3),
    )
    there = Run.from_json(made.to_json())
    assert there == made == pickle.loads(pickle.dumps(made))
    assert "\n" not in made.to_json()
    for text in ("", "[]", "{}", json.dumps(json.loads(made.to_json()) | {"more": 1})):
        with pytest.raises(InvalidInputError, match="this is not a run as JSON"):
            Run.from_json(text)


def test_parts_of_a_run_as_other_machines_do_them(plugin):
    made = make_run("digits-201", limit=6, proxies="t-count", batch_size=8, store="there", imports=(plugin,))
    done = []
    for shard in ("1/2", "2/2"):
        there = dataclasses.replace(Run.from_json(made.to_json()), shard=shard)
        assert Run.from_json(there.to_json()) == there
        assert list(there.each())
        done.append(len(calls(plugin)))
    assert 0 < done[0] < done[1] == 6
    (outcome,) = made.each()
    assert outcome.result.total == 6
    assert len(calls(plugin)) == 6
