"""What ``make test-installed`` finds wrong. The target itself builds and installs the package."""

import shlex
import tomllib
import zipfile
from pathlib import Path

from check_installed import JOBS, Job, contents, differences, unlike, wrong

from zcbench.cli import _parser

ROOT = Path(__file__).parents[2]


def test_a_file_that_is_missing_or_too_much():
    wheel = ["zcbench/a.py", "zcbench/new.py", "zcbench-0.1.dist-info/RECORD"]
    assert differences(wheel, ["zcbench/a.py", "zcbench/data/t.npz"]) == [
        "the wheel lacks zcbench/data/t.npz",
        "the wheel has zcbench/new.py, which git does not track",
    ]
    assert differences(wheel[:1], wheel[:1]) == []


def test_wheels_are_compared_by_content(tmp_path):
    for name, text in (("one", "1"), ("two", "2")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("same", "x")
            archive.writestr("other", text)
            archive.writestr(name, "x")
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert unlike(one, one) == []
    assert unlike(one, two) == ["one", "other", "two"]


def test_what_a_command_does_wrong():
    job = Job("list", says=["naswot"], json=True)
    assert wrong(job, 0, '"naswot"', "") == []
    assert wrong(job, 2, "x", "Traceback\n") == [
        "status 2 instead of 0",
        "does not contain 'naswot'",
        "a traceback",
        "standard output is not JSON",
    ]
    assert wrong(Job("x", 2), 2, "", "one\ntwo\nthree\n") == ["an error of more than one sentence"]


def test_the_commands_are_understood():
    for job in JOBS:
        words = shlex.split(job.words)
        parser, _ = _parser(words[:1])
        assert parser.parse_args(words) if job.words != "--version" else True


def test_every_extra_that_a_command_names_exists():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))["project"]["optional-dependencies"]
    named = {text.partition("[")[2].partition("]")[0] for job in JOBS for text in job.says if "zcbench[" in text}
    assert len(named) > 6 and named <= set(extras)
