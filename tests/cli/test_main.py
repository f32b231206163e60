"""What holds for every command: help with an example that works, streams, exit statuses."""

import argparse
import importlib
import json
import re
import shlex
import subprocess
import sys

import pytest
import torch

import zcbench.errors
from zcbench import cli as package
from zcbench.cli import main

COMMANDS = (
    "run",
    "leaderboard",
    "efficiency",
    "predict",
    "search",
    "score",
    "supernet",
    "curves",
    "check",
    "list",
    "show",
    "data",
    "store",
    "env",
)


def examples(command):
    """Argument lists of the examples in a command's help."""
    text = importlib.import_module(f"zcbench.cli.{command}").EXAMPLE
    lines = [shlex.split(line, comments=True) for line in text.splitlines() if "zcbench " in line]
    assert lines
    found = []
    for words in lines:
        words = words[: words.index(">")] if ">" in words else words
        while re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words = words[1:]
        assert words[:2] == ["zcbench", command]
        found.append(words[1:])
    return found


def test_every_command_is_tested():
    assert tuple(package._COMMANDS) == COMMANDS


def test_help(cli):
    result = cli("--help")
    assert result.status == 0
    assert result.err == ""
    assert all(f"  {name} " in result.out or f"  {name}\n" in result.out for name in COMMANDS)
    assert "\nexamples:\n  zcbench run digits-201 --limit 300\n  zcbench leaderboard\n" in result.out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(cli, command):
    result = cli(command, "--help")
    assert result.status == 0
    assert result.err == ""
    assert re.search(rf"^examples?:\n  (\S+=\S+ )?zcbench {command}", result.out, re.MULTILINE)
    assert result.out.startswith(f"usage: zcbench {command}")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_the_terminal(cli, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text, _, examples = cli(command, "--help").out.partition("\nexample")
    assert all(len(line) < 80 for line in examples.splitlines())
    assert all(len(line) < 80 for line in text.splitlines() if "{" not in line)  # argparse never breaks choices
    for paragraph in importlib.import_module(f"zcbench.cli.{command}").__doc__.split("\n\n"):
        assert " ".join(paragraph.split()) in " ".join(text.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_are_understood(cli, command, monkeypatch):
    seen = []
    module = importlib.import_module(f"zcbench.cli.{command}")
    monkeypatch.setattr(module, "execute", lambda options: seen.append(options) or 0)
    for words in examples(command):
        result = cli(*words)
        assert result.status == 0, result.err
    assert len(seen) == len(examples(command))
    assert all(isinstance(options, argparse.Namespace) for options in seen)


def test_every_option_says_what_it_does():
    for name in COMMANDS:
        parser = argparse.ArgumentParser()
        importlib.import_module(f"zcbench.cli.{name}").configure(parser)
        assert [a.dest for a in parser._actions if a.option_strings and not a.help] == []


def test_help_needs_no_torch():
    code = (
        "import contextlib, io, sys\nfrom zcbench.cli import main\n"
        "for words in [['--help'], ['--version'], *([c, '--help'] for c in sys.argv[1:])]:\n"
        "    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "        main(words)\n"
        "print(sorted({'torch', 'numpy', 'scipy', 'jinja2', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, *COMMANDS], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_version(cli):
    assert cli("--version").out == f"{zcbench.__version__}\n"


def test_a_command_s_old_name_works_and_says_so(cli, monkeypatch):
    monkeypatch.setitem(zcbench.cli._RENAMED, "sweeps", "efficiency")
    result = cli("sweeps", "--store", "nowhere")
    said = "zcbench: the command 'sweeps' is called 'efficiency' now; the old name is removed in the next release."
    first, second = result.err.splitlines()
    assert (result.status, first) == (2, said)
    assert second == cli("efficiency", "--store", "nowhere").sentence
    assert "sweeps" not in cli("--help").out
    assert "usage: zcbench efficiency" in cli("sweeps", "--help").out
    # Only the command's own word is renamed.
    assert "unknown benchmark or track 'sweeps'" in cli("leaderboard", "sweeps").sentence


def test_no_command_shows_what_to_try_first(cli, place, monkeypatch):
    """A short text for four kinds of users, whose commands are understood."""
    result = cli()
    assert (result.status, result.err) == (0, "")
    assert len(result.out.splitlines()) < 10 and max(map(len, result.out.splitlines())) <= 80
    shown = [shlex.split(re.split("   +", line.strip())[0]) for line in result.out.splitlines() if line[:2] == "  "]
    assert [words[:2] for words in shown] == [["zcbench", name] for name in ("run", "score", "predict", "check")]
    for words in shown:
        parser, _ = package._parser([words[1]])
        assert parser.parse_args(words[1:]).command == words[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rnu"], r"^zcbench: unknown command 'rnu': did you mean 'run'\?; see  zcbench --help$"),
        (["xyz"], r"^zcbench: unknown command 'xyz': choose from run, leaderboard, .*, env; see  zcbench --help$"),
        (["digits-201", "run", "--limit", "3"], "^zcbench: .*: write  zcbench run digits-201 --limit 3; see"),
        (["--json", "list", "spaces"], "^zcbench: options follow the command: write  zcbench list spaces --json; see"),
        (["curves", "predct"], "^zcbench curves: unknown action 'predct': did you mean 'predict'"),
        (["check"], "^zcbench check: missing: NAME; see"),
        (["run", "digits-201", "--limit", "ten"], "^zcbench run: --limit: 'ten' is not a whole number; see"),
        (["run", "digits-201", "--timeout", "1m"], "^zcbench run: --timeout: '1m' is not a number; see"),
        (["run", "digits-201", "--proxies"], "^zcbench run: --proxies needs a value; see"),
        (
            ["run", "digits-201", "--limt", "3"],
            r"^zcbench run: unknown option --limt: did you mean --limit\?; see  zcbench run --help$",
        ),
        (["run", "digits-201", "quick"], r"^zcbench run: one argument too many: 'quick'; see  zcbench run --help$"),
        (["store"], "^zcbench store: missing: ACTION; see"),
        (["list", "proxy"], r"^zcbench list: KIND: 'proxy' is not a choice: did you mean 'proxies'\?; see"),
        (["score"], "^zcbench score: missing: NETWORK"),
    ],
)
def test_wrong_usage(cli, words, message):
    result = cli(*words)
    assert result.status == 2
    assert re.search(message, result.sentence)


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (zcbench.errors.InvalidInputError("do this."), 2, "zcbench: do this."),
        (zcbench.errors.StoreError("no room."), 1, "zcbench: no room."),
        (FileNotFoundError(2, "No such file or directory", "x"), 2, "zcbench: No such file or directory: x"),
        (OSError(28, "No space left on device"), 1, "zcbench: No space left on device"),
        (PermissionError(13, "Permission denied", "/x"), 1, "zcbench: Permission denied: /x"),
        (KeyboardInterrupt(), 130, "zcbench: interrupted; stored results are kept"),
    ],
)
def test_errors_are_one_sentence(cli, monkeypatch, error, status, message):
    def execute(options):
        raise error

    monkeypatch.setattr("zcbench.cli.env.execute", execute)
    result = cli("env")
    assert result.status == status
    assert result.sentence.startswith(message)


