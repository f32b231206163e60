"""Completion scripts: complete for every command, and they work where their shell is."""

import argparse
import shutil
import subprocess

import pytest

from zcbench.cli import _COMMANDS, _completion, _parser


@pytest.fixture(scope="module")
def scripts():
    return {shell: _completion.completion(_parser(_COMMANDS)[0], shell) for shell in ("bash", "zsh", "tcsh")}


def test_every_command_and_option_is_completed(scripts):
    for command in _COMMANDS:
        assert all(command in script for script in scripts.values())
    for _, action in _completion._actions(_parser(_COMMANDS)[0]):
        for option in action.option_strings if action.help != argparse.SUPPRESS else ():
            assert all(option in script or option.lstrip("-") in script for script in scripts.values()), option


def test_names_belong_to_arguments():
    """No entry of the tables is out of date."""
    actions = list(_completion._actions(_parser(_COMMANDS)[0]))
    options = {option for _, action in actions for option in action.option_strings}
    assert set(_completion._OF_OPTIONS) <= options
    assert set(_completion._OF_ARGUMENTS) <= {(c, a.metavar) for c, a in actions if not a.option_strings}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("zcbench ru", {"run"}),
        ("zcbench run digits-2", {"digits-201"}),
        ("zcbench run my_t", {"my_table.csv"}),
        ("zcbench run digits-201 --prox", {"--proxies"}),
        ("zcbench run digits-201 --proxies naswo", {"naswot"}),
        ("zcbench run digits-201 --proxies params,naswo", {"params,naswot"}),
        ("zcbench list benchm", {"benchmarks"}),
        ("zcbench show digits-2", {"digits-201"}),
        ("zcbench curves pre", {"predict"}),
        ("zcbench curves predict my_t", {"my_table.csv"}),
        ("zcbench search digits-201 --searcher rando", {"random"}),
    ],
)
def test_bash(scripts, place, line, found):
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("needs bash")
    (place / "my_table.csv").write_text("")
    (place / "script").write_text(
        scripts["bash"]
        + f"\nCOMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}}-1)); _shtab_zcbench\n"
        + 'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run([bash, "script"], capture_output=True, text=True, check=True, cwd=place)
    assert set(done.stdout.split()) == found


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_syntax(scripts, place, shell):
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"needs {shell}")
    (place / "script").write_text(scripts[shell])
    assert subprocess.run([program, "-n", "script"], capture_output=True, check=False).returncode == 0


def test_the_option_prints_the_script(cli, scripts):
    assert cli("--print-completion", "bash").out == scripts["bash"] + "\n"
    assert cli("--print-completion", "fish").sentence.startswith("zcbench: --print-completion: 'fish' is not a choice")
