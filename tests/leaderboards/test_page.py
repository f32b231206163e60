"""One file that loads nothing, says what the evaluation says, and runs no stranger's code."""

import dataclasses
import json
import math
import re
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from toys import records, toy

import zcbench
from zcbench.evaluation import footnotes, headline, summarize
from zcbench.leaderboards import to_html

VOID = {"meta", "br", "img", "input", "link", "hr", "source"}


class Page(HTMLParser):
    """Tags in order with their attributes, texts by innermost tag; complains about tags that do not match."""

    def __init__(self, html):
        super().__init__()
        self.stack, self.tags, self.texts = [], [], []
        self.feed(html)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, text):
        if self.stack:
            self.texts.append((self.stack[-1], text))

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    def text(self, tag):
        return [text for name, text in self.texts if name == tag]


def data(page):
    return json.loads(page.text("script")[0])


@pytest.mark.parametrize("which", ["plain", "odd"])
def test_it_loads_nothing(which, request):
    html = to_html([request.getfixturevalue(which)], {"e0": {"torch": "2"}})
    page = Page(html)
    assert {tag for tag, _ in page.tags} & {"link", "img", "iframe", "object", "embed", "base", "source"} == set()
    for tag, attributes in page.tags:
        assert not {"src", "srcset", "action", "data", "background"} & set(attributes), tag
        # A link is followed when a reader asks for it: to a paper, or to a part of the page.
        assert "href" not in attributes or (
            tag == "a" and re.match("https://arxiv.org/abs/[0-9]|#", attributes["href"])
        )
        assert not [name for name in attributes if name.startswith("on")], tag
    own = "".join(page.text("style")) + page.text("script")[1]
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|import\s*\(|innerHTML|document\.write", own)
    assert re.findall(r"https?://[^\"\s]*", own) == ["http://www.w3.org/2000/svg"]


@pytest.mark.parametrize("which", ["plain", "odd"])
def test_one_row_per_proxy(which, request):
    evaluation = request.getfixturevalue(which)
    page = Page(to_html([evaluation]))
    rows = [a for a in page.all("tr") if "data-proxy" in a]
    assert [int(a["data-proxy"]) for a in rows] == list(range(len(evaluation.entries)))
    assert headline(evaluation) in page.text("p")
    assert [e["proxy"] for e in data(page)[0]["entries"]] == [e.proxy for e in evaluation.entries]


@pytest.mark.parametrize("which", ["plain", "odd"])
def test_the_points_are_those_of_the_evaluation(which, request):
    evaluation = request.getfixturevalue(which)
    (content,) = data(Page(to_html([evaluation])))
    assert (content["benchmark"], content["target"]) == ("toy@1", "quality")
    for found, entry in zip(content["entries"], evaluation.entries, strict=True):
        assert [content["architectures"][i] for i in found["a"]] == list(entry.architectures)
        np.testing.assert_allclose(found["x"], entry.scores, rtol=1e-4)
        np.testing.assert_allclose(found["y"], entry.truths, rtol=1e-4)


def test_strangers_words_stay_words(odd):
    html = to_html([odd], {"e0": {"processor": "</script><b>&"}})
    page = Page(html)
    assert len(page.all("script")) == 2
    assert page.all("img") == []
    assert odd.entries[0].proxy in page.text("td")
    assert all(note in page.text("li") for note in footnotes(odd))
    # Inside a script element the parser of a browser also reacts to "<!--".
    assert "<" not in page.text("script")[0]
    assert any("processor </script><b>&" in text for text in page.text("li"))


def sorting_keys(page):
    return [a["data-value"] for a in page.all("td") if "data-value" in a and "text" not in a["class"].split()]


def test_sorting_keys(plain, odd):
    page = Page(to_html([plain]))
    cells = [float(value) for value in sorting_keys(page)]
    columns = np.reshape(cells, (len(plain.entries), -1))
    assert columns[:, 1].tolist() == [e.tau.value for e in plain.entries]
    assert columns[:, -1].tolist() == [e.seconds for e in plain.entries]
    assert "nan" in sorting_keys(Page(to_html([odd])))


def test_what_beats_params_is_marked(plain):
    page = Page(to_html([plain]))
    marks = [a["class"].split() for a in page.all("td") if {"strong", "weak"} & set(a.get("class", "").split())]
    assert [marked == ["more", "strong"] for marked in marks] == [e.over_params.low > 0 for e in plain.entries]
    assert {tuple(marked) for marked in marks} == {("more", "strong"), ("more", "weak")}


def test_proxies_have_links_to_their_papers(plain):
    known = dataclasses.replace(plain.entries[0], proxy="naswot:activation=all")
    mine = dataclasses.replace(plain.entries[1], proxy="mine")
    both = dataclasses.replace(plain, entries=(known, mine))
    page = Page(to_html([both], references={"mine": "<b>Doe</b>, arXiv:2501.00001v2, and more"}))
    assert [a["href"] for a in page.all("a")] == ["https://arxiv.org/abs/" + x for x in ("2501.00001v2", "2006.04647")]
    assert {"mine", "naswot"} <= set(page.text("b"))
    assert "<b>Doe</b>, " in "".join(page.text("li"))  # words of others are no markup


def test_date_and_citation(plain):
    text = " ".join(text for _, text in Page(to_html([plain], written=date(2026, 11, 27))).texts)
    assert f"Written by zcbench {zcbench.__version__} on 2026-11-27." in text
    assert " on 20" not in to_html([plain])
    told = (Path(__file__).parents[2] / "CITATION.cff").read_text(encoding="utf-8")
    title, year = re.search('^title: "(.*)"$', told, re.M)[1], re.search(r"^date-released: \"?(\d{4})", told, re.M)[1]
    assert f"\n  title   = {{{title}}},\n" in text and f"\n  year    = {{{year}}},\n" in text


def test_sections_say_what_distinguishes_them(plain):
    other = dataclasses.replace(plain, seed=7, batch="elsewhere/64")
    own = dataclasses.replace(plain, batch="")
    page = Page(to_html([plain, other, own]))
    assert page.text("h2")[:3] == [
        f"toy@1 · quality · seed 0 · batch {plain.batch}",
        "toy@1 · quality · seed 7 · batch elsewhere/64",
        "toy@1 · quality",
    ]
    assert page.text("a") == page.text("h2")[:3]
    assert [a["href"][1:] for a in page.all("a")] == [a["id"] for a in page.all("section")]
    assert Page(to_html([plain])).all("nav") == []


def test_ranks_are_the_first_view(plain):
    (chosen,) = [a for a in Page(to_html([plain])).all("input") if "checked" in a]
    assert chosen["value"] == "rank"


def test_several_evaluations(plain, odd):
    page = Page(to_html([plain, odd]))
    assert [a["data-number"] for a in page.all("section")] == ["0", "1"]
    assert len(data(page)) == 2
    assert len({a["name"] for a in page.all("input")}) == 2


def test_an_overview_stands_first_and_is_inert(plain, odd):
    page = Page(to_html([plain, odd], overview=odd))
    assert len(page.all("table")) == 3
    assert len(page.all("script")) == 2
    assert page.all("img") == []
    assert page.text("td")[1] == odd.entries[0].proxy
    assert len(Page(to_html([plain, odd])).all("table")) == 2


def test_extreme_scores():
    benchmark = toy([1, 2, 3, 4, 5])
    values = [1e300, -1e300, 5e-324, 0.0, 1e307]
    (content,) = data(Page(to_html([summarize(records(benchmark, values), benchmark)])))
    assert all(math.isfinite(x) for x in content["entries"][0]["x"])
    assert content["entries"][0]["x"][:2] == [1e300, -1e300]


def test_forest_stays_on_its_axis(plain, odd):
    for evaluation in (plain, odd):
        for attributes in Page(to_html([evaluation])).all("b"):
            if "style" in attributes:
                left, width = map(float, re.fullmatch(r"left:(.*)%;width:(.*)%", attributes["style"]).groups())
                assert left >= 0
                assert width >= 0
                assert left + width <= 100.01


def test_the_largest_numbers_stay_finite():
    largest = [1.7976931348623157e308, -1.7976931348623157e308, 0.0, 5e-324]
    benchmark = toy(largest)
    (content,) = data(Page(to_html([summarize(records(benchmark, largest), benchmark)])))
    assert content["entries"][0]["x"] == content["entries"][0]["y"] == largest
