"""The page of a supernet's story: loads nothing, and shows what the story says."""

import re

import pytest
from stories import NAME, story

from zcbench.leaderboards import story_to_html


def test_it_shows_fronts_and_rankings():
    html = story_to_html(story())
    assert html.count("<svg") == 4 and html.count("</svg>") == 4
    for text in (
        "the true front",
        "the bound",
        "found within the bound",
        "who ranks subnets",
        "another training: 0.80",
    ):
        assert text in html
    assert len(re.findall('<path class="interval"', html)) == 3
    assert len(re.findall('<path class="(chosen|tuned)"', html)) == 2
    # The staircase goes up and to the right.
    (steps,) = re.findall(r'<path class="steps" d="([^"]*)"/>\n<path class="front"', html)
    xs, ys = ([float(n) for n in re.findall(kind + r"([-\d.]+)", steps)] for kind in "HV")
    assert xs == sorted(xs) and ys == sorted(ys, reverse=True)
    assert html.count("<code>") == 3


@pytest.mark.parametrize("compared", [True, False])
def test_it_loads_nothing(compared):
    html = story_to_html(story(compared=compared))
    assert not re.search(r"<script|<link|https?:|url\(|@import", html)
    assert html.count("<svg") == (4 if compared else 2)


def test_no_text_acts_as_markup():
    html = story_to_html(story(search={"found": "<b>|\u202e"}))
    assert "<b>" not in html and "\u202e" not in html and NAME in html


def test_a_part_of_the_space_has_no_true_front():
    html = story_to_html(story(evaluate={"space": 1296}))
    assert "the true front" not in html and "The known front of inherited accuracy" in html
