"""Commands that messages suggest are understood by our own parser."""

import ast
import re
from pathlib import Path

import pytest

from zcbench.cli import _COMMANDS, _parser

ROOT = Path(__file__).parents[2]
#: what ends a command within a sentence
_END = re.compile(r"  |\n|[;!?…`·()]|[.,:](?=\s|$)| #| (?:or|and|is|has|does|takes|prints|will|of|then|when|on|with) ")
#: placeholders that stand for numbers
_NUMBERS = {"N", "K", "B", "X", "M", "EPOCH", "SECONDS"}
_NUMERIC = {"--limit", "--seed", "--horizon", "--batch-size", "--workers", "--shards"}


def suggestions():
    """(place, command) of every ``zcbench …`` in a string constant of the package."""
    for path in sorted((ROOT / "zcbench").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf8"))
        inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                text = "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
                text = node.value
            else:
                continue
            for command in commands_in(text):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", command


def commands_in(text):
    """Return the commands in a message; where the text ends behind a blank, the code adds a value."""
    found = []
    for match in re.finditer(r"(?<![\w./-])zcbench (?=[a-z-])", text):
        rest = _END.split(text[match.end() :])[0]
        words = rest.split()
        if words and words[0] in _COMMANDS:
            found.append("zcbench " + " ".join(words) + (" NAME" if rest[-1:] == " " and text.endswith(rest) else ""))
    return found


def understood(command):
    """Whether the parser takes a command, or it is a command's name, or it names an option without a value."""
    words = command.replace("'", "").split()[1:]
    if ">" in words:
        words = words[: words.index(">")]
    before = ["", *words]
    words = ["7" if w in _NUMBERS or (w == "{}" and b in _NUMERIC) else w for b, w in zip(before, words, strict=False)]
    parser, own = _parser([words[0]])
    actions = next((a.choices for a in own._actions if a.metavar == "ACTION" and a.choices), ())
    if len(words) == 1 or (len(words) == 2 and words[1] in actions):
        return True
    for rest in ([], ["7"]):
        try:
            if not parser.parse_known_args([*words, *rest])[1]:
                return True
        except SystemExit:
            continue
    return False


def test_every_suggested_command_is_understood(capsys):
    found = list(dict.fromkeys(suggestions()))
    assert len({command for _, command in found}) > 60
    assert [(place, command) for place, command in found if not understood(command)] == []


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("start with  zcbench run digits-201 --limit 300", ["zcbench run digits-201 --limit 300"]),
        ("run zcbench list proxies; or zcbench show gp.", ["zcbench list proxies", "zcbench show gp"]),
        ("see  zcbench show ", ["zcbench show NAME"]),
        ("zcbench needs Python, and zcbench itself.", []),
    ],
)
def test_commands_are_found_in_a_text(text, commands):
    assert commands_in(text) == commands


def test_a_wrong_command_is_found(capsys):
    assert understood("zcbench run digits-201 --limit N") and understood("zcbench curves predict {} --horizon 9")
    assert understood("zcbench curves train") and understood("zcbench run --out")
    for wrong in ("run digits-201 --sweet x", "store tidy", "curves predct {} --horizon 9", "list proxi"):
        assert not understood(f"zcbench {wrong}"), wrong
