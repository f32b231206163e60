"""The page of a ranking: loads nothing, and shows what the report says."""

import re

import pytest
from rankings import ranking, row

from zcbench.leaderboards import ranking_to_html
from zcbench.leaderboards._ranking_page import _front


def test_it_shows_table_costs_and_intervals():
    html = ranking_to_html(ranking())
    assert html.count("<svg") == 4 == html.count("</svg>")
    for text in ("inherited(naswot): 0.70, 30.00 s all-in", "better than all cheaper scorers", "minus that of params"):
        assert text in html
    assert len(re.findall('<path class="interval"', html)) == 5 + 4  # the differences are without params
    assert len(re.findall('<path class="chosen"', html)) == 1
    assert len(re.findall('<path class="level"', html)) == 3  # the ceiling, and where nothing differs
    assert not re.search(r"<script|<link|https?:|url\(|@import", html)


def test_the_front_of_cost_and_tau():
    assert _front(ranking().listed) == {"params", "inherited(naswot)", "one stand-alone training"}


@pytest.mark.parametrize("shown", [{}, {"rows": [], "truth": []}])
def test_what_is_missing_is_left_out(shown):
    html = ranking_to_html(ranking(shown=shown, scorers=(row("params"), row("x", failures=8))))
    assert html.count("<svg") == 2
    assert "<svg" not in ranking_to_html(ranking(shown=shown, scorers=(row("x", failures=8),)))


def test_no_text_acts_as_markup():
    html = ranking_to_html(ranking(scorers=(row("<b>\u202e"), row("params"))))
    assert "<b>" not in html and "\u202e" not in html
