"""A page of tables holds them all, and no text of others acts as markup."""

from toys import forecast

import zcbench
from zcbench.evaluation import compare_forecasts
from zcbench.leaderboards import boards_to_html


def test_every_table_stands_in_the_page():
    table = zcbench.get_benchmark("chars-rnn")
    trials = [
        forecast("x:a=<b>&@1", benchmark="chars-rnn@1", curve="valid_nll"),
        forecast("last_value@1", benchmark="chars-rnn@1", curve="valid_nll"),
    ]
    board = compare_forecasts(trials, table)
    page = boards_to_html("a <script>", [board, board.showing("mse")])
    assert page.startswith("<!doctype html>") and page.rstrip().endswith("</html>")
    assert page.count("<table>") == 2 and "<script" not in page and "<b>" not in page
    assert "x:a=&lt;b&gt;&amp;" in page and "a &lt;script&gt;" in page
