"""A stranger's words in every output of the command line and of leaderboards: shown, never obeyed."""

import csv
import io
import json
import re
import sys
import unicodedata
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt
from toys import toy

from zcbench.cli import _shared
from zcbench.datasets import own_benchmark
from zcbench.evaluation import sample_efficiency
from zcbench.leaderboards import draw_efficiency, to_html
from zcbench.records import Trial
from zcbench.runs import correlate_columns
from zcbench.types import Status

#: a formula, codes for terminals, marks of direction, markup of rich, HTML, Markdown, mathematics, a line break
WORDS = (
    "=HYPERLINK(1) \x1b[31m\x1b]0;t\x07\x9b2J \u202etxt\u2066\u200b [red]r[/red] [/] <script>alert(1)</script><!-- "
    "**b** [a](http://evil) `c` | $\\frac{$ \\; &lt; _i_"
)
HOSTILE = f"{WORDS}\n# h\r- l\u2028x"
PLUGIN = f'''
import zcbench

def hostile(probe):
    raise RuntimeError({HOSTILE!r})

hostile.__doc__ = {HOSTILE!r}
zcbench.register_proxy("t-hostile", reference={WORDS!r})(hostile)

@zcbench.register_proxy("t-number", cost="static")
def number(probe):
    """A number."""
    return float(sum(p.numel() for p in probe.parameters.values()))

def build():
    import torch
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3))

def broken():
    raise RuntimeError({HOSTILE!r})
'''


def inert(text):
    """Text, after it was found to hold nothing that a terminal obeys or hides."""
    hidden = [c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and c != "\n"]
    assert hidden == []
    text.encode()
    return text


