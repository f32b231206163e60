"""The page of one search: loads nothing, runs nothing, and says what the report says."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from boards import HOSTILE
from searched import report

from zcbench.leaderboards import search_to_html
from zcbench.leaderboards._search_page import POINTS, _Plot

SEVERAL = {"names": ("valid", "flops"), "objectives": {"valid": False, "flops": False}}


class Page(HTMLParser):
    """Tags with their attributes; complains about tags that do not match."""

    def __init__(self, html):
        super().__init__()
        self.stack, self.tags, self.text = [], [], ""
        self.feed(html)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "path") and not (tag == "path" and self.get_starttag_text().endswith("/>")):
            self.stack.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if tag != "path":
            assert self.stack.pop() == tag

    def handle_data(self, text):
        self.text += text

    def all(self, tag, kind=None):
        return [found for name, found in self.tags if name == tag and kind in (None, found.get("class"))]


def test_it_says_what_was_found_and_how():
    found = report()
    page = Page(search_to_html(found))
    for text in (found.headline(), *found.footnotes(), "random search, on average", "the best so far by valid"):
        assert text in page.text
    assert len(page.all("svg")) == 3 and len(page.all("path", "steps")) == 3
    assert "5: net-4, valid 0.1" in page.text
    assert page.all("tr", "best") == [{"class": "best"}]


def test_several_objectives_show_fronts_and_hypervolume():
    page = Page(search_to_html(report(**SEVERAL)))
    assert len(page.all("path", "known")) == 4 and len(page.all("path", "front")) == 4
    assert "hypervolume against evaluations" in page.text and "The whole front" not in page.text


@pytest.mark.parametrize(
    "odd",
    [
        report(rows=()),
        report(rows=(), **SEVERAL),
        report(rows=(1,), values={"valid": np.array([np.nan])}),
        report(table={}, directions={}, seconds=np.zeros(5)),
        report(rows=(1,), **SEVERAL, values={"valid": np.array([np.nan]), "flops": np.array([1.0])}, table={}),
    ],
)
def test_odd_searches_have_a_page(odd):
    page = Page(search_to_html(odd))
    assert odd.headline() in page.text
    assert "nan" not in "".join(found.get("d", "") for found in page.all("path"))


def test_it_loads_nothing_and_runs_nothing_of_a_stranger():
    odd = report(
        rows=(0, 1), values={HOSTILE: np.arange(2.0)}, objectives={HOSTILE: True}, searcher=HOSTILE,
        evaluate=HOSTILE, architectures=(HOSTILE, HOSTILE + "2"), ended=HOSTILE, table={}, directions={},
    )  # fmt: skip
    html = search_to_html(odd)
    page = Page(html)
    assert not page.all("script") and not page.all("img") and not page.all("link") and not page.all("a")
    assert not re.search(r"(src|href)=", html.replace("src=x", ""))


def test_a_long_search_has_a_small_page():
    n = 20_000
    rng = np.random.default_rng(0)
    odd = report(
        rows=(), architectures=tuple(f"net-{row}" for row in range(n)), epochs=np.full(n, np.nan),
        values={"valid": rng.random(n)}, seconds=np.arange(float(n)), table={}, directions={},
    )  # fmt: skip
    html = search_to_html(odd)
    assert len(html) < 400_000 and html.count("<title>") <= POINTS + 2
    assert "200 of 20000, the best by valid first." in html


def test_steps_stay_until_the_next_value_comes():
    plot = _Plot((0.0, 10.0), (0.0, 1.0), "x", "y")
    x, y = plot.place(2.0, 0.5)
    z, w = plot.place(4.0, 0.2)
    end = plot.place(10.0, 0.0)[0]
    found = plot.steps(np.array([1.0, 2, 3, 4, 10]), np.array([np.nan, 0.5, 0.5, 0.2, 0.2]))
    assert found == f"M{x:.1f} {y:.1f}H{z:.1f}V{w:.1f}H{end:.1f}"
    assert plot.line(np.array([1.0, 2.0]), np.array([5.0, 0.5])) == f"M{x:.1f} {y:.1f}"
    assert plot.steps(np.array([1.0]), np.array([np.nan])) == ""


def test_long_architectures_break_so_that_numbers_stay_in_sight():
    one, several = search_to_html(report()), search_to_html(report(**SEVERAL))
    rule = re.search(r"(.*) {[^}]*overflow-wrap: anywhere; }", one.split("min-width: 8rem; }")[1]).group(1)
    assert rule.strip() == ".found.several td:first-child, td.text"
    assert one.index("white-space: nowrap; }") < one.index(".found.several td")  # the later rule holds
    assert Page(one).all("section", "found") and Page(one).all("td", "text")
    assert Page(several).all("section", "found several")
