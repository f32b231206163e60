"""Help at 80 columns, and errors that name the closest word. ``test_main.py`` tries the commands."""

import argparse

import pytest

from zcbench.cli._parser import Help, Parser


@pytest.fixture
def parser():
    parser = Parser(prog="tool", formatter_class=Help, description="One.\n\nTwo subnet-steps " + "word " * 40)
    parser.add_argument("name", metavar="NAME", help="x " * 60 + "subnet-steps")
    parser.add_argument("--to", metavar="DIR", required=True, help="folder")
    parser.add_argument("--kind", metavar="KIND", choices=["first", "second"], help="kind")
    parser.add_argument("--size", type=int, help="size")
    parser.add_argument("--hidden", help=argparse.SUPPRESS)
    return parser


def test_usage_shows_what_is_required(parser):
    usage = parser.format_usage()
    assert usage == "usage: tool --to DIR [options] NAME\n"


def test_words_are_not_broken(parser, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = parser.format_help()
    assert text.count("subnet-steps") == 2
    assert max(map(len, text.splitlines())) < 80


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("x", "missing: --to"),
        ("x --to", "--to needs a value"),
        ("x --to d --kind frist", "--kind: 'frist' is not a choice: did you mean 'first'?"),
        ("x --to d --kind zzz", "--kind: 'zzz' is not a choice: choose from first, second"),
        ("x --to d --size 3.5", "--size: '3.5' is not a whole number"),
    ],
)
def test_errors(parser, capsys, words, message):
    with pytest.raises(SystemExit) as leave:
        parser.parse_args(words.split())
    assert leave.value.code == 2
    assert capsys.readouterr().err == f"tool: {message}; see  tool --help\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["y"], "one argument too many: 'y'"),
        (["--knd=x"], "unknown option --knd: did you mean --kind?"),
        (["--hiddn"], "unknown option --hiddn: did you mean --kind?"),  # and not one that is not shown
    ],
)
def test_unknown(parser, capsys, words, message):
    with pytest.raises(SystemExit):
        parser.unknown(words)
    assert capsys.readouterr().err == f"tool: {message}; see  tool --help\n"