class Tags(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.found, self.text = [], ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.found.append(tag)
        assert not [name for name, value in attributes if name.startswith("on") or "alert" in name]

    def handle_data(self, data):
        self.text += data


def check_markdown(source):
    page = Tags(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(inert(source)))
    assert set(page.found) <= {"p", "table", "thead", "tbody", "tr", "th", "td", "ul", "li"}
    assert "<script>alert(1)</script>" in page.text
    assert "[a](http://evil)" in page.text


def check_csv(source):
    rows = list(csv.reader(io.StringIO(inert(source))))
    assert len(rows) == len(source.splitlines()) > 1
    assert not [c for row in rows for c in row if re.match(r"[\s\"]*[=+@-]", c) and not re.fullmatch(r"-?[\d.e+-]+", c)]
    assert any("'=HYPERLINK(1)" in c for row in rows for c in row)


def check_json(source, forbidden=("NaN", "Infinity")):
    def refuse(name):
        raise AssertionError(name)

    return json.loads(inert(source), parse_constant=refuse)


@pytest.fixture
def sheet(place):
    """A file whose name, columns, cells and architectures are hostile."""
    path = place / "=my \x1b[31m\u202e[red].csv"
    rows = [["arch", f"{HOSTILE}t", f"{HOSTILE}p", f"{HOSTILE}q", f"{HOSTILE}gap"]]
    rows += [[f"{HOSTILE}{i}", str(i), str(i * 7 % 5), HOSTILE, "" if i == 3 else str(i * i)] for i in range(9)]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def column(name):
    return " ".join(f"{HOSTILE}{name}".split())


def test_one_s_own_table(cli, sheet):
    shown = cli("run", sheet, "--target", column("t"))
    assert shown.status == 0
    assert "[red]r[/red] [/] <script>alert(1)</script>" in inert(shown.out).replace("\n", " ")
    assert len(inert(shown.err).splitlines()) == 2  # a column of text, values that are missing
    assert "is excluded because it is text" in shown.err
    read = check_json(cli("run", sheet, "--target", column("t"), "--json").out)
    assert {entry["proxy"] for entry in read["entries"]} == {column("p"), column("gap")}
    assert read["target"] == column("t")
    assert any("is excluded because it is text" in note for note in read["notes"])


def test_what_is_wrong_with_it(cli, sheet, place):
    for words in (
        ("run", sheet, "--target", HOSTILE),
        ("run", sheet, "--target", column("q")),
        ("run", sheet, "--target", column("t"), "--arch", column("q")),
        ("run", sheet, "--target", column("t"), "--proxies", HOSTILE),
        ("run", sheet, "--target", column("t"), "--space", HOSTILE),
        ("run", sheet, "--target", column("t"), "--space", "nasbench201"),
        ("run", HOSTILE, "--target", "x"),
        ("run", f"{HOSTILE}.csv", "--target", "x"),
        ("run", "digits-201", "--proxies", f"naswot{HOSTILE}"),
        ("run", "digits-201", "--source", HOSTILE),
        ("run", "digits-201", HOSTILE),
        ("show", HOSTILE),
        ("list", HOSTILE),
        ("check", HOSTILE),
        ("efficiency", HOSTILE, "--store", HOSTILE),
        ("leaderboard", HOSTILE),
        ("leaderboard", "--store", HOSTILE),
        ("data", "import", HOSTILE, HOSTILE),
        ("score", f"{HOSTILE}:f", "--input", "3x2x2"),
        ("score", "x.py:f", "--input", HOSTILE),
    ):
        result = cli(*words)
        assert result.status in (1, 2)
        *before, last = inert(result.err).splitlines()
        assert last.startswith("zcbench")
        assert before == [line for line in before if line.startswith("reading ")]


def test_leaderboards_in_every_form(sheet, capsys):
    evaluation = correlate_columns(own_benchmark(sheet, column("t")))
    check_csv(evaluation.to_csv())
    check_markdown(evaluation.to_markdown())
    check_json(evaluation.to_json())
    html = to_html([evaluation], {HOSTILE: {"processor": HOSTILE, HOSTILE: HOSTILE}})
    page = Tags(inert(html))
    assert page.found.count("script") == 2
    assert {"img", "b"} & set(page.found) <= {"b"}
    assert "\\u202e" in page.text
    fragment = Tags(inert(evaluation._repr_html_()))
    assert set(fragment.found) <= {"div", "p", "table", "thead", "tbody", "tr", "th", "td", "ul", "li"}
    assert "<script>alert(1)</script>" in fragment.text
    assert len(inert(repr(evaluation))) <= 120
    _shared.print_board(evaluation)
    assert "[red]r[/red]" in inert(capsys.readouterr().out)


def test_sample_efficiency_in_every_form(tmp_path, capsys):
    def trial(name, size, seed, tau):
        status, detail = (Status.FAILED, HOSTILE) if tau is None else (Status.OK, "")
        metrics = {} if tau is None else {"tau": tau, "rho": tau, HOSTILE: tau}
        return Trial("toy@1", "quality", "", f"{name}@1", 100, size, 0, seed, status, metrics, detail)

    rows = [trial(HOSTILE, n, s, 0.5 + n / 100 + s / 50) for n in (10, 20) for s in range(3)]
    rows += [trial(f"_{HOSTILE}", 10, s, None if s else 0.1) for s in range(3)]
    found = sample_efficiency(rows, toy())
    check_csv(found.to_csv())
    check_markdown(found.to_markdown())
    check_json(found.to_json())
    draw_efficiency(found, tmp_path / "figure.svg")
    text = inert((tmp_path / "figure.svg").read_text())
    assert {e.tag.rpartition("}")[2] for e in ET.fromstring(text).iter()} & {"script", "a", "image"} == set()
    _shared.print_board(found)
    assert "[red]r[/red]" in inert(capsys.readouterr().out)
    own = [Trial(t.benchmark, t.target, f"{HOSTILE}@1/x", *list_of(t)) for t in rows]
    check_markdown(sample_efficiency(own, toy()).to_markdown())


def list_of(trial):
    """All fields of a trial behind its source."""
    return [getattr(trial, name) for name in list(Trial.__dataclass_fields__)[3:]]


def test_proxies_with_words_and_reasons(cli, place):
    place.joinpath("plugin.py").write_text(PLUGIN)
    plugin = ("--import", "plugin.py")
    run = ("run", "digits-201", *plugin, "--proxies", "t-hostile,t-number", "--limit", 3, "--workers", 0)
    result = cli(*run)
    assert result.status == 1
    assert "alert(1)" in inert(result.out)
    assert "t-hostile failed on 3 of 3" in inert(result.err)
    check_json(cli(*run, "--json").out)
    assert cli("leaderboard", "digits-201", "--out", "out").status == 0
    check_markdown(place.joinpath("out/digits-201.md").read_text())
    inert(place.joinpath("out/digits-201.csv").read_text())
    page = Tags(inert(place.joinpath("out/digits-201.html").read_text()))
    assert page.found.count("script") == 2
    for words in (("list", "proxies"), ("show", "t-hostile")):
        assert "alert(1)" in inert(cli(*words, *plugin).out)
        check_json(cli(*words, *plugin, "--json").out)
    score = ("score", "plugin.py:build", "--input", "3x2x2", "--proxies", "t-hostile,t-number")
    assert "t-hostile" in inert(cli(*score, *plugin).out)
    check_json(cli(*score, *plugin, "--json").out)
    inert(cli("score", "plugin.py:broken", "--input", "3x2x2").sentence)


def test_environment_variables(cli, place, monkeypatch):
    monkeypatch.setenv("ZCBENCH_RUNS", WORDS)
    monkeypatch.setenv("ZCBENCH_DATA", WORDS)
    assert "alert(1)" in inert(cli("env").out)
    check_json(cli("env", "--json").out)
    inert(cli("data").out)
    inert(cli("leaderboard").sentence)


@pytest.mark.parametrize("width", [20, 40, 80, 120])
def test_narrow_terminals(cli, place, monkeypatch, width):
    """Nothing is cut off: columns that find no room are named."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    place.joinpath("my.csv").write_text("arch,acc,score,size\na,1,1,9\nb,2,3,8\nc,3,2,7\nd,4,4,6\n")
    out = cli("run", "my.csv", "--target", "acc").out
    assert all(len(line) <= width for line in out.splitlines())
    assert "score" in out
    assert ("Dropped at" in out.replace("\n", " ")) == (width < 80)
    for kind in ("proxies", "benchmarks", "spaces", "tracks"):
        text = cli("list", kind).out
        assert all(len(line) <= width for line in text.splitlines())
        names = {next(iter(row.values())) for row in json.loads(cli("list", kind, "--json").out)}
        assert [name for name in names if name not in "".join(text.split())] == []


def test_files_have_all_columns(cli, place, monkeypatch):
    """Whatever terminal a program was started from: no column is left out of what is no terminal's."""
    monkeypatch.setenv("COLUMNS", "40")
    place.joinpath("my.csv").write_text("arch,acc,score\na,1,1\nb,2,3\nc,3,2\n")
    assert "over params" in cli("run", "my.csv", "--target", "acc").out
    assert cli("list", "proxies").out.startswith("name ")