@pytest.mark.parametrize("code", [0, 3])
def test_foreign_code_does_not_end_the_program(cli, monkeypatch, code):
    monkeypatch.setattr("zcbench.cli.env.execute", lambda options: sys.exit(code))
    result = cli("env")
    assert result.status == 2
    assert (
        result.sentence
        == f"zcbench: imported code ended the program (SystemExit: {code}): remove its call of sys.exit()."
    )


def test_our_own_defects_are_not_hidden(cli, monkeypatch):
    def execute(options):
        raise RuntimeError("a defect")

    monkeypatch.setattr("zcbench.cli.env.execute", execute)
    with pytest.raises(RuntimeError):
        main(["env"])


def test_json_is_utf8_and_names_are_readable(cli):
    result = cli("env", "--json")
    assert result.err == ""
    json.loads(result.out)


@pytest.mark.parametrize(
    "words",
    [
        ("run", "digits-201", "--limit", "1", "--proxies", "params"),
        ("score", "torch.nn:Identity", "--input", "3x8x8"),
        ("search", "digits-201", "--budget", "1", "--scorer", "params"),
        ("supernet", "digits", "--to", "story", "--quick"),
        ("supernet", "rank", "--to", "ranking", "--quick"),
        ("curves", "train", "--to", "net.safetensors", "--minutes", ".01"),
    ],
    ids=" ".join,
)
def test_a_device_has_one_meaning(cli, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    done = cli(*words, "--device", "cuda:1")
    assert (done.status, done.out) == (2, "")
    assert done.err.splitlines()[-1].startswith("zcbench: there is no device cuda:1 (")
    assert cli(*words, "--device", "gpu").err == (
        "zcbench: device 'gpu': choose cpu, cuda, one of several such as cuda:1, or mps.\n"
    )
    monkeypatch.setenv("ZCBENCH_DEVICE", "cuda")
    assert "there is no device cuda (" in cli(*words).err
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(("command", "kept"), [("list proxies", False), ("check no-such-proxy", True)])
def test_processes_of_commands_that_compute_keep_freed_memory(command, kept):
    """A process that is not the command's own is left as it is."""
    code = (
        "import sys, zcbench._process as process\n"
        "asked = []\n"
        "process.keep_freed_memory = lambda: asked.append(1)\n"
        "from zcbench.cli import main\n"
        f"words = {command.split()!r}\n"
        "main(words)\n"
        "assert not asked\n"
        "sys.argv[1:] = words\n"
        "main()\n"
        "sys.__stderr__.write(f'kept {len(asked)}')\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.stderr.endswith(f"kept {int(kept)}"), found.stderr
