"""Values that look different in a table and in JSON, in every command that prints them."""

import json
import math
import re

import pytest

from zcbench.cli._cells import Cell, count, text, values, yes


def test_the_two_looks():
    entries = {"a": count(4930), "b": count(None, "varies"), "c": yes(1), "d": "word", "e": Cell([1, 2], "1, 2")}
    assert values(entries) == {"a": 4930, "b": None, "c": True, "d": "word", "e": [1, 2]}
    assert [text(entry) for entry in entries.values()] == ["4,930", "varies", "yes", "word", "1, 2"]


NUMBER = re.compile(r"[-+]?[\d,]*\.?\d+(e[-+]?\d+)?%?|nan|inf")
#: entries that are names or texts although they may look like numbers
NAMES = {
    "nas-bench-201",
    "nats-bench",
    "environment",
    "commit",
    "python",
    "zcbench",
    "torch",
    "numpy",
    "scipy",
    "name",
    "paper",
    "value",
}
FITTED = "run digits-201 --limit 12 --predictors bayesian_ridge --train-sizes 5 --seeds 1 --workers 0"
COMMANDS = [
    *(f"list {kind}" for kind in ("proxies", "predictors", "benchmarks", "spaces", "batches", "signals", "tracks")),
    "show digits-201",
    "show gp",
    "show naswot",
    "show space:nasbench201",
    "show batch:digits",
    "show quick",
    "data",
    "env",
    "leaderboard",
    "store check",
    "run digits-201 --limit 6 --proxies params,naswot --workers 0",
    FITTED,
    "efficiency",
    "run digits-201 --searchers random --budget 3 --seeds 2 --workers 0",
    "search digits-201 --searcher random --budget 3",
    "run my.csv --target acc",
    "predict my.csv --target acc",
    "score nets.py:net --input 3x8x8 --proxies params,naswot",
    "curves predict curves.csv --horizon 9",
    "check params",
]


def odd(content, place=""):
    """(place, text) of every text that is a number, and of every number that JSON does not have."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from odd(value, key)
    elif isinstance(content, list):
        for value in content:
            yield from odd(value, place)
    elif isinstance(content, float):
        yield from () if math.isfinite(content) else [(place, content)]
    elif isinstance(content, str) and place not in NAMES and NUMBER.fullmatch(content):
        yield place, content


@pytest.mark.parametrize("command", COMMANDS)
def test_numbers_are_numbers_in_json(cli, place, command):
    (place / "my.csv").write_text(
        "model,acc,params,note\n" + "".join(f"m{i},{'' if i > 14 else i / 20},{i * 7 % 11},x\n" for i in range(18))
    )
    (place / "curves.csv").write_text("run,acc_1,acc_2,acc_3\na,.1,.2,.3\nb,.2,.3,\nc,.3,,\n")
    (place / "nets.py").write_text(
        "import torch\ndef net():\n    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 10))\n"
    )
    if command in ("leaderboard", "store check"):
        assert cli("run", "digits-201", "--limit", 6, "--proxies", "params", "--workers", 0).status == 0
    if command == "efficiency":
        cli(*FITTED.split())
    result = cli(*command.split(), "--json")
    assert result.status == 0, result.err
    assert "NaN" not in result.out and "Infinity" not in result.out
    assert list(odd(json.loads(result.out))) == []
