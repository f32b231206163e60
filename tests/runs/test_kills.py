"""Three shards of one store are killed at random, and nothing is lost: the table is that of an undisturbed run."""

import json
import random
import time

import pytest
from clusters import Place, write_cluster_plugin

SHARDS = (1, 2, 3)


def table(out):
    """What a run printed as JSON, without durations."""
    content = json.loads(out)
    for entry in content["entries"]:
        for name in [name for name in entry if "second" in name or "time" in name]:
            del entry[name]
    return content


def survive(folder, kills, limit, seed):
    """Kill the shards of a run so often, finish it, and compare."""
    place, rng = Place(folder, write_cluster_plugin(folder)), random.Random(seed)
    place.environment["T_SLEEP"] = "0.05"
    running, done, killed = {}, set(), 0
    seen = set()
    while killed < kills and len(done) < len(SHARDS):
        for number in SHARDS:
            if number not in running and number not in done:
                words = ["--shard", f"{number}/3", "--workers", rng.choice([0, 0, 1])]
                running[number] = place.start(*words, limit=limit)
        # Of different lengths: a kill may come while a process starts, reads, computes or writes.
        until, lines = time.monotonic() + rng.uniform(0, 2), len(place.lines) + rng.randint(0, 3)
        while time.monotonic() < until or (
            len(place.lines) < lines and any(p.poll() is None for p in running.values())
        ):
            time.sleep(0.02)
        number = rng.choice(list(running))
        process = running.pop(number)
        process.kill()
        process.communicate()
        if process.returncode == 0:
            done.add(number)
        else:
            killed += 1
        assert seen <= set(place.lines)  # what was stored stays
        seen = set(place.lines)
    for process in running.values():
        process.kill()
        process.communicate()
        killed += process.returncode != 0
    seen = set(place.lines)
    place.environment.clear()
    out, err = place.run("--missing", "--json", "--workers", 0, limit=limit)
    assert "are missing" in err
    assert set(place.lines.values()) == {1}  # no score twice: shards are disjoint
    assert seen <= set(place.lines)
    assert len(place.lines) == 2 * limit
    # Each kill costs at most the score that was computed, in this process or its worker.
    assert limit <= place.calls <= limit + killed
    undisturbed = Place(folder / "whole", place.plugin)
    undisturbed.folder.mkdir()
    whole, _ = undisturbed.run("--json", "--workers", 0, limit=limit)
    assert table(out) == table(whole)
    assert place.values() == undisturbed.values()
    return killed


def test_a_few_kills(tmp_path):
    assert survive(tmp_path, kills=2, limit=12, seed=0) >= 2


@pytest.mark.slow
def test_a_hundred_kills(tmp_path):
    assert survive(tmp_path, kills=100, limit=400, seed=1) >= 100
