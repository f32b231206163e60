"""Output in encodings that lack some characters is readable and never fails."""

import io
import os
import subprocess
import sys

import pytest

from zcbench.cli._encoding import READABLE, make_readable


def written(encoding, text):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    make_readable(stream)
    stream.write(text)
    stream.flush()
    return raw.getvalue()


@pytest.mark.parametrize(
    ("encoding", "text", "found"),
    [
        ("ascii", "τ .62 ± .01 … – ≤ ∞ → ×", b"tau .62 +/- .01 ... - <= inf -> x"),
        ("latin-1", "τ ± é ×", "tau ± é ×".encode("latin-1")),
        ("utf-8", "τ ± 網", "τ ± 網".encode()),
        ("ascii", "網é\U0001f600", rb"\u7db2\xe9\U0001f600"),
        ("cp437", "\udce9", rb"\udce9"),  # half a character, from the name of a file
    ],
)
def test_replacements(encoding, text, found):
    assert written(encoding, text) == found


def test_other_streams_and_errors():
    make_readable(io.StringIO())
    make_readable(None)
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("ascii", READABLE)


SCRIPT = """
from zcbench.cli import main
assert main(["run", "my.csv", "--target", "acc"]) == 0
assert main(["leaderboard", "τ–network"]) == 2
assert main(["list", "tracks"]) == main(["show", "digits-201"]) == main(["show", "quick"]) == 0
assert main(["show", "é–"]) == 2
main([])
"""


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    ],
    ids=["ascii", "latin-1", "C"],
)
def test_commands(place, environment):
    """In pipes; the table and the messages have characters that none of these encodings has."""
    place.joinpath("my.csv").write_text("model,acc,größe\nå,.1,3\n網,.2,2\nc,.3,1\nd,.5,7\n", encoding="utf8")
    place.joinpath("script.py").write_text(SCRIPT, encoding="utf8")
    done = subprocess.run(
        [sys.executable, "script.py"], env={**os.environ, **environment}, cwd=place, capture_output=True, check=False
    )
    errors = done.stderr.decode("latin-1")
    assert (done.returncode, "Error" in errors) == (0, False), errors
    assert b"tau" in done.stdout and b"\xcf\x84" not in done.stdout  # τ, or its two bytes in UTF-8
