"""Files of a ranking are named by all that their numbers depend on."""

import pytest
from rankings import SPACE, data, make

from zcbench._kinds import isolated
from zcbench.scorers.inherited import weights_digest
from zcbench.supernets import register_training_rule
from zcbench.supernets._ranking_measures import Given, Measures, Task, Trained, stem_of
from zcbench.supernets._story_folder import StoryFolder
from zcbench.supernets.rules import SinglePath


@pytest.fixture
def kept(tmp_path):
    return StoryFolder(tmp_path, {})


def task(tell=lambda *_: None):
    return Task(SPACE, tuple(SPACE)[:3], data(), data(1), None, "sgd", 0.1, 8, 8, SPACE.build, tell)


def test_stems_tell_rules_budgets_and_seeds_apart(kept):
    stems = {
        Trained(rule, steps, make, task(), kept).stem(seed)
        for rule in ("single_path", "single_path:subnets=4", "sandwich")
        for steps in (10, 20)
        for seed in (0, 1)
    }
    assert len(stems) == 12 and all(stem == stem.replace(":", "-").replace("/", "-") for stem in stems)
    assert stem_of("a:b", 1) == stem_of("a:b", 1) != stem_of("a-b", 1)


def test_another_version_of_a_rule_is_another_rule(kept):
    with isolated():
        register_training_rule("mine", override=True)(type("Mine", (SinglePath,), {}))
        one = Trained("mine", 10, make, task(), kept).stem(0)
        register_training_rule("mine", version=2, override=True)(type("Mine", (SinglePath,), {}))
        assert Trained("mine", 10, make, task(), kept).stem(0) != one


def test_given_supernets_are_told_by_their_weights():
    given = Given([make(0), make(0), make(1)], 3.0)
    assert given.stem(0).rpartition("-")[0] != given.stem(1).rpartition("-")[0]  # of different seeds
    assert Given([make(1)], 3.0).stem(0) == Given([make(1)], 9.0).stem(0) != given.stem(0)


def test_a_training_is_resumed_and_its_seconds_add_up(kept):
    stopped = []

    def stop(step, done, total, what):
        if step.startswith("train") and done == 10:
            stopped.append(done)
            raise KeyboardInterrupt

    whole = Trained("single_path", 20, make, task(), StoryFolder(kept.path / "other", {})).supernet(0)
    with pytest.raises(KeyboardInterrupt):
        Trained("single_path", 20, make, task(stop), kept).supernet(0)
    again = Trained("single_path", 20, make, task(), kept)
    assert weights_digest(again.supernet(0)) == weights_digest(whole) and stopped
    assert again.seconds(0) > 0
    facts = kept.results[f"train {again.stem(0)}"]
    assert (facts["learned"], facts["steps"], facts["skipped"]) == (20, 20, 0)


def test_a_proxy_that_is_added_costs_itself_alone(kept):
    measures = Measures(task(), kept)
    first = measures.scores(["params", "grad_norm"], 3, None, 0)
    more = measures.scores(["grad_norm", "snip"], 2, None, 0)
    assert {key: line["grad_norm"] for key, line in first.items() if key in more} == {
        key: line["grad_norm"] for key, line in more.items()
    }
    assert all(line["snip"]["value"] > 0 and line["snip"]["seconds"] > 0 for line in more.values())
    text = (kept.path / "scores-fresh-s0.jsonl").read_text()
    assert text.count('"params@') == 3 and text.count('"snip@') == 2 and text.count('"grad_norm@') == 3
