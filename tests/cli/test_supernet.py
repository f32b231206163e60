"""``zcbench supernet``."""

import json

import pytest
from rankings import ranking
from stories import story

import zcbench.supernets
from zcbench.errors import InvalidInputError


@pytest.fixture
def asked(monkeypatch):
    """What the library's function is called with."""
    calls = []

    def told(folder, *, progress, **settings):
        calls.append({"folder": folder, **settings})
        for done in (1, 2):
            progress("train", done, 2, "steps")
        progress("evaluate", 3, 3, "subnets")
        if settings["seed"] == 7:
            raise InvalidInputError("so few FLOPs.")
        return story()

    monkeypatch.setattr(zcbench.supernets, "digits_story", told)
    return calls


def test_it_prints_what_each_step_brought_and_writes_a_page(cli, place, asked):
    result = cli("supernet", "digits", "--to", "here")
    assert result.status == 0 and "found d1w8k3e1|d2w8k3e1" in result.out
    assert "train: 2/2 steps" in result.err and "evaluate: 3/3 subnets" in result.err
    assert "wrote here/story.html" in result.err and "<svg" in (place / "here" / "story.html").read_text()
    assert asked == [
        {"folder": "here", "rule": "sandwich", "steps": None, "flops": None, "proxies": ["params", "logsynflow"],
         "seed": 0, "quick": False}
    ]  # fmt: skip


def test_options_and_json(cli, asked):
    words = ("--rule", "single_path:subnets=4", "--steps", 9, "--flops", 1e5, "--proxies", "params,zen:repeats=2")
    result = cli("supernet", "digits", "--to", "here", *words, "--seed", 3, "--quick", "--json")
    assert json.loads(result.out)["results"] == story().results
    assert asked == [
        {"folder": "here", "rule": "single_path:subnets=4", "steps": 9, "flops": 1e5, "seed": 3, "quick": True,
         "proxies": ["params", "zen:repeats=2"]}
    ]  # fmt: skip


def test_what_is_wrong_is_a_sentence(cli, asked, place):
    result = cli("supernet", "digits", "--to", "here", "--seed", 7)
    assert result.status == 2 and result.err.endswith("zcbench: so few FLOPs.\n") and not (place / "here").exists()
    assert cli("supernet").status == 2 and cli("supernet", "digits").status == 2


@pytest.fixture
def ranks(monkeypatch):
    """What the library's function is called with."""
    calls = []

    def told(folder, space, *, progress, **settings):
        calls.append({"folder": folder, "space": space} | {k: v for k, v in settings.items() if v is not None})
        progress("train by sandwich, seed 0", 1, 2, "steps")
        if settings["seeds"] == 7:
            raise InvalidInputError("so many seeds.")
        return ranking()

    monkeypatch.setattr(zcbench.supernets, "digits_ranking", told)
    return calls


def test_rank_prints_a_table_and_writes_page_csv_and_json(cli, place, ranks):
    result = cli("supernet", "rank", "--to", "there")
    assert result.status == 0 and "inherited(naswot)" in result.out and "Above params" in result.out
    assert ranks == [{"folder": "there", "space": "elastic-mobilenet", "quick": False}]
    assert "<svg" in (place / "there" / "ranking.html").read_text()
    assert (place / "there" / "ranking.csv").read_text() == ranking().to_csv()
    assert json.loads((place / "there" / "ranking.json").read_text())["rows"] == json.loads(ranking().to_json())["rows"]


def test_rank_takes_options(cli, ranks):
    words = (
        *("--space", "elastic-transformer", "--rules", "single_path:subnets=4,sandwich", "--subnet-steps", 9),
        *("--seeds", 3, "--subnets", 30, "--proxies", "naswot,*flow", "--few", "ntk_cond", "--few-subnets", 5),
        *("--predictors", "gp", "--sizes", "20,5", "--draws", 2, "--weights", "sandwich", "--weight-seeds", 1),
        *("--optimizer", "adamw", "--rate", 0.01, "--seed", 1000, "--quick", "--json"),
    )
    result = cli("supernet", "rank", "--to", "there", *words)
    assert json.loads(result.out)["rows"][0]["scorer"] == "one stand-alone training"
    assert ranks == [
        {"folder": "there", "space": "elastic-transformer", "training_rules": ["single_path:subnets=4", "sandwich"],
         "subnet_steps": 9, "seeds": 3, "subnets": 30, "proxies": ["naswot", "*flow"], "few": ["ntk_cond"],
         "few_subnets": 5, "predictors": ["gp"], "sizes": (5, 20), "draws": 2, "weights": ["sandwich"],
         "weight_seeds": 1,
         "optimizer": "adamw", "rate": 0.01, "seed": 1000, "quick": True}
    ]  # fmt: skip


def test_rank_tells_what_is_wrong(cli, ranks, place):
    result = cli("supernet", "rank", "--to", "there", "--seeds", 7)
    assert result.status == 2 and result.err.endswith("zcbench: so many seeds.\n") and not (place / "there").exists()
    assert cli("supernet", "rank").status == 2
