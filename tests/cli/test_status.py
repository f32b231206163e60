"""The same kind of failure has the same exit status in every command."""

from pathlib import Path

import pytest

from zcbench import errors
from zcbench.cli._status import FAILED, FINE, INTERRUPTED, MEANINGS, MISUSED, status_of, status_of_several

ROOT = Path(__file__).parents[2]


def test_every_status_has_a_meaning_in_help_and_documentation(cli):
    assert list(MEANINGS) == [FINE, FAILED, MISUSED, INTERRUPTED] == [0, 1, 2, 130]
    shown, page = cli("--help").out, (ROOT / "docs" / "commands.md").read_text(encoding="utf8")
    for status, meaning in MEANINGS.items():
        assert f"\n  {status:<4} {meaning}\n" in shown
        assert f"| {status} | {meaning} |" in page


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidInputError("x"), MISUSED),
        (errors.UnknownNameError("proxy", "x", []), MISUSED),
        (errors.DataMissingError("x"), MISUSED),
        (errors.DataCorruptError("x"), MISUSED),
        (errors.MissingDependencyError("x", "x", "x"), MISUSED),
        (FileNotFoundError(2, "x"), MISUSED),
        (errors.StoreError("x"), FAILED),
        (PermissionError(13, "x"), FAILED),
        (OSError(28, "x"), FAILED),
        (errors.ZcbenchError("a worker was lost"), FAILED),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors(error, status):
    assert status_of(error) == status


def test_several():
    wrong, full = errors.InvalidInputError("x"), errors.StoreError("x")
    assert status_of_several([], 3) == status_of_several([], 0) == FINE
    assert status_of_several([wrong], 1) == FAILED  # something was done
    assert status_of_several([wrong, wrong], 0) == MISUSED
    assert status_of_several([wrong, full], 0) == FAILED


#: the same failure in different commands
KINDS = {
    "unknown option": (
        MISUSED,
        ["run digits-201 --xyz", "leaderboard --xyz", "score x --xyz", "curves predict x --xyz", "store check --xyz"],
    ),
    "no value": (
        MISUSED,
        ["run digits-201 --limit", "leaderboard --seed", "search digits-201 --seed", "list --import"],
    ),
    "no number": (
        MISUSED,
        ["run digits-201 --limit x", "leaderboard --seed x", "search digits-201 --seed x", "score x --seed x"],
    ),
    "unknown name": (
        MISUSED,
        [
            "run digits-202",
            "run digits-201 --proxies naswt",
            "leaderboard digits-202",
            "efficiency digits-202",
            "leaderboard digits-202 digits-203",
            "search digits-202",
            "search digits-201 --searcher evolutoin",
            "list proxies naswt",
            "show naswt",
            "check naswt",
            "data get digits-202",
            "store check digits-202",
            "curves predict curves.csv --horizon 9 --predictor lcpnf",
        ],
    ),
    "missing file": (
        MISUSED,
        [
            "run absent.csv --target acc",
            "run absent.toml",
            "run digits-201 --import absent.py",
            "check absent.py",
            "list --import absent.py",
            "curves predict absent.csv --horizon 9",
            "score absent.py:net --input 3x8x8",
            "search --show absent.jsonl",
            "data import nasbench201 absent.pth",
            "store merge --from absent",
        ],
    ),
    "folder for a file": (
        MISUSED,
        [
            "check folder.py",
            "curves predict folder --horizon 9",
            "search --show folder",
            "run digits-201 --import folder",
        ],
    ),
    "empty store": (MISUSED, ["leaderboard", "efficiency", "store check", "store compact"]),
    "table not here": (MISUSED, ["run nasbench201", "search nasbench201", "run lcdb11 --curve-predictors fits"]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_failure_has_the_same_status(cli, place, kind):
    (place / "folder").mkdir()
    (place / "folder.py").mkdir()
    (place / "curves.csv").write_text("run,acc_1,acc_2,acc_3\na,.1,.2,.3\n")
    status, commands = KINDS[kind]
    found = {command: cli(*command.split()) for command in commands}
    assert {command: result.status for command, result in found.items()} == dict.fromkeys(commands, status)
    for result in found.values():
        assert result.out == "" and "Traceback" not in result.err
        assert result.err.splitlines()[-1].startswith("zcbench")
